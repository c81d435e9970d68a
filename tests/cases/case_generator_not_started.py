"""A generator that has not begun refers to its owner."""

REQUIRES = []
SOURCE = "https://docs.python.org/3/reference/expressions.html#generator-iterator-methods"
KIND = "cycle"
EXPECT = {
    "types": ["Job", "generator"],
    "edge_names": ["steps", "f_locals:self"],
    "finalizers": True,
}
MIN_PY, MAX_PY = (3, 10), (3, 99)


class Job:
    def __init__(self):
        self.steps = self.work()

    def work(self):
        yield 1


def run():
    Job()
