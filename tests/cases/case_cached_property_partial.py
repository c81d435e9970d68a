"""A cached property holds a partial of a bound method."""

from functools import cached_property, partial

REQUIRES = []
SOURCE = "https://docs.python.org/3/library/functools.html#functools.cached_property"
KIND = "cycle"
EXPECT = {"types": ["Page", "partial", "method"], "edge_names": ["loader", "func", "__self__"]}
MIN_PY, MAX_PY = (3, 10), (3, 99)


class Page:
    @cached_property
    def loader(self):
        return partial(self.load, 3)

    def load(self, number):
        return number


def run():
    return Page().loader()
