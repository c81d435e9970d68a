"""An abstract class and its subclass, both made in a function."""

import abc

REQUIRES = []
SOURCE = "https://docs.python.org/3/library/abc.html"
KIND = "cycle"
EXPECT = {"types": ["ABCMeta"], "edge_names": ["__mro__"]}
MIN_PY, MAX_PY = (3, 10), (3, 99)


def run():
    class Shape(abc.ABC):
        @abc.abstractmethod
        def area(self):
            pass

    class Square(Shape):
        def area(self):
            return super().area()

    return isinstance(Square(), Shape)
