"""Children whose parent is set by a property."""

REQUIRES = []
SOURCE = "https://docs.python.org/3/library/functions.html#property"
KIND = "cycle"
EXPECT = {"types": ["Node", "list"], "edge_names": ["children", "_parent"]}
MIN_PY, MAX_PY = (3, 10), (3, 99)


class Node:
    def __init__(self, parent=None):
        self.children = []
        self.parent = parent

    @property
    def parent(self):
        return self._parent

    @parent.setter
    def parent(self, parent):
        self._parent = parent
        if parent is not None:
            parent.children.append(self)


def run():
    Node(Node())
