"""A function keeps the future whose exception it has raised."""

from concurrent.futures import Future

REQUIRES = []
SOURCE = "https://github.com/python/cpython/issues/80111"
KIND = "cycle"
EXPECT = {
    "types": ["Future", "ValueError", "traceback", "frame"],
    "edge_names": ["_exception", "__traceback__", "tb_frame", "f_locals:future"],
}
MIN_PY, MAX_PY = (3, 10), (3, 99)


def wait():
    future = Future()
    future.set_exception(ValueError("failed"))
    return future.result()


def run():
    try:
        wait()
    except ValueError:
        return True
