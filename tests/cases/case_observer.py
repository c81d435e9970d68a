"""A subject keeps the bound methods of observers that know it."""

REQUIRES = []
SOURCE = "https://en.wikipedia.org/wiki/Lapsed_listener_problem"
KIND = "cycle"
EXPECT = {
    "types": ["Subject", "Observer", "method", "list"],
    "edge_names": ["observers", "__self__", "subject"],
}
MIN_PY, MAX_PY = (3, 10), (3, 99)


class Subject:
    def __init__(self):
        self.observers = []


class Observer:
    def __init__(self, subject):
        self.subject = subject
        subject.observers.append(self.update)

    def update(self):
        pass


def run():
    subject = Subject()
    Observer(subject), Observer(subject)
