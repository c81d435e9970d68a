"""An object keeps the traceback of an error in its own method."""

import sys

REQUIRES = []
SOURCE = "https://docs.python.org/3/library/sys.html#sys.exc_info"
KIND = "cycle"
EXPECT = {
    "types": ["Job", "traceback", "frame"],
    "edge_names": ["traceback", "tb_frame", "f_locals:self"],
}
MIN_PY, MAX_PY = (3, 10), (3, 99)


class Job:
    def run(self):
        try:
            raise ValueError
        except ValueError:
            self.traceback = sys.exc_info()[2]


def run():
    Job().run()
