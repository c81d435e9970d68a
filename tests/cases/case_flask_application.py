"""A Flask application made in a function, as factories and tests do."""

import flask

REQUIRES = ["flask"]
SOURCE = "https://flask.palletsprojects.com/en/stable/patterns/appfactories/"
KIND = "cycle"
EXPECT = {"types": ["Rule", "Map"], "edge_names": ["map", "__self__"]}
MIN_PY, MAX_PY = (3, 10), (3, 99)


def run():
    app = flask.Flask("shop")

    @app.route("/")
    def index():
        return "hello"

    return app.test_client().get("/").status_code
