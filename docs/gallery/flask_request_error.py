"""A Flask view that keeps an exception for the log of the request."""

from __future__ import annotations

import flask

ONLY_OWN = True  # the router of werkzeug leaves a closure of its own at each request

app = flask.Flask(__name__)


class Audit:
    """What is noted about one request."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    def parse(self, text: str) -> int:
        try:
            return int(text)
        except ValueError as error:
            self.error = error
            return 0


@app.route("/faulty")
def faulty_view() -> str:
    flask.g.audit = Audit()
    return str(flask.g.audit.parse("seven"))


def faulty() -> bytes:
    with app.test_request_context("/faulty"):
        return app.dispatch_request().encode()


# --- mended: as the report says ---


class TidyAudit(Audit):
    """The same notes, without the frames that the exception holds."""

    def parse(self, text: str) -> int:
        try:
            return int(text)
        except ValueError as error:
            self.error = error.with_traceback(None)
            return 0


@app.route("/mended")
def mended_view() -> str:
    flask.g.audit = TidyAudit()
    return str(flask.g.audit.parse("seven"))


def mended() -> bytes:
    with app.test_request_context("/mended"):
        return app.dispatch_request().encode()
