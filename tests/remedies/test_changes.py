"""What can be done about a reference: which change is offered, for what price, in which words.

That the changes do help is shown elsewhere, by making them. Here are the words, and what must not
be offered.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import sys
import types
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from looking import look

from cyclefree import cycle_scope
from cyclefree.reports import Cycle, Remedy

LINES = Path(__file__).read_text(encoding="utf-8").splitlines()


def cycle_of(make: Callable[[], object]) -> Cycle:
    """Return the one shape of cycle that a call leaves."""
    (cycle,) = look(make)
    return cycle


def remedy_of(make: Callable[[], object]) -> Remedy:
    """Return the remedy of the one shape of cycle that a call leaves."""
    remedy = cycle_of(make).remedy
    assert remedy is not None
    return remedy


def places(make: Callable[[], object]) -> list[str]:
    """Return the lines, without their file, where the references to change were stored."""
    stored = [reference.stored_at for reference in cycle_of(make).references]
    return [text.partition("test_changes.py:")[2] for text in stored if text is not None]


def marked(mark: str) -> str:
    """Return the number of the line of this file that ends in a comment with the mark."""
    (number,) = [n for n, line in enumerate(LINES, 1) if line.endswith(f"# {mark}")]
    return str(number)


class Node:
    """A node that may refer to anything."""

    def __init__(self, **links: object) -> None:
        for name, target in links.items():
            setattr(self, name, target)

    def method(self) -> None:
        """Do nothing."""


# --- attributes ----------------------------------------------------------------------------------


class Tree:
    def __init__(self, parent: Tree | None = None) -> None:
        self.parent = parent  # tree
        self.children: list[Tree] = [] if parent else [Tree(self)]


class Slots:
    __slots__ = ("kids", "owner")

    def __init__(self, owner: object = None) -> None:
        self.owner = owner
        self.kids = [] if owner else [Slots(self)]


class HiddenSlots:
    __slots__ = ("__owner", "__weakref__", "_up", "kids")

    def __init__(self, owner: object = None, up: object = None) -> None:
        self.__owner = owner
        self._up = up
        self.kids: list[HiddenSlots] = []


class OpenSlots(Slots):
    """A class with a dictionary whose base has slots."""

    def __init__(self, owner: object = None) -> None:
        super().__init__(owner or 1)


class Private:
    def __init__(self, owner: object = None) -> None:
        self.__owner = owner
        self.kids = [] if owner else [Private(self)]


@dataclass
class Data:
    up: Data | None = None
    kids: list[Data] = field(default_factory=list)


@dataclass
class LeadingData:
    up: LeadingData | None
    name: str
    kids: list[LeadingData] = field(default_factory=list)


@dataclass
class KeywordData:
    up: KeywordData | None
    kids: list[KeywordData] = field(default_factory=list)
    name: str = field(kw_only=True, default="")
    other: int = field(init=False)


class Row(NamedTuple):
    owner: Node
    number: int


def parent_and_child(cls: type, *arguments: object, **options: object) -> Callable[[], None]:
    """Return a function that makes a parent with a child of one class."""

    def make() -> None:
        parent = cls(None, *arguments)
        parent.kids.append(cls(parent, *arguments, **options))

    return make


@pytest.mark.parametrize(
    ("make", "reference", "text"),
    [
        (Tree, "Tree.parent", "in class Tree:  parent = weak_attribute()"),
        (
            Slots,
            "Slots.owner",
            'in class Slots:  "_owner" in place of "owner" in __slots__, and  owner = '
            'weak_attribute(slot="_owner"), and "__weakref__" in the __slots__ of Slots',
        ),
        (
            parent_and_child(OpenSlots),
            "Slots.owner",
            'in class Slots:  "_owner" in place of "owner" in __slots__, and  owner = '
            'weak_attribute(slot="_owner")',
        ),
        (
            parent_and_child(HiddenSlots),
            "HiddenSlots._HiddenSlots__owner",
            'in class HiddenSlots:  "__owner_ref" in place of "__owner" in __slots__, and  __owner '
            '= weak_attribute(slot="__owner_ref")',
        ),
        (Private, "Private._Private__owner", "in class Private:  __owner = weak_attribute()"),
        (parent_and_child(Data), "Data.up", 'in class Data:  up: "Data | None" = weak_attribute()'),
        (
            parent_and_child(LeadingData, "name"),
            "LeadingData.up",
            'in class LeadingData:  up: "LeadingData | None" = weak_attribute(), after the fields '
            "without a default, and pass it by its name",
        ),
        (
            parent_and_child(KeywordData),
            "KeywordData.up",
            'in class KeywordData:  up: "KeywordData | None" = weak_attribute()',
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_back_references_are_made_weak(
    make: Callable[[], object], reference: str, text: str
) -> None:
    """The reference to the parent is weakened, as the way in which its class keeps it demands."""
    remedy = remedy_of(make)
    assert (remedy.reference, remedy.text) == (reference, text)
    assert remedy.advice == "make this one weak"
    assert remedy.proven


class WeakBase:
    __slots__ = ("__weakref__",)


@dataclass(slots=True)
class WeakSlotData(WeakBase):
    up: object
    kids: list[object] = field(default_factory=list)


def test_slots_of_dataclasses_cannot_be_weak() -> None:
    """A slot of a dataclass would hold what is put in place of it: a reference is stored."""
    assert remedy_of(parent_and_child(WeakSlotData)).text == (
        "in class WeakSlotData:  store weakref.ref(…) in up, as a slot of a dataclass can't be weak"
    )


def test_named_tuples_store_a_reference() -> None:
    """A field of a tuple can't be a weak attribute: a weak reference is put there."""

    def make() -> None:
        node = Node()
        node.row = Row(node, 1)  # type: ignore[attr-defined]

    assert remedy_of(make).text == "in class Row:  store weakref.ref(…) in owner"


