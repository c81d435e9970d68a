"""Garbage is watched by a weak reference whose callback the collector runs."""

import weakref

REQUIRES = []
SOURCE = "https://docs.python.org/3/library/weakref.html#weakref.ref"
KIND = "cycle"
EXPECT = {"types": ["Node"], "edge_names": ["itself"], "finalizers": True}
MIN_PY, MAX_PY = (3, 10), (3, 99)


class Node:
    pass


REFERENCES = []


def run():
    node = Node()
    node.itself = node
    REFERENCES[:] = [weakref.ref(node, lambda reference: None)]
