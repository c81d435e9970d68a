"""A logging handler that refers to the service that keeps it."""

import logging

REQUIRES = []
SOURCE = "https://docs.python.org/3/library/logging.html#handler-objects"
KIND = "cycle"
EXPECT = {"types": ["Service", "Handler"], "edge_names": ["handler", "service"]}
MIN_PY, MAX_PY = (3, 10), (3, 99)


class Handler(logging.Handler):
    def __init__(self, service):
        super().__init__()
        self.service = service


class Service:
    def __init__(self):
        self.handler = Handler(self)


def run():
    Service()