def test_attrs_store_a_reference() -> None:
    """The attrs package takes attributes out of the class: a weak reference is stored."""
    attrs: Any = pytest.importorskip("attrs")
    cls = attrs.make_class("Attrs", ["up", "kids"], slots=False)
    cls.__module__ = __name__

    def make() -> None:
        parent = cls(None, [])
        parent.kids.append(cls(parent, []))

    assert remedy_of(make).text == "in class Attrs:  store weakref.ref(…) in up"


def test_names_tell_which_way_ownership_goes() -> None:
    """Where ages don't tell it the name does: `prev` is weakened and not `next`."""

    def make(**names: str) -> Callable[[], None]:
        def chain() -> None:
            first = Node()
            second = Node()
            setattr(first, names["forth"], second)
            setattr(second, names["back"], first)

        return chain

    assert remedy_of(make(forth="next", back="prev")).reference == "Node.prev"
    assert remedy_of(make(forth="prev", back="next")).reference == "Node.prev"
    assert remedy_of(make(forth="firstChild", back="ownerDocument")).reference == (
        "Node.ownerDocument"
    )
    assert remedy_of(make(forth="left", back="xyz")).reference == "Node.xyz"


def test_the_older_one_is_the_owner() -> None:
    """Where names say nothing, what refers to something older was made for it."""

    def make() -> None:
        first = Node()
        second = Node(abc=first)
        first.xyz = second  # type: ignore[attr-defined]

    remedy = remedy_of(make)
    assert remedy.reference == "Node.abc"
    assert "Node must then be held by its user" in remedy.reason


def test_dictionary_of_its_own_attributes() -> None:
    """An object that is its own `__dict__` is told to go another way."""
    remedy = remedy_of(lambda: Attributes())
    assert remedy.reference == "Attributes.__dict__"
    assert remedy.text.startswith("in class Attributes:  __getattr__ and __setattr__ that read")


class Attributes(dict):  # type: ignore[type-arg]
    def __init__(self) -> None:
        self.__dict__ = self


def test_attributes_of_the_librarys_objects() -> None:
    """What the user puts into a library's object is the user's; its class is not to be edited."""

    def make() -> None:
        node = Node()
        logger = logging.Logger("x")
        node.forward = logger  # type: ignore[attr-defined]
        logger.owner = node  # type: ignore[attr-defined]  # put into a library's

    remedy = remedy_of(make)
    assert remedy.text == "store weakref.proxy(…) in Logger.owner"
    assert places(make)[0].startswith(marked("put into a library's"))


