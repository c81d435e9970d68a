"""An object keeps the last error, raised while another one was handled."""

REQUIRES = []
SOURCE = "https://docs.python.org/3/library/exceptions.html#exception-context"
KIND = "cycle"
EXPECT = {
    "types": ["Client", "RuntimeError", "KeyError", "traceback", "frame"],
    "edge_names": ["last_error", "__context__", "__traceback__", "tb_frame", "f_locals:self"],
}
MIN_PY, MAX_PY = (3, 10), (3, 99)


class Client:
    def call(self):
        try:
            self.look_up()
        except RuntimeError as error:
            self.last_error = error

    def look_up(self):
        try:
            {}["name"]
        except KeyError:
            raise RuntimeError("not found")  # noqa: B904


def run():
    Client().call()
