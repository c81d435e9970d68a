"""An object keeps the suspended generator of its own method."""

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
        next(self.steps)

    def work(self):
        data = [1]
        yield data


def run():
    Job()
