"""The list of inspect.stack() kept in a local variable."""

import inspect

REQUIRES = []
SOURCE = "https://docs.python.org/3/library/inspect.html#the-interpreter-stack"
KIND = "cycle"
EXPECT = {"types": ["frame", "list", "FrameInfo"], "edge_names": ["f_locals:frames"]}
MIN_PY, MAX_PY = (3, 10), (3, 99)


def run():
    frames = inspect.stack(context=0)[:1]
    return len(frames)
