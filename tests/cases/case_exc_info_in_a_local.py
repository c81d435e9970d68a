"""The result of sys.exc_info() kept in a local variable."""

import sys

REQUIRES = []
SOURCE = "https://docs.python.org/3/library/sys.html#sys.exc_info"
KIND = "cycle"
EXPECT = {"types": ["frame", "tuple", "traceback"], "edge_names": ["f_locals:info", "tb_frame"]}
MIN_PY, MAX_PY = (3, 10), (3, 99)


def run():
    try:
        raise ValueError
    except ValueError:
        info = sys.exc_info()
    return len(info)
