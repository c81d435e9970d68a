"""A feed parser that is not closed keeps its own suspended generator."""

import email.feedparser

REQUIRES = []
SOURCE = "https://github.com/python/cpython/blob/3.11/Lib/email/feedparser.py"
KIND = "cycle"
EXPECT = {
    "types": ["FeedParser", "generator"],
    "edge_names": ["_parse", "__self__", "f_locals:self"],
    "finalizers": True,
}
MIN_PY, MAX_PY = (3, 12), (3, 99)  # before, StringIO hides a list from the collector


def run():
    email.feedparser.FeedParser().feed("Subject: x")
