"""An object keeps a lambda that refers to it."""

REQUIRES = []
SOURCE = "https://docs.python.org/3/faq/programming.html"
KIND = "cycle"
EXPECT = {"types": ["Button", "function", "cell"], "edge_names": ["on_click", "__closure__"]}
MIN_PY, MAX_PY = (3, 10), (3, 99)


class Button:
    def __init__(self):
        self.on_click = lambda: self.click()

    def click(self):
        pass


def run():
    Button()
