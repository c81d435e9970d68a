"""A weak reference calls back the object that keeps it."""

import weakref

REQUIRES = []
SOURCE = "https://docs.python.org/3/library/weakref.html#weakref.ref"
KIND = "cycle"
EXPECT = {"types": ["Watcher", "method"], "edge_names": ["reference", "__callback__", "__self__"]}
MIN_PY, MAX_PY = (3, 10), (3, 99)


class Target:
    pass


TARGET = Target()


class Watcher:
    def __init__(self):
        self.reference = weakref.ref(TARGET, self.gone)

    def gone(self, reference):
        pass


def run():
    Watcher()
