"""A dictionary that is its own attributes."""

REQUIRES = []
SOURCE = "https://stackoverflow.com/questions/4984647"
KIND = "cycle"
EXPECT = {"types": ["AttrDict"], "edge_names": ["__dict__"]}
MIN_PY, MAX_PY = (3, 10), (3, 99)


class AttrDict(dict):
    def __init__(self, **values):
        super().__init__(**values)
        self.__dict__ = self


def run():
    return AttrDict(a=1).a
