"""Recipes for cycles that packages from PyPI make, measured with the versions of late 2026.

Each has its pair of measurements in tests/remedies/test_recipes.py, where it is installed.
"""

from __future__ import annotations

from cyclefree._remedies.recipes.recipe import Recipe

_EMPTY_TRACEBACK = "`except {} as error: ...; error.__traceback__ = None`"
_NOTHING = "nothing to change in your code: "

PACKAGES: tuple[Recipe, ...] = (
    Recipe(
        "aiohttp.web_app",
        (),
        "make the Application once, when the program starts, and reuse it in tests",
        "The application keeps its signals, and each signal its owner.",
        once=True,
    ),
    Recipe(
        "aiohttp.web_urldispatcher",
        (),
        "make the Application and its routes once, when the program starts",
        "A resource keeps its routes, and each route its resource.",
        once=True,
    ),
    Recipe(
        "blinker",
        (),
        "make the signal once, when the module is imported, and connect receivers once",
        "A signal keeps weak references whose callbacks keep the signal.",
        once=True,
    ),
    Recipe(
        "bs4",
        (),
        "when done with the document: `soup.clear(decompose=True); soup.decompose()`",
        "Tags and strings refer to their parent, their siblings and what comes before and after.",
        (
            "parent",
            "next_element",
            "previous_element",
            "next_sibling",
            "previous_sibling",
            "contents",
            "currentTag",
            "_most_recent_element",
            "tagStack",
            "string_container_stack",
            "preserve_whitespace_tag_stack",
        ),
    ),
    Recipe(
        "bs4.builder._lxml",
        (),
        "parse with BeautifulSoup(text, 'html.parser'), and let go of the document with "
        "`soup.clear(decompose=True); soup.decompose()`",
        "The lxml builder keeps a parser whose target is the builder.",
    ),
    Recipe(
        "cachetools",
        ("TTLCache._Link",),
        "make the cache once, reuse it, and let its entries expire: clear() leaves a ring as well",
        "The cache keeps its items in a ring of links.",
        once=True,
    ),
    Recipe(
        "click.testing",
        ("CliRunner.invoke",),
        "call runner.invoke(command, arguments, standalone_mode=False)",
        "invoke() holds the SystemExit that a command ends with in a local variable, and the "
        "exception's traceback holds that frame.",
    ),
    Recipe(
        "django.db.utils",
        ("DatabaseErrorWrapper.__exit__",),
        "where the error is handled: " + _EMPTY_TRACEBACK.format("DatabaseError"),
        "Django's own exception is in a local variable of the frame that raises it.",
        ("__traceback__",),
    ),
    Recipe(
        "flask.app",
        (),
        "`@app.errorhandler(Exception)`: log the error, `error.__traceback__ = error.__context__ "
        "= None`, return a response (error.get_response() for an HTTPException)",
        "Flask holds the exception in local variables of the frames that its traceback leads to, "
        "and a routing error in the request.",
        ("__traceback__", "__context__"),
    ),
    Recipe(
        "html5lib",
        (),
        "parse with html.parser or lxml.html; with html5lib nothing helps",
        "The parser keeps a phase object for each state, and each phase the parser.",
    ),
    Recipe(
        "httpx",
        ("BoundSyncStream", "BoundAsyncStream"),
        "when the response has been read: `del response.stream`",
        "The response keeps its stream, and the stream its response.",
        ("stream",),
    ),
    Recipe(
        "jinja2.debug",
        (),
        _NOTHING + "only a template that fails leaves this; test for what may be missing "
        "(`{{ user.name if user }}`), or let the collector run in between",
        "Jinja rewrites the traceback with frames that hold the list of tracebacks they are in.",
    ),
    Recipe(
        "jinja2.environment",
        ("Template",),
        "make the template once and reuse it: env.get_template(name) does, "
        "env.from_string(text) and Template(text) do not",
        "A template's functions and their global names refer to each other.",
        once=True,
    ),
    Recipe(
        "lark.parsers.earley_forest",
        (),
        "use Lark(grammar, parser='lalr') where the grammar allows",
        "The Earley parser builds a forest whose nodes refer to their parents.",
    ),
    Recipe(
        "markdown",
        ("Markdown",),
        "make the Markdown object once: `md = markdown.Markdown()`, then `md.reset(); "
        "md.convert(text)`",
        "Each processor of a Markdown object keeps that object.",
        once=True,
    ),
    Recipe(
        "markdown.postprocessors",
        ("RawHtmlPostprocessor.run.substitute_match",),
        "for Markdown without raw HTML: md.postprocessors.deregister('raw_html'); otherwise each "
        "convert() leaves five objects",
        "RawHtmlPostprocessor.run() defines a nested function that calls itself.",
    ),
    Recipe(
        "markdown_it",
        (),
        "make the MarkdownIt object once and reuse it",
        "The renderer keeps its own bound methods as rules.",
        once=True,
    ),
    Recipe(
        "marshmallow.schema",
        ("Schema._do_load",),
        "where the error is handled: " + _EMPTY_TRACEBACK.format("ValidationError"),
        "Schema._do_load() holds the exception that it raises in a local variable.",
        ("__traceback__",),
    ),
    Recipe(
        "networkx.classes",
        (),
        "when done with the graph: `for view in ('degree', 'edges', 'in_degree', 'out_degree', "
        "'in_edges', 'out_edges'): vars(graph).pop(view, None)`",
        "The graph caches the views that it was asked for, and each view keeps the graph.",
        ("degree", "edges", "in_degree", "out_degree", "in_edges", "out_edges"),
    ),
    Recipe(
        "pluggy",
        ("PluginManager",),
        "make the PluginManager once and reuse it",
        "The manager keeps its hooks, and each hook a bound method of the manager.",
        once=True,
    ),
    Recipe(
        "pluggy._execution",
        ("_multicall",),
        "where the error is handled: " + _EMPTY_TRACEBACK.format("ValueError"),
        "The call of a hook holds the exception of a plugin in a local variable.",
        ("__traceback__",),
    ),
    Recipe(
        "pydantic.json_schema",
        (),
        "make each JSON schema once, when the module is imported: "
        "`SCHEMA = Model.model_json_schema()`",
        "The generator keeps its own bound methods, and nested functions that call themselves.",
        once=True,
    ),
    Recipe(
        "pyparsing.core",
        ("Word",),
        "build the grammar once, when the module is imported, and reuse it",
        "A Word keeps a bound method of itself.",
        once=True,
    ),
    Recipe(
        "rich.pretty",
        ("traverse._traverse",),
        "print text, console.print(str(data)), instead of the containers themselves",
        "traverse() defines a nested function that calls itself.",
    ),
    Recipe(
        "rich.progress",
        (),
        "make the Progress once and use it in `with` statements: progress.remove_task(task) "
        "at the end of each",
        "A progress display and its live view keep bound methods of each other.",
        once=True,
    ),
    Recipe(
        "sqlalchemy.engine.base",
        ("Connection._handle_dbapi_exception",),
        "where the error is handled: " + _EMPTY_TRACEBACK.format("SQLAlchemyError"),
        "The connection's error handling holds the exception that it raises in a local variable.",
        ("__traceback__",),
    ),
    Recipe(
        "sqlalchemy.engine",
        (),
        "make the engine once, when the program starts; compile statements with its dialect, "
        "`str(statement.compile(engine))`",
        "Engine, pool and dialect refer to each other; str(statement) makes a dialect each time.",
        once=True,
    ),
    Recipe(
        "sqlparse.sql",
        (),
        "when done with a statement, set `token.parent = None` for each of its tokens, groups "
        "included",
        "Each token refers to the group that lists it.",
        ("parent",),
    ),
    Recipe(
        "starlette.routing",
        ("Router",),
        "make the application once, when the program starts, and reuse it in tests",
        "The router keeps bound methods of itself.",
        once=True,
    ),
    Recipe(
        "tenacity",
        ("IterState",),
        "use one Retrying object, RETRYING = Retrying(stop=...), as RETRYING(function, argument): "
        "the @retry decorator copies it for each call",
        "A Retrying keeps bound methods of itself as the steps of its loop.",
        once=True,
    ),
    Recipe(
        "tenacity",
        ("RetryCallState", "RetryError"),
        "`except RetryError as error: error.__traceback__ = None; "
        "error.last_attempt.exception().__traceback__ = None`",
        "The state of the last attempt holds the exception, whose traceback holds the frames that "
        "hold the state.",
        ("__traceback__",),
    ),
    Recipe(
        "tenacity",
        ("BaseRetrying.wraps.wrapped_f",),
        "decorate with @retry when the module is imported, not inside a function",
        "The wrapper refers to itself to keep its statistics.",
        once=True,
    ),
    Recipe(
        "tornado.routing",
        (),
        "make the Application once, when the program starts, and reuse it in tests",
        "The application keeps its router, and the router the application.",
        once=True,
    ),
    Recipe(
        "tornado.template",
        (),
        "make the template once and reuse it, or load it with a tornado.template.Loader",
        "A template and the file that it parsed refer to each other.",
        once=True,
    ),
    Recipe(
        "trio",
        ("Runner",),
        _NOTHING + "each trio.run() leaves its machinery; call it once for the whole program",
        "The runner keeps its first task, and each task its runner.",
    ),
    Recipe(
        "urllib3.connectionpool",
        (),
        "where the error is handled: `except HTTPError as error:` ..., then "
        "`while error: error.__traceback__, error = None, error.__context__`",
        "urlopen() holds the exception in local variables, and its traceback holds that frame.",
        ("__traceback__",),
    ),
    Recipe(
        "urllib3.util.retry",
        ("RequestHistory",),
        "pass retries=False and repeat the request yourself",
        "The history of a Retry holds the exceptions whose tracebacks lead to the frames that "
        "hold the Retry.",
    ),
    Recipe(
        "werkzeug.routing",
        ("Map", "Rule"),
        "make the application or the Map once, when the program starts, and reuse it in tests",
        "The map and its rules refer to each other, and each rule to methods bound to itself.",
        once=True,
    ),
    Recipe(
        "werkzeug.routing.matcher",
        ("StateMachineMatcher.match._match", "StateMachineMatcher.update._update_state"),
        _NOTHING + "each request leaves eight objects; give gc_frozen a checkpoint between "
        "requests, or let the collector run",
        "Matching a URL defines a nested function that calls itself.",
    ),
    Recipe(
        "werkzeug.test",
        ("WrapperTestResponse",),
        "make the test client once and reuse it",
        "Each test client makes a class for its responses, and every class refers to itself.",
        once=True,
    ),
    Recipe(
        "werkzeug.wrappers.request",
        ("Request",),
        "make it with Request(environ, populate_request=False); a test client's response: "
        "`response.request.environ.clear()`",
        "The request puts itself into the environment that it keeps.",
    ),
)