class Handler(logging.NullHandler):
    """A handler that knows its logger."""

    def watch(self, logger: logging.Logger) -> None:
        """Remember the logger."""
        self.watched = logger


def test_the_librarys_own_attributes_are_left() -> None:
    """Where a library's list holds the user's object it is the user's reference that changes."""

    def make() -> None:
        handler = Handler()
        logger = logging.Logger("x")
        handler.watch(logger)
        logger.addHandler(handler)

    assert remedy_of(make).reference == "Handler.watched"


def test_nothing_to_change_is_the_readers() -> None:
    """Where no reference that closes the cycle is the reader's, no change of theirs is made up."""

    def make() -> None:
        logger = logging.Logger("x")
        logger.addHandler(Handler())
        logger.handlers.append(logger)  # type: ignore[arg-type]
        logger.handlers[0].lock = logger.handlers  # type: ignore[assignment]

    remedy = remedy_of(make)
    assert "weakref" not in remedy.text


@pytest.mark.parametrize("base", [tuple, int, bytes])
def test_what_cannot_be_weak_is_not_made_weak(base: type) -> None:
    """No weak reference can be made to a tuple, an int or bytes, not even of a user's class."""
    cls = type("Value", (base,), {})

    def make() -> None:
        value = cls()
        value.owner = Node(value=value)

    remedy = remedy_of(make)
    assert remedy.reference == "Value.owner"
    assert "Node must then" in remedy.reason

    def both() -> None:
        one, two = cls(), cls()
        one.other, two.other = two, one

    assert "weak" not in remedy_of(both).text


def test_what_only_carries_others_is_not_made_weak() -> None:
    """A partial or a namespace that is held weakly would die at once."""

    def make() -> None:
        space = types.SimpleNamespace()
        space.again = types.SimpleNamespace(back=space)

    assert remedy_of(make).text.startswith("set SimpleNamespace.")


def test_exceptions_frames_and_tracebacks_are_not_made_weak() -> None:
    """Of an exception, a traceback or a frame that is kept the text is kept."""

    def error() -> None:
        node = Node()
        try:
            raise LookupError(node)
        except LookupError as caught:
            node.error = caught  # type: ignore[attr-defined]

    def traceback() -> None:
        node = Node()
        try:
            raise LookupError
        except LookupError:
            node.trace = sys.exc_info()[2]  # type: ignore[attr-defined]

    def frame() -> None:
        node = Node()
        node.frame = sys._getframe()  # type: ignore[attr-defined]

    assert "str(error)" in remedy_of(error).text
    assert remedy_of(traceback).text == (
        "keep traceback.format_tb(…) in Node.trace, and not the traceback"
    )
    assert (
        remedy_of(frame).text == "keep what you need of the frame in Node.frame, and not the frame"
    )


def test_dunder_attributes_are_left() -> None:
    """What Python itself keeps by a dunder name is no attribute to make weak."""

    def make() -> None:
        one, two = KeyError(), KeyError()
        one.__cause__, two.__cause__ = two, one

    remedy = remedy_of(make)
    assert (remedy.reference, remedy.proven) == (None, False)
    assert remedy.text == "none can be told from the graph alone"


# --- entries of containers -----------------------------------------------------------------------


class Holder:
    """A holder of containers that refer to it alone."""

    def __init__(self) -> None:
        self.table: Any = {}
        self.rows: Any = []
        self.members: Any = set()
        self.pair: Any = ()

    def fill_table(self) -> None:
        """Put itself into the dictionary."""
        self.table["key"] = self  # table

    def fill_keys(self) -> None:
        """Make itself a key."""
        self.table[self] = 1  # keys

    def fill_rows(self) -> None:
        """Put itself into the list."""
        self.rows.append(self)  # rows

    def fill_members(self) -> None:
        """Put itself into the set."""
        self.members.add(self)  # members

    def fill_pair(self) -> None:
        """Put itself into the tuple."""
        self.pair = (self, 1)  # pair

    def fill_frozen(self) -> None:
        """Put itself into a frozenset."""
        self.pair = frozenset([self])

    def nest(self) -> None:
        """Put a list with the own list into the own list."""
        self.rows.append([self.rows, self])  # nested


