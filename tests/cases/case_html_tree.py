"""An HTMLParser that builds a tree with parents."""

from html.parser import HTMLParser

REQUIRES = []
SOURCE = "https://docs.python.org/3/library/html.parser.html"
KIND = "cycle"
EXPECT = {"types": ["Element", "list"], "edge_names": ["children", "parent"]}
MIN_PY, MAX_PY = (3, 10), (3, 99)


class Element:
    def __init__(self, parent):
        self.parent = parent
        self.children = []


class Builder(HTMLParser):
    def __init__(self):
        super().__init__()
        self.current = Element(None)

    def handle_starttag(self, tag, attributes):
        element = Element(self.current)
        self.current.children.append(element)
        self.current = element

    def handle_endtag(self, tag):
        self.current = self.current.parent


def run():
    parser = Builder()
    parser.feed("<p>some <b>bold</b> text</p>")
    parser.close()
