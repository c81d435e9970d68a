"""Pairs of snippets for the recipes of packages; see recipe_pairs.py. Imports are made when run."""

from __future__ import annotations

import contextlib
import http.server
import io
import logging
import threading
from typing import Any

from recipe_pairs import Pair

# What a request of Flask leaves in any case.
REQUEST = frozenset({"werkzeug.routing.matcher"})


def fail() -> None:
    raise ValueError("failed")


class ApplicationMadeOnce(Pair):
    """Made by each call, and made once."""

    def __init__(self) -> None:
        self.application = self.make()

    def make(self) -> Any:
        raise NotImplementedError

    def before(self) -> None:
        self.make()

    def after(self) -> None:
        bool(self.application)


class AiohttpApplication(ApplicationMadeOnce):
    key = "aiohttp.web_app"
    needs = ("aiohttp",)

    def make(self) -> Any:
        import aiohttp.web

        return aiohttp.web.Application()


class AiohttpRoutes(AiohttpApplication):
    key = "aiohttp.web_urldispatcher"

    def make(self) -> Any:
        application = super().make()

        async def answer(request: object) -> None: ...

        application.router.add_get("/", answer)
        return application


class Blinker(Pair):
    key = "blinker"
    needs = ("blinker",)

    def make(self) -> Any:
        import blinker

        signal = blinker.Signal()
        signal.connect(id)
        return signal

    def __init__(self) -> None:
        self.signal = self.make()

    def before(self) -> None:
        self.make().send(1)

    def after(self) -> None:
        self.signal.send(1)


class Bs4(Pair):
    key = "bs4"
    needs = ("bs4",)

    def read(self) -> Any:
        import bs4

        soup = bs4.BeautifulSoup("<p>a<b class='x'>c</b></p>\n<i>d</i>", "html.parser")
        assert soup.b is not None and soup.b.text == "c" and soup.select("p b")
        return soup

    def before(self) -> None:
        self.read()

    def after(self) -> None:
        soup = self.read()
        soup.clear(decompose=True)
        soup.decompose()


class Bs4Lxml(Bs4):
    key = "bs4.builder._lxml"
    needs = ("bs4", "lxml")

    def before(self) -> None:
        import bs4

        bs4.BeautifulSoup("<p>a", "lxml")


class Cachetools(Pair):
    key = "cachetools"
    needs = ("cachetools",)

    def make(self) -> Any:
        import cachetools

        return cachetools.TTLCache(2, 100)

    def __init__(self) -> None:
        self.cache = self.make()

    def use(self, cache: Any) -> None:
        for number in range(5):
            cache[number] = number

    def before(self) -> None:
        self.use(self.make())

    def after(self) -> None:
        self.use(self.cache)


class Click(Pair):
    key = "click.testing"
    needs = ("click",)

    def __init__(self) -> None:
        import click.testing

        @click.command()
        def hello() -> None:
            click.echo("hello")

        self.command = hello
        self.runner = click.testing.CliRunner()

    def before(self) -> None:
        self.runner.invoke(self.command, [])

    def after(self) -> None:
        self.runner.invoke(self.command, [], standalone_mode=False)


class DjangoDatabase(Pair):
    key = "django.db.utils"
    needs = ("django",)

    def __init__(self) -> None:
        from django.conf import settings

        if not settings.configured:
            settings.configure(
                DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
            )

    def ask(self) -> None:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("select * from missing")

    def before(self) -> None:
        from django.db import DatabaseError

        with contextlib.suppress(DatabaseError):
            self.ask()

    def after(self) -> None:
        from django.db import DatabaseError

        try:
            self.ask()
        except DatabaseError as error:
            error.__traceback__ = None


