"""A timer that is never started calls its owner."""

import threading

REQUIRES = []
SOURCE = "https://docs.python.org/3/library/threading.html#threading.Timer"
KIND = "cycle"
EXPECT = {"types": ["Session", "Timer", "method"], "edge_names": ["timer", "function", "__self__"]}
MIN_PY, MAX_PY = (3, 10), (3, 99)


class Session:
    def __init__(self):
        self.timer = threading.Timer(60, self.expire)

    def expire(self):
        pass


def run():
    Session()
