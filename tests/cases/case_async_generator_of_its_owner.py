"""An object keeps the suspended asynchronous generator of its own method."""

REQUIRES = []
SOURCE = (
    "https://docs.python.org/3/reference/expressions.html#asynchronous-generator-iterator-methods"
)
KIND = "cycle"
EXPECT = {
    "types": ["Job", "async_generator"],
    "edge_names": ["steps", "f_locals:self"],
    "finalizers": True,
}
MIN_PY, MAX_PY = (3, 10), (3, 99)


class Job:
    def __init__(self):
        self.steps = self.work()
        try:
            self.steps.__anext__().send(None)
        except StopIteration:
            pass

    async def work(self):
        yield 1


def run():
    Job()
