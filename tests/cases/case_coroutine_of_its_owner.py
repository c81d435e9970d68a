"""An object keeps the suspended coroutine of its own method."""

import types

REQUIRES = []
SOURCE = "https://docs.python.org/3/reference/datamodel.html#coroutine-objects"
KIND = "cycle"
EXPECT = {
    "types": ["Job", "coroutine"],
    "edge_names": ["coroutine", "f_locals:self"],
    "finalizers": True,
}
MIN_PY, MAX_PY = (3, 10), (3, 99)


@types.coroutine
def pause():
    yield


class Job:
    def __init__(self):
        self.coroutine = self.work()
        self.coroutine.send(None)

    async def work(self):
        await pause()


def run():
    Job()
