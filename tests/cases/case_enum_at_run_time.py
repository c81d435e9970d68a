"""An enumeration made in a function."""

import enum

REQUIRES = []
SOURCE = "https://docs.python.org/3/library/enum.html#functional-api"
KIND = "cycle"
EXPECT = {"types": ["Color"], "edge_names": ["__mro__", "_member_map_"]}
MIN_PY, MAX_PY = (3, 10), (3, 99)


def run():
    return enum.Enum("Color", "RED BLUE").RED.value
