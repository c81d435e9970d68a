"""Recipes for cycles that the standard library makes.

Each has its pair in tests/remedies/test_recipes.py: before, and after the way round.
"""

from __future__ import annotations

from cyclefree._remedies.recipes.recipe import Recipe

_EMPTY_TRACEBACK = "`except {} as error: ...; error.__traceback__ = None`"

STANDARD: tuple[Recipe, ...] = (
    Recipe(
        "argparse",
        (),
        "make the parser once, when the module is imported, and reuse it: "
        "parser.parse_args() itself leaves no cycle",
        "Each action refers to the group that lists it, and each subparser to its parent's parts.",
        once=True,
    ),
    Recipe(
        "argparse",
        ("HelpFormatter", "HelpFormatter._Section"),
        "make the parser once, when the module is imported, and reuse it; keep a help text that "
        "is shown often (`USAGE = parser.format_help()`)",
        "add_argument(), format_help() and error() each make a HelpFormatter, whose sections "
        "refer back to it.",
        once=True,
    ),
    Recipe(
        "argparse",
        ("ArgumentError",),
        "after input that does not parse: "
        "`except SystemExit as stop: traceback.clear_frames(stop.__traceback__)`",
        "Before 3.11 parse_known_args() keeps the error in its local `err`, and the error's "
        "traceback leads back to that frame.",
        ("err",),
        until=(3, 11),
    ),
    Recipe(
        "ast",
        ("literal_eval._convert",),
        "parse data with json.loads(text) where it is JSON; with ast.literal_eval nothing helps "
        "but calling it once for each text and keeping the result",
        "literal_eval() defines nested functions that call each other.",
    ),
    Recipe(
        "ast",
        ("dump._format",),
        "use ast.unparse(tree) to show a tree; keep ast.dump(tree) for debugging",
        "dump() defines a nested function that calls itself.",
    ),
    Recipe(
        "ast",
        ("fix_missing_locations._fix",),
        "set the place of each new node: ast.copy_location(new_node, old_node), instead of "
        "ast.fix_missing_locations(tree)",
        "fix_missing_locations() defines a nested function that calls itself.",
    ),
    Recipe(
        "asyncio",
        ("Runner.run", "BaseEventLoop.run_until_complete"),
        "catch the exception inside the coroutine that asyncio.run() runs; or outside, "
        + _EMPTY_TRACEBACK.format("ValueError"),
        "The frames that wait for the main task hold it, the task its exception, and the "
        "exception's traceback these frames.",
        ("__traceback__",),
    ),
    Recipe(
        "asyncio.runners",
        ("_cancel_all_tasks",),
        "end every task before the main coroutine returns: `task.cancel(); await "
        "asyncio.wait([task])`; leave an async generator with `async with aclosing(numbers()) as "
        "it: async for ...`",
        "Since 3.12 asyncio.run() keeps the tasks that it had to cancel in frames that their "
        "CancelledError leads back to.",
    ),
    Recipe(
        "asyncio.taskgroups",
        ("TaskGroup.__aexit__",),
        "catch the group as a whole: " + _EMPTY_TRACEBACK.format("ExceptionGroup"),
        "TaskGroup.__aexit__ holds the group that it raises in a local variable, and the group's "
        "traceback holds that frame.",
        ("__traceback__",),
    ),
    Recipe(
        "asyncio.tasks",
        ("wait_for",),
        "where the exception is handled: " + _EMPTY_TRACEBACK.format("ValueError"),
        "Before 3.12 wait_for() holds the task in a local variable, the task its exception, and "
        "the exception's traceback that frame.",
        ("__traceback__",),
        until=(3, 12),
    ),
    Recipe(
        "asyncio.selector_events",
        ("_SelectorSocketTransport",),
        "reuse connections; before 3.12 each leaves one, and only a private attribute helps: "
        "`await writer.wait_closed(); writer.transport._read_ready_cb = None`",
        "Before 3.12 a socket transport keeps a bound method of itself, also after close().",
        ("_read_ready_cb",),
        until=(3, 12),
    ),
    Recipe(
        "asyncio.subprocess",
        ("SubprocessStreamProtocol",),
        "give the process its input as a file, create_subprocess_exec(..., stdin=file), instead "
        "of stdin=PIPE",
        "The protocol keeps the writer for stdin, and the writer its protocol.",
    ),
    Recipe(
        "asyncio",
        ("*EventLoop",),
        "call loop.close() when done with it, or use asyncio.run(), which does",
        "The loop watches a socket of its own with a callback that is its bound method.",
        ("_selector", "_map"),
    ),
    Recipe(
        "configparser",
        (),
        "read it once, when the program starts, and reuse the parser, or copy what you need into "
        "a dataclass; clear() does not help",
        "Sections and converters keep the parser and bound methods of themselves.",
        once=True,
    ),
    Recipe(
        "contextlib",
        ("_GeneratorContextManager.__exit__", "_AsyncGeneratorContextManager.__aexit__"),
        "in the generator: "
        + _EMPTY_TRACEBACK.format("ValueError")
        + "; or write the context manager as a class with __enter__ and __exit__",
        "Since 3.12, when a @contextmanager generator swallows or replaces an exception, its frame "
        "is in the traceback of the exception that __exit__ holds.",
        ("__traceback__",),
    ),
    Recipe(
        "csv",
        ("dialect",),
        "sniff once for each kind of file and keep the dialect, or name it: "
        "csv.reader(file, delimiter=';')",
        "Sniffer.sniff() makes a class for each call, and every class refers to itself.",
        once=True,
    ),
    Recipe(
        "ctypes",
        ("PyCArrayType",),
        "keep the array type: `Buffer = ctypes.c_char * 64` when the module is imported, then "
        "`Buffer()`; as long as it lives create_string_buffer(64) uses it too",
        "Each size of array is a class of its own that dies with its last array, and every class "
        "refers to itself.",
        once=True,
    ),
    Recipe(
        "ctypes",
        ("*_Array_*",),
        "pass the array itself where a pointer is wanted, or cast its address, "
        "`ctypes.cast(ctypes.addressof(array), c_char_p)`, and keep the array while you use it",
        "ctypes.cast() puts the array into the list of objects that the array itself keeps alive.",
    ),
    Recipe(
        "ctypes",
        ("PyCFuncPtrType", "CDLL", "PyDLL", "WinDLL", "OleDLL"),
        "load the library once, when the module is imported, and reuse it",
        "Each CDLL makes a class for its functions, and keeps functions that keep it.",
        once=True,
    ),
    Recipe(
        "email.feedparser",
        (),
        "call parser.close() when the message has been fed: it returns the message",
        "The parser keeps its own suspended generator.",
        ("self",),
    ),
    Recipe(
        "email.headerregistry",
        (),
        "make each class once: override HeaderRegistry.__getitem__ with @functools.lru_cache, then "
        "`policy.clone(header_factory=YourRegistry())`; or stay with policy.compat32",
        "Policies other than compat32 make a class for each header, and every class refers to "
        "itself.",
        once=True,
    ),
    Recipe(
        "functools",
        ("singledispatch.register",),
        "decorate with @singledispatch when the module is imported, not inside a function",
        "singledispatch() defines a nested function that calls itself.",
        once=True,
    ),
    Recipe(
        "gzip",
        ("_WriteBufferStream",),
        "compress in one go with gzip.compress(data), or piece by piece with "
        "zlib.compressobj(wbits=31)",
        "Since 3.12 a GzipFile for writing keeps its buffer, and the buffer the GzipFile, also "
        "after close().",
    ),
    Recipe(
        "importlib.metadata",
        (),
        "ask once, when the module is imported: `VERSION = importlib.metadata.version('shop')`",
        "Each search makes an index of the installed packages that keeps a lambda over itself.",
        once=True,
    ),
    Recipe(
        "inspect",
        ("RewriteSymbolics",),
        "ask once for each function and keep the result: `PARAMETERS = inspect.signature(abs)`",
        "For a function written in C, signature() makes a class to read its text.",
        once=True,
    ),
    Recipe(
        "json.encoder",
        (
            "_make_iterencode._iterencode",
            "_make_iterencode._iterencode_dict",
            "_make_iterencode._iterencode_list",
        ),
        "use the encoder in C: `file.write(json.dumps(data))` instead of json.dump(), and no "
        "indent before Python 3.13",
        "The encoder in Python, for json.dump(), iterencode() and before 3.13 for indent=, is "
        "three nested functions that call each other.",
    ),
    Recipe(
        "logging.config",
        (),
        "configure logging once, when the program starts",
        "The configurator and each part of the configuration that it converts refer to each other.",
        once=True,
    ),
    Recipe(
        "multiprocessing.pool",
        ("ApplyResult", "MapResult"),
        "where the exception is handled: " + _EMPTY_TRACEBACK.format("ValueError"),
        "The result keeps the exception, and the exception's traceback the frame of get(), which "
        "holds the result.",
        ("__traceback__",),
    ),
    Recipe(
        "optparse",
        (),
        "call parser.destroy() when done with it",
        "Each option refers to the parser that lists it.",
        ("_short_opt", "_long_opt", "option_list", "option_groups", "formatter"),
    ),
    Recipe(
        "plistlib",
        (),
        "write and read plists as binary, plistlib.dumps(data, fmt=plistlib.FMT_BINARY); for "
        "XML nothing helps but reading each file once",
        "The reader for XML keeps an expat parser, and the parser its bound methods.",
    ),
    Recipe(
        "selectors",
        (),
        "call selector.close() when done with it, or write `with DefaultSelector() as selector:`",
        "A selector and the mapping that get_map() returns refer to each other.",
        ("_map",),
    ),
    Recipe(
        "tarfile",
        (),
        "when done with the archive, after close(): `archive.members = []`",
        "The archive lists its members, and each member refers to the archive.",
        ("members",),
    ),
    Recipe(
        "unittest.case",
        ("_Outcome.testPartExecutor",),
        "nothing to change: only a test that fails leaves this; leave failing tests out of the "
        "measurement",
        "Since 3.12 the context manager in which a test runs swallows the exception that its frame "
        "still holds.",
    ),
    Recipe(
        "unittest.mock",
        (),
        "make the mock once and call mock.reset_mock() between uses, or pass a stand-in of your "
        "own: patch('os.getcwd', new=lambda: '/')",
        "Each mock has a class of its own, and children and methods that refer to their parent.",
        once=True,
    ),
    Recipe(
        "urllib.request",
        ("OpenerDirector",),
        "make the opener once, when the module is imported, and reuse it: close() does not help",
        "The opener lists its handlers, and each handler refers to the opener.",
        once=True,
    ),
    Recipe(
        "xml.dom.expatbuilder",
        (),
        "parse text that may be malformed with xml.etree.ElementTree, which leaves no cycle when "
        "it raises ParseError",
        "After an error the builder of the document still keeps its expat parser, and the parser "
        "the builder's bound methods.",
    ),
    Recipe(
        "xml.dom.minidom",
        (),
        "call doc.unlink() when done with it, or write `with parseString(text) as doc:`; "
        "call unlink() also on a node cut or cloned, and in pulldom at each END_ELEMENT",
        "Nodes refer to their parent, their siblings and their document.",
        ("parentNode", "ownerDocument", "ownerElement", "previousSibling", "nextSibling"),
    ),
    Recipe(
        "xml.etree.ElementTree",
        ("IterParseIterator",),
        "use XMLPullParser: feed() it, then go through read_events()",
        "iterparse() makes a class for each call, and every class refers to itself.",
    ),
    Recipe(
        "xml.sax.expatreader",
        ("xmlparser",),
        "call parser.close() when the input ends, also after an error; it may raise again: "
        "`except SAXException as error: traceback.clear_frames(error.__traceback__)`",
        "The reader keeps its expat parser, and the parser the reader's bound methods.",
        ("_parser",),
    ),
    Recipe(
        "xml.sax.expatreader",
        ("SAXParseException",),
        "where the error is handled: "
        "`except SAXException as error: traceback.clear_frames(error.__traceback__)`",
        "feed() and the error handler hold the exception in local variables, and its traceback "
        "holds their frames.",
        ("exc", "exception"),
    ),
    Recipe(
        "xml.sax.saxutils",
        ("XMLFilterBase",),
        "when done with the filter: filter.setParent(None)",
        "The filter keeps the parser before it, and the parser the filter as its handler.",
        ("_parent",),
    ),
    Recipe(
        "xmlrpc.server",
        ("SimpleXMLRPCDispatcher", "SimpleXMLRPCServer"),
        "when done with the server: `server.server_close(); server.funcs.clear()`",
        "register_introspection_functions() stores the server's bound methods in the server.",
        ("funcs",),
    ),
)