@pytest.mark.parametrize(
    ("method", "reference", "text", "mark"),
    [
        (
            Holder.fill_table,
            "dict value of Holder.table",
            "Holder.table = weakref.WeakValueDictionary()",
            "table",
        ),
        (
            Holder.fill_keys,
            "dict key of Holder.table",
            "Holder.table = weakref.WeakKeyDictionary()",
            "keys",
        ),
        (
            Holder.fill_rows,
            "list item of Holder.rows",
            "put weakref.ref(…) of the Holder into Holder.rows in place of it",
            "rows",
        ),
        (
            Holder.fill_members,
            "set member of Holder.members",
            "Holder.members = weakref.WeakSet()",
            "members",
        ),
        (
            Holder.fill_pair,
            "tuple item of Holder.pair",
            "put weakref.ref(…) of the Holder into the tuple in place of it",
            "pair",
        ),
    ],
)
def test_entries(method: Callable[[Any], None], reference: str, text: str, mark: str) -> None:
    """Each kind of container has its way to hold weakly, or to let go."""

    def make() -> None:
        method(Holder())

    remedy = remedy_of(make)
    assert (remedy.reference, remedy.text) == (reference, text)
    assert remedy.proven
    assert marked(mark) in " ".join(places(make))


class Kept:
    """An object that a container holds."""


@pytest.mark.parametrize("container", [dict, set])
def test_containers_of_locals(container: type) -> None:
    """What a local holds is written down with its function where the container is changed."""
    from cyclefree._labels import Labels
    from cyclefree._references import Namer
    from cyclefree._remedies.change import View
    from cyclefree._remedies.data_changes import entry
    from cyclefree._remedies.libraries import Ownership
    from cyclefree._remedies.stores import Stores
    from cyclefree._remedies.ties import Ties

    def fill() -> Any:
        kept: Any = Kept()
        cache: Any = {"key": kept} if container is dict else {kept}
        frame = sys._getframe()
        del kept
        return frame, cache

    frame, cache = fill()
    # What is older than the container has other owners; else it would be let go of instead.
    objects = [next(iter(cache.values() if container is dict else cache)), frame, cache]
    labels = list(map(Labels(()).of, objects))
    at = {id(obj): position for position, obj in enumerate(objects)}
    named = {
        at[id(obj)]: [
            (kind, detail, at[id(target)])
            for kind, detail, target in Namer().folded_references(obj)
            if id(target) in at and target is not frame
        ]
        for obj in objects
    }
    ties = Ties(objects, labels, Stores(), [])
    ties.rows(named)
    view = View(objects, labels, ties, Stores(), Ownership(), [], [0, 1, 2])
    (tie,) = (tie for tie in ties.all if tie.holder is not None)
    change = entry(view, tie, {ties.sort(0)})
    assert change is not None
    weak = "WeakValueDictionary" if container is dict else "WeakSet"
    assert change.text == f"in test_containers_of_locals.fill():  cache = weakref.{weak}()"
    assert change.sites() == ()
    frame.clear()


@pytest.mark.parametrize("name", ["list", "dict", "deque"])
def test_containers_that_hold_themselves(name: str) -> None:
    """A container that holds itself lets go of itself."""
    import collections

    def make() -> None:
        held: Any = {"list": list, "dict": dict, "deque": collections.deque}[name]()
        if name == "dict":
            held["me"] = held
        else:
            held.append(held)

    remedy = remedy_of(make)
    assert remedy.text == f"take the {name} out of itself, or call .clear() when done with it"
    assert remedy.advice == "take this one out"


def test_tuples_cannot_let_go() -> None:
    """What is in a tuple or frozenset can't be taken out: the list around it lets go."""

    def make() -> None:
        row: list[Any] = []
        row.append((row,))

    assert remedy_of(make).reference == "list item of itself"


def test_containers_of_the_users_classes() -> None:
    """What a subclass of list or dict holds is put there as a weak reference."""

    def make() -> None:
        mine = Mine()
        mine.append(mine)

    remedy = remedy_of(make)
    assert remedy.text == "put weakref.ref(…) of the Mine into the Mine in place of it"
    assert remedy.reference == "item of Mine"


class Mine(list):  # type: ignore[type-arg]
    """A list that weak references can be made to."""


# --- methods and functions -----------------------------------------------------------------------