class Flask(Pair):
    key = "flask.app"
    needs = ("flask",)
    leaves = REQUEST
    path = "/error"

    def make(self) -> Any:
        import flask

        application = flask.Flask("shop")
        application.logger.disabled = True
        application.add_url_rule("/error", "error", fail)
        application.add_url_rule("/gone", "gone", lambda: flask.abort(410))
        return application

    def __init__(self) -> None:
        from werkzeug.exceptions import HTTPException

        self.careless = self.make()
        self.careful = self.make()

        @self.careful.errorhandler(Exception)
        def failed(error: Exception) -> Any:
            logging.getLogger("recipes").debug("failed", exc_info=error)
            error.__traceback__ = error.__context__ = None
            return error.get_response() if isinstance(error, HTTPException) else ("failed", 500)

        self.ask(self.careless)
        self.ask(self.careful)

    def ask(self, application: Any) -> None:
        from werkzeug.test import EnvironBuilder, run_wsgi_app

        run_wsgi_app(application, EnvironBuilder(path=self.path).get_environ())

    def before(self) -> None:
        self.ask(self.careless)

    def after(self) -> None:
        self.ask(self.careful)


class FlaskAbort(Flask):
    path = "/gone"


class FlaskNotFound(Flask):
    path = "/nowhere"


class Html5lib(Pair):
    key = "html5lib"
    needs = ("html5lib",)

    def before(self) -> None:
        import html5lib

        html5lib.parse("<p>a")

    def after(self) -> None:
        from html.parser import HTMLParser

        parser = HTMLParser()
        parser.feed("<p>a")
        parser.close()


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


class Httpx(Pair):
    key = "httpx"
    needs = ("httpx",)

    def __init__(self) -> None:
        import httpx

        transport = httpx.MockTransport(lambda request: httpx.Response(200, text="some"))
        self.client = httpx.Client(transport=transport)

    def __del__(self) -> None:
        self.client.close()

    def before(self) -> None:
        assert self.client.get("http://example.org/").text == "some"

    def after(self) -> None:
        response = self.client.get("http://example.org/")
        assert response.text == "some"
        del response.stream


class HttpxOverNetwork(Httpx):
    def __init__(self) -> None:
        import httpx

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
        self.address = f"http://127.0.0.1:{self.server.server_port}/"
        self.client = httpx.Client()

    def __del__(self) -> None:
        super().__del__()
        self.server.server_close()

    def get(self) -> Any:
        thread = threading.Thread(target=self.server.handle_request)
        thread.start()
        response = self.client.get(self.address)
        thread.join()
        return response

    def before(self) -> None:
        assert self.get().text == ""

    def after(self) -> None:
        response = self.get()
        assert response.text == ""
        del response.stream


class JinjaError(Pair):
    key = "jinja2.debug"
    needs = ("jinja2",)

    def __init__(self) -> None:
        import jinja2

        self.template = jinja2.Environment().from_string("{{ user.name.first }}")

    def before(self) -> None:
        with contextlib.suppress(Exception):
            self.template.render()


class JinjaTemplate(Pair):
    key = "jinja2.environment"
    needs = ("jinja2",)

    def __init__(self) -> None:
        import jinja2

        loader = jinja2.DictLoader({"hello": "{{ name }}"})
        self.environment = jinja2.Environment(loader=loader)
        self.template = self.environment.from_string("{{ name }}")

    def before(self) -> None:
        self.environment.from_string("{{ name }}").render(name="you")

    def after(self) -> None:
        self.template.render(name="you")
        self.environment.get_template("hello").render(name="you")


class Lark(Pair):
    key = "lark.parsers.earley_forest"
    needs = ("lark",)

    def __init__(self) -> None:
        import lark

        grammar = 'start: item+\nitem: "a" | "b"'
        self.earley = lark.Lark(grammar)
        self.lalr = lark.Lark(grammar, parser="lalr")

    def before(self) -> None:
        self.earley.parse("ab")

    def after(self) -> None:
        self.lalr.parse("ab")


class Markdown(Pair):
    key = "markdown"
    needs = ("markdown",)
    leaves = frozenset({"markdown.postprocessors"})

    def __init__(self) -> None:
        import markdown

        self.markdown = markdown.Markdown()

    def before(self) -> None:
        import markdown

        markdown.markdown("# some *text*")

    def after(self) -> None:
        self.markdown.reset()
        self.markdown.convert("# some *text*")


class MarkdownRawHtml(Markdown):
    key = "markdown.postprocessors"
    leaves = frozenset()

    def __init__(self) -> None:
        super().__init__()
        self.markdown.postprocessors.deregister("raw_html")


