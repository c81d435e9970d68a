"""A SAX parser whose handler keeps it."""

import io
import xml.sax

REQUIRES = []
SOURCE = "https://docs.python.org/3/library/xml.sax.reader.html"
KIND = "cycle"
EXPECT = {"types": ["Handler", "ExpatParser"], "edge_names": ["parser", "_cont_handler"]}
MIN_PY, MAX_PY = (3, 10), (3, 99)


class Handler(xml.sax.ContentHandler):
    pass


def run():
    parser = xml.sax.make_parser()
    handler = Handler()
    handler.parser = parser
    parser.setContentHandler(handler)
    parser.parse(io.StringIO("<a>text</a>"))