class Button:
    def __init__(self) -> None:
        self.on_click: Any = self.click  # button

    def click(self) -> None:
        """Do nothing."""


class Stack(list):  # type: ignore[type-arg]
    def __init__(self) -> None:
        self.push = self.append  # stack


def test_own_bound_methods() -> None:
    """An instance's own method is held by a weak callback, at the line that stores it."""
    remedy = remedy_of(Button)
    assert remedy.text == "in class Button:  self.on_click = WeakCallback(self.click)"
    assert remedy.reference == "Button.on_click"
    assert places(Button) == [f"{marked('button')}, Button.__init__"]


def test_bound_methods_of_others() -> None:
    """A method that is handed to another object is passed as a weak callback."""

    def make() -> None:
        subject = Node(observers=[])
        observer = Node(prev=subject, subject=(subject,))
        subject.observers.append(observer.method)  # type: ignore[attr-defined]
        subject.observer = None  # type: ignore[attr-defined]

    remedy = remedy_of(make)
    assert "WeakCallback(x.method) in place of x.method, the bound method of Node" in remedy.text


def test_bound_methods_of_builtin_types() -> None:
    """A method of a builtin type is not kept at all."""
    remedy = remedy_of(Stack)
    assert remedy.text == "call x.append() where you need it, and keep no method in Stack.push"
    assert places(Stack) == [f"{marked('stack')}, Stack.__init__"]

    def listed() -> None:
        stack = Mine()
        stack.calls = [stack.append]  # type: ignore[attr-defined]

    assert remedy_of(listed).reference == "list item of Mine.calls"


def test_bound_methods_without_a_function() -> None:
    """A method of something that is no function has no name to tell: nothing is made up."""

    class Call:
        def __call__(self, owner: object) -> None:
            """Do nothing."""

    call = Call()

    def make() -> None:
        node = Node()
        node.run = types.MethodType(call, node)  # type: ignore[attr-defined]

    assert not remedy_of(make).proven


def test_recursive_functions() -> None:
    """A recursive function is lifted out; a lambda becomes a function."""

    def make() -> None:
        def walk() -> object:
            return walk

    def make_lambda() -> None:
        walk: Any = lambda: walk
        del walk.__doc__

    name = "test_recursive_functions.make"
    assert remedy_of(make).text == (
        f"lift walk() out of {name}() to module level, and give it what it uses as arguments"
    )
    assert remedy_of(make_lambda).text == (
        "make the lambda 'walk' a function at module level, and give it what it uses as arguments"
    )


def test_recursion_through_a_cache() -> None:
    """A cached recursive function is lifted out like any other."""

    def make() -> None:
        @functools.lru_cache
        def walk() -> object:
            return walk

    assert remedy_of(make).text.startswith("lift walk() out of ")


def test_functions_that_close_over_an_instance() -> None:
    """A function stored in the instance that it closes over closes over a weak reference."""

    def make() -> None:
        node = Node()

        def callback() -> object:
            return node

        node.callback = callback  # type: ignore[attr-defined]

    def make_lambda() -> None:
        node = Node()
        node.callback = lambda: node  # type: ignore[attr-defined]

    for each, called in ((make, "callback()"), (make_lambda, "the lambda")):
        name = f"test_functions_that_close_over_an_instance.{each.__name__}"
        remedy = remedy_of(each)
        assert remedy.text == (
            f"in {name}():  ref = weakref.ref(node) before {called} is made, and ref() in place of "
            "node inside it"
        )
        assert "Node must then be held by its user" in remedy.reason


def test_functions_that_close_over_what_cannot_be_weak() -> None:
    """Where no weak reference can be made to what a function closes over, it is lifted out."""

    def make() -> None:
        slots = Slots(1)
        slots.kids = lambda: slots  # type: ignore[assignment, return-value]

    assert "weakref" not in remedy_of(make).text


def test_what_looks_like_a_function() -> None:
    """An object with the closure of a function, or what it calls so, is no function to lift out."""

    class Mimic:
        def __init__(self, *parts: object) -> None:
            self.__closure__ = (lambda: self).__closure__ if parts else (self, 1)

    for parts in ((), ("cell",)):
        cycle = cycle_of(lambda parts=parts: Mimic(*parts))  # type: ignore[misc]
        assert cycle.references[0].name == ".__closure__"
        assert cycle.remedy is not None
        assert "lift" not in cycle.remedy.text