class MarkdownIt(Pair):
    key = "markdown_it"
    needs = ("markdown_it",)

    def __init__(self) -> None:
        import markdown_it

        self.markdown = markdown_it.MarkdownIt()

    def before(self) -> None:
        import markdown_it

        markdown_it.MarkdownIt().render("# some *text*")

    def after(self) -> None:
        self.markdown.render("# some *text*")


class Marshmallow(Pair):
    key = "marshmallow.schema"
    needs = ("marshmallow",)

    def __init__(self) -> None:
        import marshmallow

        self.wrong = marshmallow.ValidationError
        self.schema = marshmallow.Schema.from_dict({"count": marshmallow.fields.Int()})()

    def before(self) -> None:
        with contextlib.suppress(self.wrong):
            self.schema.load({"count": "many"})

    def after(self) -> None:
        try:
            self.schema.load({"count": "many"})
        except self.wrong as error:
            error.__traceback__ = None


class Networkx(Pair):
    key = "networkx.classes"
    needs = ("networkx",)

    def use(self) -> Any:
        import networkx

        graph = networkx.DiGraph([(1, 2)])
        assert list(networkx.topological_sort(graph)) == [1, 2]
        assert graph.degree[1] == 1 and graph.nodes and graph.edges and graph.adj
        return graph

    def before(self) -> None:
        self.use()

    def after(self) -> None:
        graph = self.use()
        for view in ("degree", "edges", "in_degree", "out_degree", "in_edges", "out_edges"):
            vars(graph).pop(view, None)


class Pluggy(Pair):
    key = "pluggy"
    needs = ("pluggy",)

    def make(self) -> Any:
        import pluggy

        manager = pluggy.PluginManager("shop")
        manager.add_hookspecs(self.Specification)
        manager.register(self.Plugin())
        return manager

    def __init__(self) -> None:
        import pluggy

        class Specification:
            @pluggy.HookspecMarker("shop")
            def price(self, article: str) -> None: ...

            @pluggy.HookspecMarker("shop")
            def broken(self) -> None: ...

        class Plugin:
            @pluggy.HookimplMarker("shop")
            def price(self, article: str) -> int:
                return 1

            @pluggy.HookimplMarker("shop")
            def broken(self) -> None:
                raise ValueError("broken")

        self.Specification, self.Plugin = Specification, Plugin
        self.manager = self.make()

    def before(self) -> None:
        self.make().hook.price(article="pen")

    def after(self) -> None:
        self.manager.hook.price(article="pen")


class PluggyError(Pluggy):
    key = "pluggy._execution"

    def before(self) -> None:
        with contextlib.suppress(ValueError):
            self.manager.hook.broken()

    def after(self) -> None:
        try:
            self.manager.hook.broken()
        except ValueError as error:
            error.__traceback__ = None


class PydanticSchema(Pair):
    key = "pydantic.json_schema"
    needs = ("pydantic",)

    def __init__(self) -> None:
        import pydantic

        self.adapter = pydantic.TypeAdapter(list[int])
        self.schema = self.adapter.json_schema()

    def before(self) -> None:
        print(self.adapter.json_schema())

    def after(self) -> None:
        print(self.schema)


class Pyparsing(Pair):
    key = "pyparsing.core"
    needs = ("pyparsing",)

    def make(self) -> Any:
        import pyparsing

        return pyparsing.Word(pyparsing.alphas) + pyparsing.Word(pyparsing.nums)

    def __init__(self) -> None:
        self.grammar = self.make()

    def before(self) -> None:
        self.make().parse_string("a1")

    def after(self) -> None:
        self.grammar.parse_string("a1")


class Rich(Pair):
    key = "rich.pretty"
    needs = ("rich",)

    def __init__(self) -> None:
        import rich.console

        self.console = rich.console.Console(file=io.StringIO())

    def before(self) -> None:
        self.console.print({"a": 1})

    def after(self) -> None:
        self.console.print(str({"a": 1}))


class RichProgress(Rich):
    key = "rich.progress"

    def make(self) -> Any:
        import rich.progress

        return rich.progress.Progress(console=self.console)

    def __init__(self) -> None:
        super().__init__()
        self.progress = self.make()

    def use(self, progress: Any) -> None:
        with progress:
            task = progress.add_task("some", total=1)
            progress.update(task, advance=1)
            progress.remove_task(task)

    def before(self) -> None:
        self.make()

    def after(self) -> None:
        self.use(self.progress)


