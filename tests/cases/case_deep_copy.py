"""A deep copy of something cyclic is cyclic too."""

import copy

REQUIRES = []
SOURCE = "https://docs.python.org/3/library/copy.html"
KIND = "cycle"
EXPECT = {"types": ["Node"], "edge_names": ["partner"]}
MIN_PY, MAX_PY = (3, 10), (3, 99)


class Node:
    pass


ORIGINAL = Node()
ORIGINAL.partner = Node()
ORIGINAL.partner.partner = ORIGINAL


def run():
    copy.deepcopy(ORIGINAL)
