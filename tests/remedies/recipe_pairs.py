"""For each recipe two snippets: `before` leaves its cycle, `after` does what the recipe says.

Those of the standard library; recipe_pairs_packages.py has those of packages. `key` is the
library of the recipe and, where there are several, the first of its types.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import configparser
import contextlib
import csv
import ctypes
import email
import email.feedparser
import email.headerregistry
import email.policy
import functools
import gzip
import importlib.metadata
import inspect
import io
import json
import logging
import logging.config
import multiprocessing.pool
import optparse
import os
import plistlib
import selectors
import socket
import tarfile
import tempfile
import traceback
import unittest
import urllib.request
import xml.dom.minidom
import xml.dom.pulldom
import xml.etree.ElementTree
import xml.sax
import xml.sax.saxutils
import xmlrpc.server
from collections.abc import AsyncIterator, Iterator
from unittest import mock


class Pair:
    """Two ways to do the same thing.

    Attributes:
        key: The recipe's library, and its first type when another recipe has that library too.
        needs: Packages without which it cannot run.
        since: The first Python version that leaves the cycle.
        until: The first that no longer does, where the recipe has another that still does.
        leaves: Libraries whose own recipes the way round does not touch.
        after: The way round; None where the recipe says that there is none.
    """

    key = ""
    needs: tuple[str, ...] = ()
    since = (3, 10)
    until: tuple[int, int] | None = None
    leaves: frozenset[str] = frozenset()
    after = None

    def __init__(self) -> None:
        """Make what is made once."""

    def before(self) -> None:
        """Leave the cycle."""
        raise NotImplementedError


async def fail() -> None:
    await asyncio.sleep(0)
    raise ValueError("failed")


class Argparse(Pair):
    key = "argparse"

    def make(self) -> argparse.ArgumentParser:
        parser = argparse.ArgumentParser(prog="shop", exit_on_error=False)
        parser.add_argument("--count", type=int)
        return parser

    def __init__(self) -> None:
        self.parser = self.make()

    def before(self) -> None:
        self.make().parse_args(["--count", "1"])

    def after(self) -> None:
        self.parser.parse_args(["--count", "1"])


class ArgparseSubcommands(Argparse):
    def make(self) -> argparse.ArgumentParser:
        parser = argparse.ArgumentParser(prog="shop")
        parser.add_argument_group("more").add_argument("--fast")
        parser.add_subparsers().add_parser("sell").add_argument("--count")
        return parser

    def before(self) -> None:
        self.make().parse_args(["sell", "--count", "1"])

    def after(self) -> None:
        self.parser.parse_args(["sell", "--count", "1"])


class ArgparseHelp(Argparse):
    key = "argparse:HelpFormatter"

    def __init__(self) -> None:
        super().__init__()
        self.text = self.parser.format_help()

    def before(self) -> None:
        print(self.parser.format_help())

    def after(self) -> None:
        print(self.text)


class ArgparseError(Argparse):
    key = "argparse:ArgumentError"
    leaves = frozenset({"argparse:HelpFormatter"})

    def make(self) -> argparse.ArgumentParser:
        parser = argparse.ArgumentParser(prog="shop")
        parser.add_argument("--count", type=int)
        return parser

    def before(self) -> None:
        with contextlib.suppress(SystemExit):
            self.parser.parse_args(["--count", "many"])

    def after(self) -> None:
        try:
            self.parser.parse_args(["--count", "many"])
        except SystemExit as stop:
            traceback.clear_frames(stop.__traceback__)


class AstLiteral(Pair):
    key = "ast:literal_eval._convert"

    def before(self) -> None:
        ast.literal_eval("[1, 2]")

    def after(self) -> None:
        json.loads("[1, 2]")


class AstDump(Pair):
    key = "ast:dump._format"
    tree = ast.parse("a = [1]")

    def before(self) -> None:
        ast.dump(self.tree)

    def after(self) -> None:
        ast.unparse(self.tree)


class AstFix(Pair):
    key = "ast:fix_missing_locations._fix"

    def before(self) -> None:
        tree = ast.parse("a")
        tree.body[0] = ast.Expr(ast.Constant(1))
        compile(ast.fix_missing_locations(tree), "made", "exec")

    def after(self) -> None:
        tree = ast.parse("a")
        old = tree.body[0]
        tree.body[0] = ast.copy_location(ast.Expr(ast.copy_location(ast.Constant(1), old)), old)
        compile(tree, "made", "exec")


class AsyncioRun(Pair):
    key = "asyncio:Runner.run"

    def before(self) -> None:
        with contextlib.suppress(ValueError):
            asyncio.run(fail())

    def after(self) -> None:
        try:
            asyncio.run(fail())
        except ValueError as error:
            error.__traceback__ = None


class AsyncioRunInside(AsyncioRun):
    def after(self) -> None:
        async def main() -> None:
            with contextlib.suppress(ValueError):
                await fail()

        asyncio.run(main())


class AsyncioRunUntilComplete(AsyncioRun):
    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()

    def __del__(self) -> None:
        self.loop.close()

    def before(self) -> None:
        with contextlib.suppress(ValueError):
            self.loop.run_until_complete(fail())

    def after(self) -> None:
        try:
            self.loop.run_until_complete(fail())
        except ValueError as error:
            error.__traceback__ = None


class AsyncioCancelled(Pair):
    key = "asyncio.runners"
    since = (3, 12)

    def before(self) -> None:
        async def main() -> None:
            self.task = asyncio.ensure_future(asyncio.sleep(10))
            await asyncio.sleep(0)

        asyncio.run(main())
        del self.task

    def after(self) -> None:
        async def main() -> None:
            task = asyncio.ensure_future(asyncio.sleep(10))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])

        asyncio.run(main())


class AsyncioGenerator(AsyncioCancelled):
    async def numbers(self) -> AsyncIterator[int]:
        yield 1
        yield 2

    def before(self) -> None:
        async def main() -> None:
            async for _ in self.numbers():
                break

        asyncio.run(main())

    def after(self) -> None:
        async def main() -> None:
            async with contextlib.aclosing(self.numbers()) as numbers:
                async for _ in numbers:
                    break

        asyncio.run(main())


class AsyncioTaskGroup(Pair):
    key = "asyncio.taskgroups"
    since = (3, 11)

    async def group(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())

    def before(self) -> None:
        async def main() -> None:
            with contextlib.suppress(Exception):
                await self.group()

        asyncio.run(main())

    def after(self) -> None:
        async def main() -> None:
            try:
                await self.group()
            except Exception as error:
                error.__traceback__ = None

        asyncio.run(main())


class AsyncioWaitFor(Pair):
    key = "asyncio.tasks"

    def before(self) -> None:
        async def main() -> None:
            with contextlib.suppress(ValueError):
                await asyncio.wait_for(fail(), 10)

        asyncio.run(main())

    def after(self) -> None:
        async def main() -> None:
            try:
                await asyncio.wait_for(fail(), 10)
            except ValueError as error:
                error.__traceback__ = None

        asyncio.run(main())


class AsyncioTransport(Pair):
    key = "asyncio.selector_events"

    async def talk(self) -> asyncio.StreamWriter:
        with socket.create_server(("127.0.0.1", 0)) as server:
            _, writer = await asyncio.open_connection(*server.getsockname())
            writer.close()
            await writer.wait_closed()
            return writer

    def before(self) -> None:
        asyncio.run(self.talk())

    def after(self) -> None:
        async def main() -> None:
            writer = await self.talk()
            writer.transport._read_ready_cb = None

        asyncio.run(main())


class AsyncioSubprocess(Pair):
    key = "asyncio.subprocess"

    def before(self) -> None:
        async def main() -> None:
            pipe = asyncio.subprocess.PIPE
            process = await asyncio.create_subprocess_exec("cat", stdin=pipe, stdout=pipe)
            await process.communicate(b"some")

        asyncio.run(main())

    def after(self) -> None:
        async def main() -> None:
            with tempfile.TemporaryFile() as file:
                file.write(b"some")
                file.seek(0)
                process = await asyncio.create_subprocess_exec(
                    "cat", stdin=file, stdout=asyncio.subprocess.PIPE
                )
                await process.communicate()

        asyncio.run(main())


class AsyncioLoop(Pair):
    key = "asyncio:*EventLoop"

    def before(self) -> None:
        loop = asyncio.new_event_loop()
        # What a warning about it would keep is not measured, nor is an open file left behind.
        loop._ssock.close()
        loop._csock.close()
        loop._selector._selector.close()
        loop._closed = True

    def after(self) -> None:
        asyncio.new_event_loop().close()


class Configparser(Pair):
    key = "configparser"

    def read(self) -> configparser.ConfigParser:
        parser = configparser.ConfigParser()
        parser.read_string("[shop]\ncount = 1")
        return parser

    def __init__(self) -> None:
        self.parser = self.read()

    def before(self) -> None:
        self.read().getint("shop", "count")

    def after(self) -> None:
        self.parser["shop"].getint("count")


class Contextlib(Pair):
    key = "contextlib"
    since = (3, 12)

    @contextlib.contextmanager
    def careless(self) -> Iterator[None]:
        with contextlib.suppress(ValueError):
            yield

    @contextlib.contextmanager
    def careful(self) -> Iterator[None]:
        try:
            yield
        except ValueError as error:
            error.__traceback__ = None

    def before(self) -> None:
        with self.careless():
            int("x")

    def after(self) -> None:
        with self.careful():
            int("x")


class Manager:
    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type | None, *rest: object) -> bool:
        return kind is ValueError


class ContextlibClass(Contextlib):
    def after(self) -> None:
        with Manager():
            int("x")


class Csv(Pair):
    key = "csv"
    text = "a;b\n1;2\n"

    def __init__(self) -> None:
        self.dialect = csv.Sniffer().sniff(self.text)

    def before(self) -> None:
        list(csv.reader(io.StringIO(self.text), csv.Sniffer().sniff(self.text)))

    def after(self) -> None:
        list(csv.reader(io.StringIO(self.text), self.dialect))
        list(csv.reader(io.StringIO(self.text), delimiter=";"))


class CtypesBuffer(Pair):
    key = "ctypes:PyCArrayType"

    def __init__(self) -> None:
        self.buffer = ctypes.c_char * 71

    def before(self) -> None:
        ctypes.create_string_buffer(72)

    def after(self) -> None:
        self.buffer()
        ctypes.create_string_buffer(71)


class CtypesCast(Pair):
    key = "ctypes:*_Array_*"

    def __init__(self) -> None:
        # A size of which the type is made and kept by ctypes itself.
        self.kept = ctypes.create_string_buffer(73)

    def before(self) -> None:
        buffer = ctypes.create_string_buffer(73)
        ctypes.cast(buffer, ctypes.c_char_p)

    def after(self) -> None:
        buffer = ctypes.create_string_buffer(73)
        ctypes.cast(ctypes.addressof(buffer), ctypes.c_char_p)


class CtypesLibrary(Pair):
    key = "ctypes:PyCFuncPtrType"

    def __init__(self) -> None:
        self.library = ctypes.PyDLL(None)

    def before(self) -> None:
        ctypes.PyDLL(None).Py_IsInitialized()

    def after(self) -> None:
        self.library.Py_IsInitialized()


class EmailFeedparser(Pair):
    key = "email.feedparser"

    def before(self) -> None:
        email.feedparser.FeedParser().feed("Subject: some")

    def after(self) -> None:
        parser = email.feedparser.FeedParser()
        parser.feed("Subject: some")
        parser.close()


class Registry(email.headerregistry.HeaderRegistry):
    @functools.lru_cache  # noqa: B019 - there is one registry
    def __getitem__(self, name: str) -> type:
        return super().__getitem__(name)


class EmailHeaders(Pair):
    key = "email.headerregistry"
    text = "Subject: some\nTo: a@example.org\n\ntext"

    def __init__(self) -> None:
        self.policy = email.policy.default.clone(header_factory=Registry())

    def before(self) -> None:
        email.message_from_string(self.text, policy=email.policy.default)["to"]

    def after(self) -> None:
        email.message_from_string(self.text, policy=self.policy)["to"]
        email.message_from_string(self.text)["to"]


def price(article: object) -> int:
    return 1


class FunctoolsSingledispatch(Pair):
    key = "functools"

    def __init__(self) -> None:
        self.price = functools.singledispatch(price)

    def before(self) -> None:
        functools.singledispatch(price)("pen")

    def after(self) -> None:
        self.price("pen")


class Gzip(Pair):
    key = "gzip"
    since = (3, 12)

    def before(self) -> None:
        with gzip.open(io.BytesIO(), "wb") as file:
            file.write(b"some")

    def after(self) -> None:
        gzip.compress(b"some")


class ImportlibMetadata(Pair):
    key = "importlib.metadata"

    def __init__(self) -> None:
        self.version = importlib.metadata.version("pytest")

    def before(self) -> None:
        print(importlib.metadata.version("pytest"))

    def after(self) -> None:
        print(self.version)


class InspectSignature(Pair):
    key = "inspect"

    def __init__(self) -> None:
        self.signature = inspect.signature(abs)

    def before(self) -> None:
        inspect.signature(abs).bind(-1)

    def after(self) -> None:
        self.signature.bind(-1)


class JsonDump(Pair):
    key = "json.encoder"

    def __init__(self) -> None:
        self.data = {"a": [1, {"b": None}]}

    def before(self) -> None:
        json.dump(self.data, io.StringIO())

    def after(self) -> None:
        io.StringIO().write(json.dumps(self.data))


class JsonIndent(JsonDump):
    until = (3, 13)

    def before(self) -> None:
        json.dumps(self.data, indent=2)

    def after(self) -> None:
        json.dumps(self.data)


class LoggingConfig(Pair):
    key = "logging.config"

    def configure(self) -> None:
        handlers = {"recipes": {"class": "logging.NullHandler"}}
        loggers = {"recipes": {"handlers": ["recipes"]}}
        logging.config.dictConfig(
            {
                "version": 1,
                "incremental": False,
                "disable_existing_loggers": False,
                "handlers": handlers,
                "loggers": loggers,
            }
        )

    def before(self) -> None:
        self.configure()
        logging.getLogger("recipes").debug("some")

    def after(self) -> None:
        logging.getLogger("recipes").debug("some")


class MultiprocessingPool(Pair):
    key = "multiprocessing.pool"

    def before(self) -> None:
        pool = multiprocessing.pool.ThreadPool(1)
        with contextlib.suppress(ValueError):
            pool.map(int, ["x"])
        pool.close()
        pool.join()

    def after(self) -> None:
        pool = multiprocessing.pool.ThreadPool(1)
        try:
            pool.map(int, ["x"])
        except ValueError as error:
            error.__traceback__ = None
        pool.close()
        pool.join()


class Optparse(Pair):
    key = "optparse"

    def make(self) -> optparse.OptionParser:
        parser = optparse.OptionParser()
        parser.add_option("-x")
        group = optparse.OptionGroup(parser, "more")
        group.add_option("-y")
        parser.add_option_group(group)
        parser.parse_args(["-x", "1"])
        return parser

    def before(self) -> None:
        self.make()

    def after(self) -> None:
        self.make().destroy()


class Plistlib(Pair):
    key = "plistlib"

    def before(self) -> None:
        plistlib.loads(plistlib.dumps({"a": [1]}))

    def after(self) -> None:
        plistlib.loads(plistlib.dumps({"a": [1]}, fmt=plistlib.FMT_BINARY))


class Selectors(Pair):
    key = "selectors"

    def before(self) -> None:
        selectors.DefaultSelector().get_map()

    def after(self) -> None:
        selectors.DefaultSelector().close()
        with selectors.DefaultSelector() as selector:
            selector.get_map()


class Tarfile(Pair):
    key = "tarfile"

    def archive(self) -> list[tarfile.TarFile]:
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w") as written:
            written.add(__file__)
        file.seek(0)
        with tarfile.open(fileobj=file) as read:
            for member in read:
                read.extractfile(member).read()  # type: ignore[union-attr]
        return [written, read]

    def before(self) -> None:
        self.archive()

    def after(self) -> None:
        for archive in self.archive():
            archive.members = []


class FailingTest(unittest.TestCase):
    __test__ = False  # not for pytest

    def runTest(self) -> None:
        self.fail("as it should")


class UnittestFailure(Pair):
    key = "unittest.case"
    since = (3, 12)

    def before(self) -> None:
        FailingTest().run(unittest.TestResult())


class UnittestMock(Pair):
    key = "unittest.mock"

    def __init__(self) -> None:
        self.mock = mock.MagicMock()
        self.use(self.mock)

    def use(self, one: mock.MagicMock) -> None:
        one.buy(2)
        one(3)
        one.reset_mock()

    def before(self) -> None:
        self.use(mock.MagicMock())

    def after(self) -> None:
        self.use(self.mock)


class UnittestPatch(Pair):
    key = "unittest.mock"

    def before(self) -> None:
        with mock.patch("os.getcwd"):
            os.getcwd()

    def after(self) -> None:
        with mock.patch("os.getcwd", new=lambda: "/"):
            os.getcwd()


class UrllibOpener(Pair):
    key = "urllib.request"

    def __init__(self) -> None:
        self.opener = urllib.request.build_opener()

    def read(self, opener: urllib.request.OpenerDirector) -> None:
        with opener.open("data:text/plain,some") as page:
            page.read()

    def before(self) -> None:
        opener = urllib.request.build_opener()
        self.read(opener)
        opener.close()

    def after(self) -> None:
        self.read(self.opener)


class XmlExpatbuilder(Pair):
    key = "xml.dom.expatbuilder"

    def before(self) -> None:
        with contextlib.suppress(Exception):
            xml.dom.minidom.parseString("<a><b></a>")

    def after(self) -> None:
        with contextlib.suppress(xml.etree.ElementTree.ParseError):
            xml.etree.ElementTree.fromstring("<a><b></a>")


class XmlMinidom(Pair):
    key = "xml.dom.minidom"
    text = "<a x='1'><b y='2'>text</b><c/></a>"

    def before(self) -> None:
        xml.dom.minidom.parseString(self.text).toxml()

    def after(self) -> None:
        with xml.dom.minidom.parseString(self.text) as document:
            copy = document.documentElement.cloneNode(True)
            copy.unlink()
        document = xml.dom.minidom.parseString(self.text)
        document.unlink()


class XmlPulldom(Pair):
    key = "xml.dom.minidom"
    text = "<a x='1'><b y='2'>text</b><c/></a>"

    def before(self) -> None:
        for _ in xml.dom.pulldom.parseString(self.text):
            pass

    def after(self) -> None:
        for event, node in xml.dom.pulldom.parseString(self.text):
            if event == xml.dom.pulldom.END_ELEMENT:
                node.unlink()


class XmlIterparse(Pair):
    key = "xml.etree.ElementTree"

    def before(self) -> None:
        for _ in xml.etree.ElementTree.iterparse(io.BytesIO(b"<a><b/></a>")):
            pass

    def after(self) -> None:
        parser = xml.etree.ElementTree.XMLPullParser()
        parser.feed("<a><b/></a>")
        parser.close()
        for _ in parser.read_events():
            pass


class SaxParser(Pair):
    key = "xml.sax.expatreader:xmlparser"

    def before(self) -> None:
        xml.sax.make_parser().feed("<a>")

    def after(self) -> None:
        parser = xml.sax.make_parser()
        parser.feed("<a></a>")
        parser.close()


class SaxParserOfMalformed(SaxParser):
    def close(self, parser: xml.sax.expatreader.ExpatParser) -> None:
        try:
            parser.close()
        except xml.sax.SAXException as error:
            traceback.clear_frames(error.__traceback__)

    def after(self) -> None:
        parser = xml.sax.make_parser()
        parser.feed("<a>")
        self.close(parser)
        parser = xml.sax.make_parser()
        try:
            parser.parse(io.StringIO("<a><b></a>"))
        except xml.sax.SAXException as error:
            traceback.clear_frames(error.__traceback__)
        self.close(parser)


class SaxError(Pair):
    key = "xml.sax.expatreader:SAXParseException"
    leaves = frozenset({"xml.sax.expatreader:xmlparser"})

    def before(self) -> None:
        with contextlib.suppress(xml.sax.SAXException):
            xml.sax.parseString("<a><b></a>", xml.sax.ContentHandler())

    def after(self) -> None:
        try:
            xml.sax.parseString("<a><b></a>", xml.sax.ContentHandler())
        except xml.sax.SAXException as error:
            traceback.clear_frames(error.__traceback__)


class SaxFilter(Pair):
    key = "xml.sax.saxutils"

    def filter(self) -> xml.sax.saxutils.XMLFilterBase:
        made = xml.sax.saxutils.XMLFilterBase(xml.sax.make_parser())
        made.setContentHandler(xml.sax.ContentHandler())
        made.parse(io.StringIO("<a/>"))
        return made

    def before(self) -> None:
        self.filter()

    def after(self) -> None:
        self.filter().setParent(None)


class XmlrpcServer(Pair):
    key = "xmlrpc.server"

    def serve(self) -> xmlrpc.server.SimpleXMLRPCServer:
        server = xmlrpc.server.SimpleXMLRPCServer(("127.0.0.1", 0))
        server.register_introspection_functions()
        server.server_close()
        return server

    def before(self) -> None:
        self.serve()

    def after(self) -> None:
        self.serve().funcs.clear()


def all_pairs() -> list[type[Pair]]:
    """List the pairs that have been defined, in the order of their names; bases have no key."""
    found: list[type[Pair]] = []
    todo = [Pair]
    while todo:
        derived = todo.pop().__subclasses__()
        found += derived
        todo += derived
    keyed = (pair for pair in found if pair.key)
    return sorted(keyed, key=lambda pair: (pair.__module__, pair.__qualname__))