def test_functions_without_a_known_place() -> None:
    """A function that doesn't know where it was made is lifted out of the one around it."""
    namespace: dict[str, Any] = {"__name__": __name__}
    text = "def make():\n    def walk(): return walk\n    walk.__qualname__ = 'walk'\n"
    exec(compile(text, "<string>", "exec"), namespace)
    outer = "make()" if sys.version_info >= (3, 11) else "the function around it"
    assert remedy_of(namespace["make"]).text.startswith(f"lift walk() out of {outer} to module")


# --- frames --------------------------------------------------------------------------------------


def test_locals_are_deleted() -> None:
    """`err = e` is let go of at the end of its function, and not held weakly."""

    def keep() -> None:
        try:
            raise LookupError
        except LookupError as error:
            kept = error  # kept
        assert kept

    remedy = remedy_of(keep)
    assert remedy.text == "in test_locals_are_deleted.keep():  try: …  finally: kept = None"
    assert remedy.advice == "delete this local"
    assert places(keep)[0].startswith(marked("kept"))


def test_the_own_frame_in_a_local() -> None:
    """A frame that its own local holds lets go of it."""

    def make() -> None:
        frame = sys._getframe()
        assert frame

    assert remedy_of(make).text == (
        "in test_the_own_frame_in_a_local.make():  try: …  finally: frame = None"
    )


def test_methods_in_locals_are_deleted() -> None:
    """A local with a bound method is deleted like any other local."""

    def make() -> None:
        class_free = Node(frame=(sys._getframe(),))
        call = class_free.method
        del class_free
        assert call

    remedy = remedy_of(make)
    assert remedy.text.endswith("finally: call = None")


def test_parameters_are_dearer_than_locals() -> None:
    """Of a parameter and another local the local is deleted."""

    def make(given: Any) -> None:
        try:
            raise LookupError
        except LookupError as error:
            own = [error]
            given.append(own)

    def keep() -> None:
        make([])

    remedy = remedy_of(keep)
    assert remedy.proven
    assert "del given" not in remedy.text


def test_code_without_a_place_for_it() -> None:
    """A lambda has no place for a `finally`: something else is told."""

    def make() -> None:
        node: Any = Node()
        node.call = lambda frame: setattr(node, "frame", sys._getframe())
        node.call(None)
        node.call = None

    remedy = remedy_of(make)
    assert "finally" not in remedy.text


class Task:
    """A task that keeps what went wrong."""

    def run(self) -> None:
        """Fail."""
        try:
            raise LookupError
        except LookupError as error:
            self.error = error


def test_an_exception_that_is_kept() -> None:
    """An exception that an instance keeps drops its traceback, whose frame knows the instance."""
    remedy = remedy_of(lambda: Task().run())
    assert remedy.reference == "LookupError.__traceback__"
    assert "with_traceback(None)" in remedy.text


# --- generators and classes ----------------------------------------------------------------------


def steps(owner: object) -> Iterator[object]:
    """Yield the owner, and wait."""
    yield owner


async def wait(owner: object) -> object:
    """Wait."""
    await asyncio.sleep(0)
    return owner


async def watch(owner: object) -> AsyncIterator[object]:
    """Yield the owner, and wait."""
    yield owner


class Runner:
    def __init__(self, kind: str) -> None:
        if kind == "generator":
            self.steps: Any = steps(self)
            next(self.steps)
        elif kind == "coroutine":
            self.steps = wait(self)
            self.steps.send(None)
        else:
            self.steps = watch(self)
            try:
                self.steps.__anext__().send(None)
            except StopIteration:
                pass


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (
            "generator",
            "call its close() when done with Runner.steps, the generator steps(), or let it run to "
            "its end",
        ),
        ("coroutine", "await Runner.steps, the coroutine wait(), or call its close()"),
        (
            "async",
            "await its aclose() when done with Runner.steps, the async generator watch(), or let "
            "it run to its end",
        ),
    ],
)
def test_suspended_code_is_closed(kind: str, text: str) -> None:
    """A generator or coroutine that its owner keeps is closed or run to its end."""

    def make() -> None:
        Runner(kind)

    remedy = remedy_of(make)
    assert remedy.text == text
    assert remedy.advice == "close this"
    assert remedy.proven
    stored = [r for r in cycle_of(make).references if r.stored_at]
    assert [r.name for r in stored] == [".steps"]