class SqlalchemyError(Pair):
    key = "sqlalchemy.engine.base"
    needs = ("sqlalchemy",)

    def __init__(self) -> None:
        import sqlalchemy

        self.wrong = sqlalchemy.exc.SQLAlchemyError
        self.statement = sqlalchemy.text("select * from missing")
        self.engine = sqlalchemy.create_engine("sqlite://")
        self.connection = self.engine.connect()

    def __del__(self) -> None:
        self.connection.close()
        self.engine.dispose()

    def before(self) -> None:
        with contextlib.suppress(self.wrong):
            self.connection.execute(self.statement)

    def after(self) -> None:
        try:
            self.connection.execute(self.statement)
        except self.wrong as error:
            error.__traceback__ = None


class SqlalchemyEngine(Pair):
    key = "sqlalchemy.engine"
    needs = ("sqlalchemy",)

    def __init__(self) -> None:
        import sqlalchemy

        self.statement = sqlalchemy.select(sqlalchemy.column("x"))
        self.engine = sqlalchemy.create_engine("sqlite://")

    def __del__(self) -> None:
        self.engine.dispose()

    def before(self) -> None:
        import sqlalchemy

        engine = sqlalchemy.create_engine("sqlite://")
        with engine.connect() as connection:
            connection.execute(
                self.statement.limit(0)
                .where(sqlalchemy.false())
                .select_from(sqlalchemy.text("(select 1 as x)"))
            )
        engine.dispose()

    def after(self) -> None:
        str(self.statement.compile(self.engine))
        with self.engine.connect():
            pass


class SqlalchemyText(SqlalchemyEngine):
    def before(self) -> None:
        str(self.statement)


class Sqlparse(Pair):
    key = "sqlparse.sql"
    needs = ("sqlparse",)

    def read(self) -> Any:
        import sqlparse

        return sqlparse.parse("select * from a where b = 1")[0]

    def before(self) -> None:
        self.read()

    def after(self) -> None:
        tokens = [self.read()]
        for token in tokens:  # grows while it is walked
            token.parent = None
            if token.is_group:
                tokens += token.tokens


class Starlette(ApplicationMadeOnce):
    key = "starlette.routing"
    needs = ("starlette",)

    def make(self) -> Any:
        import starlette.applications

        return starlette.applications.Starlette()


class Tenacity(Pair):
    key = "tenacity:IterState"
    needs = ("tenacity",)

    def __init__(self) -> None:
        import tenacity

        self.error = tenacity.RetryError
        self.retrying = tenacity.Retrying(stop=tenacity.stop_after_attempt(2))
        self.decorate = tenacity.retry(stop=tenacity.stop_after_attempt(2))
        self.decorated = self.decorate(int)
        self.failing = self.decorate(fail)

    def before(self) -> None:
        self.decorated("1")

    def after(self) -> None:
        self.retrying(int, "1")


class TenacityError(Tenacity):
    key = "tenacity:RetryCallState"

    def before(self) -> None:
        with contextlib.suppress(self.error):
            self.retrying(fail)

    def after(self) -> None:
        try:
            self.retrying(fail)
        except self.error as error:
            error.__traceback__ = None
            error.last_attempt.exception().__traceback__ = None


class TenacityDecorator(Tenacity):
    key = "tenacity:BaseRetrying.wraps.wrapped_f"
    leaves = frozenset({"tenacity:IterState"})

    def before(self) -> None:
        self.decorate(int)("1")

    def after(self) -> None:
        self.decorated("1")


class TornadoApplication(ApplicationMadeOnce):
    key = "tornado.routing"
    needs = ("tornado",)

    def make(self) -> Any:
        import tornado.web

        return tornado.web.Application([("/", tornado.web.RequestHandler)])


class TornadoTemplate(Pair):
    key = "tornado.template"
    needs = ("tornado",)

    def __init__(self) -> None:
        import tornado.template

        self.template = tornado.template.Template("{{ name }}")
        self.loader = tornado.template.DictLoader({"hello": "{{ name }}"})

    def before(self) -> None:
        import tornado.template

        tornado.template.Template("{{ name }}")

    def after(self) -> None:
        bool(self.template)
        self.loader.load("hello")


