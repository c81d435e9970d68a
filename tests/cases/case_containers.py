"""Containers of several kinds that hold themselves through an object."""

import collections

REQUIRES = []
SOURCE = "https://docs.python.org/3/library/collections.html"
KIND = "cycle"
EXPECT = {
    "types": ["Item", "OrderedDict", "defaultdict", "deque", "set", "dict"],
    "edge_names": ["ordered", "default", "queue", "members"],
}
MIN_PY, MAX_PY = (3, 10), (3, 99)


class Item:
    pass


def run():
    item = Item()
    item.ordered = collections.OrderedDict(key=item)
    item.default = collections.defaultdict(list, key=item)
    item.queue = collections.deque([item])
    item.members = {item}
    item.table = {(1, "a"): item}
