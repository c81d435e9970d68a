"""A ctypes structure made in a function."""

import ctypes

REQUIRES = []
SOURCE = "https://docs.python.org/3/library/ctypes.html#structures-and-unions"
KIND = "cycle"
EXPECT = {"types": [], "edge_names": ["__mro__"]}
MIN_PY, MAX_PY = (3, 10), (3, 99)


def run():
    class Point(ctypes.Structure):
        _fields_ = (("x", ctypes.c_int), ("y", ctypes.c_int))

    return Point(1, 2).y