class Trio(Pair):
    key = "trio"
    needs = ("trio",)

    def before(self) -> None:
        import trio

        trio.run(trio.sleep, 0)


class Urllib3(Pair):
    key = "urllib3.connectionpool"
    needs = ("urllib3",)

    def __init__(self) -> None:
        import urllib3

        self.wrong = urllib3.exceptions.HTTPError
        self.pool = urllib3.PoolManager(retries=False)

    def get(self) -> None:
        self.pool.request("GET", "http://127.0.0.1:1/")

    def before(self) -> None:
        with contextlib.suppress(self.wrong):
            self.get()

    def after(self) -> None:
        try:
            self.get()
        except self.wrong as caught:
            error: BaseException | None = caught
            while error:
                error.__traceback__, error = None, error.__context__


class Requests(Urllib3):
    needs = ("requests",)

    def __init__(self) -> None:
        import requests

        self.wrong = requests.ConnectionError
        self.session = requests.Session()

    def get(self) -> None:
        self.session.get("http://127.0.0.1:1/")


class Urllib3Retry(Urllib3):
    key = "urllib3.util.retry"
    leaves = frozenset({"urllib3.connectionpool"})

    def __init__(self) -> None:
        import urllib3

        super().__init__()
        self.retrying = urllib3.PoolManager(retries=1)
        # A warning's record, which pytest keeps, would keep the cycle.
        self.log = logging.getLogger("urllib3.connectionpool")
        self.log.setLevel(logging.ERROR)

    def __del__(self) -> None:
        self.log.setLevel(logging.NOTSET)

    def before(self) -> None:
        with contextlib.suppress(self.wrong):
            self.retrying.request("GET", "http://127.0.0.1:1/")

    def after(self) -> None:
        for _ in range(2):
            with contextlib.suppress(self.wrong):
                self.get()


class WerkzeugMap(Pair):
    key = "werkzeug.routing"
    needs = ("werkzeug",)
    leaves = frozenset({"werkzeug.routing.matcher"})

    def make(self) -> Any:
        from werkzeug.routing import Map, Rule

        return Map([Rule("/a", endpoint="a")])

    def __init__(self) -> None:
        self.map = self.make()

    def before(self) -> None:
        self.make().bind("shop").match("/a")

    def after(self) -> None:
        self.map.bind("shop").match("/a")


class FlaskApplication(Pair):
    key = "werkzeug.routing"
    needs = ("flask",)
    leaves = REQUEST

    def __init__(self) -> None:
        import flask

        application = flask.Flask("shop")
        application.add_url_rule("/", "index", lambda: "some")
        self.client = application.test_client()

    def before(self) -> None:
        import flask

        flask.Flask("shop")

    def after(self) -> None:
        self.client.get("/").request.environ.clear()


class WerkzeugMatcher(WerkzeugMap):
    key = "werkzeug.routing.matcher"
    after = None  # type: ignore[assignment]

    def before(self) -> None:
        self.map.bind("shop").match("/a")


class WerkzeugClient(Pair):
    key = "werkzeug.test"
    needs = ("werkzeug",)
    leaves = frozenset({"werkzeug.wrappers.request"})

    class Answer:
        """What an application may add to its responses, as Flask does."""

    def make(self) -> Any:
        from werkzeug.test import Client
        from werkzeug.wrappers import Response

        return Client(Response("some"), response_wrapper=self.Answer)

    def __init__(self) -> None:
        self.client = self.make()

    def before(self) -> None:
        self.make().get("/")

    def after(self) -> None:
        self.client.get("/")


class WerkzeugRequest(WerkzeugClient):
    key = "werkzeug.wrappers.request"
    leaves = frozenset()

    def before(self) -> None:
        self.client.get("/")

    def after(self) -> None:
        self.client.get("/").request.environ.clear()


class WerkzeugPlainRequest(Pair):
    key = "werkzeug.wrappers.request"
    needs = ("werkzeug",)

    def environ(self) -> Any:
        from werkzeug.test import EnvironBuilder

        return EnvironBuilder(path="/?a=1").get_environ()

    def before(self) -> None:
        from werkzeug.wrappers import Request

        assert not Request(self.environ()).form

    def after(self) -> None:
        from werkzeug.wrappers import Request

        assert not Request(self.environ(), populate_request=False).form
