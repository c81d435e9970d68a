"""An ExitStack that is never closed calls back its owner."""

from contextlib import ExitStack

REQUIRES = []
SOURCE = "https://docs.python.org/3/library/contextlib.html#contextlib.ExitStack"
KIND = "cycle"
EXPECT = {
    "types": ["Connection", "ExitStack", "deque"],
    "edge_names": ["stack", "_exit_callbacks", "__closure__", "__self__"],
}
MIN_PY, MAX_PY = (3, 10), (3, 99)


class Connection:
    def __init__(self):
        self.stack = ExitStack()
        self.stack.callback(self.close)

    def close(self):
        pass


def run():
    Connection()