def test_a_generator_that_nobody_keeps() -> None:
    """A generator that only its own locals hold is called by its function."""

    def selfish() -> Iterator[object]:
        me = yield
        yield me

    def make() -> None:
        generator: Any = selfish()
        next(generator)
        generator.send([generator])

    name = "test_a_generator_that_nobody_keeps.selfish()"
    assert remedy_of(make).text == (
        f"call its close() when done with {name} or let it run to its end"
    )


def test_a_generator_that_a_library_keeps() -> None:
    """A context manager is left, and the generator in it not closed: that would be an error."""
    manager = contextlib.contextmanager(steps)

    def make() -> None:
        node = Node()
        node.inside = manager(node)  # type: ignore[attr-defined]
        node.inside.__enter__()  # type: ignore[attr-defined]

    assert remedy_of(make).text == (
        "leave Node.inside when done with it:  call its __exit__(None, None, None)"
    )


def test_classes_are_made_once() -> None:
    """A class that a call makes is made at import, wherever its line is known from."""

    def make() -> None:
        class Made:  # made class
            pass

    def make_by_call() -> None:
        type("ByCall", (), {"__module__": __name__})  # made by a call

    remedy = remedy_of(make)
    assert remedy.text == ("make class Made once, at import: at module level and not in each call")
    assert places(make) == [f"{marked('made class')}, class Made"]
    assert remedy_of(make_by_call).reference == "class ByCall"
    assert marked("made by a call") in places(make_by_call)[0]


# --- what is not the reader's --------------------------------------------------------------------


def test_a_librarys_own_cycle() -> None:
    """Of a cycle with nothing of the reader's in it the library is named, and no line shown."""
    from xml.dom import minidom

    cycle = cycle_of(lambda: minidom.parseString("<a/>"))
    assert cycle.remedy is not None
    assert "xml.dom" in (cycle.kind or "")
    assert not any(reference.stored_at for reference in cycle.references)


def test_a_partial_is_nobodys() -> None:
    """What a partial was given is changed where the partial is made, not in functools."""

    def make() -> None:
        node = Node()
        node.call = functools.partial(print, node)  # type: ignore[attr-defined]

    remedy = remedy_of(make)
    assert remedy.text == "put weakref.ref(…) of the Node into the tuple in place of it"
    assert not any(reference.stored_at for reference in cycle_of(make).references)


def test_callbacks_of_weak_references() -> None:
    """A weak reference whose callback is the instance's own method gets a weak callback."""

    def make() -> None:
        node = Node()
        node.ref = weakref.ref(node, node.method)  # type: ignore[attr-defined, arg-type]

    assert "WeakCallback(x.method)" in remedy_of(make).text


# --- it only looks -------------------------------------------------------------------------------


def test_nothing_of_the_users_is_run_or_kept() -> None:
    """A class that refuses to be asked anything is explained, and its objects die afterwards."""

    def refuse(*_: object) -> Any:
        raise AssertionError("user code was run")

    meta = type(
        "Meta",
        (type,),
        {f"__{name}__": refuse for name in ("eq", "hash", "getattribute", "repr")},
    )
    methods = ("eq", "hash", "getattribute", "repr", "bool", "len", "iter", "sizeof", "call")
    namespace: dict[str, Any] = {f"__{name}__": refuse for name in methods}
    hostile = meta("Hostile", (), {**namespace, "__class__": property(refuse)})
    refs: list[weakref.ref[Any]] = []

    def make() -> None:
        one, two = object.__new__(hostile), object.__new__(hostile)
        object.__setattr__(one, "children", [two])
        object.__setattr__(two, "parent", one)
        object.__setattr__(two, "callback", types.MethodType(type.mro, two))
        object.__setattr__(one, "callback", lambda: two)
        refs.append(weakref.ref(one))

    with cycle_scope() as scope:
        make()
    cycles = scope.report.cycles
    assert all(cycle.remedy is not None for cycle in cycles)
    assert cycles
    import gc

    gc.collect()
    assert refs[0]() is None
