"""A thread-local object keeps something that refers to it."""

import threading

REQUIRES = []
SOURCE = "https://docs.python.org/3/library/threading.html#thread-local-data"
KIND = "cycle"
EXPECT = {"types": ["Cache", "_local"], "edge_names": ["local"]}
MIN_PY, MAX_PY = (3, 10), (3, 99)


class Cache:
    def __init__(self):
        self.local = threading.local()
        self.local.owner = self


def run():
    Cache()
