"""Two objects with a __del__ that breaks their cycle."""

REQUIRES = []
SOURCE = "https://peps.python.org/pep-0442/"
KIND = "cycle"
EXPECT = {"types": ["Resource"], "edge_names": ["other"], "finalizers": True}
MIN_PY, MAX_PY = (3, 10), (3, 99)


class Resource:
    def __del__(self):
        self.other = None


def run():
    first, second = Resource(), Resource()
    first.other, second.other = second, first
