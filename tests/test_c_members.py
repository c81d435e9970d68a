"""Tests of the names of slots, of members of C types, and of the parts that no attribute shows."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import weakref

from specimens import Order, Slotted, annotated, folded_names, ids, names, outer, raised

from cyclefree._references import references


def test_slots() -> None:
    """Slots are named, a private one as the interpreter mangles it, an unset one not at all."""
    item = [1]
    slotted = Slotted(item)
    found = {str(detail) for kind, detail, _ in references(slotted) if kind == "attr"}
    assert found == {"item", "_Slotted__hidden", "__class__"}


def test_class_parts() -> None:
    """A class shows its dictionary, its order of resolution and its bases."""

    class Made(Order):
        pass

    found = {str(detail) for _, detail, _ in references(Made)}
    assert {"__dict__", "__mro__", "__bases__", "__base__"} <= found
    assert folded_names(Order, Order.__init__) == [("attr", "__init__")]
    assert names(Slotted.__dict__["item"], Slotted) == [("attr", "__objclass__")]


def test_exception_parts() -> None:
    """The chain of an exception is named, and so is what a subclass stores."""

    class Refused(Exception):
        def __init__(self, order: object) -> None:
            super().__init__(order)
            self.order = order

    order = [1]
    refused = Refused(order)
    assert folded_names(refused, order) == [("attr", "order")]
    assert names(refused, refused.args) == [("attr", "args")]
    error = raised(order)
    assert names(error, error.__traceback__) == [("attr", "__traceback__")]
    assert set(names(error, error.__cause__)) == {("attr", "__context__"), ("attr", "__cause__")}
    traceback = error.__traceback__
    assert traceback is not None
    assert names(traceback, traceback.tb_frame) == [("attr", "tb_frame")]


def test_function_parts_are_not_made() -> None:
    """A function that has no dictionary and no annotations still has none after the look."""
    function = outer([1])
    before = ids(gc.get_referents(function))
    references(function)
    assert ids(gc.get_referents(function)) == before
    annotations = annotated.__annotations__
    assert names(annotated, annotations) == [("attr", "__annotations__")]
    annotated.__dict__["note"] = before
    assert folded_names(annotated, before) == [("attr", "note")]


def test_weak_references() -> None:
    """The callback of a weak reference is named; a proxy's referent is not touched."""
    order = Order([1])

    def callback(reference: object) -> None:
        return None

    assert names(weakref.ref(order, callback), callback) == [("attr", "__callback__")]
    proxy = weakref.proxy(order, callback)
    assert names(proxy, callback) == [("attr", "__callback__")]


def test_future_and_task() -> None:
    """What a C future and task hold has names, and looking does not silence their logging."""

    async def work() -> None:
        await asyncio.sleep(0)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[object] = loop.create_future()
        callbacks = [lambda f: None, lambda f: None]
        for callback in callbacks:
            future.add_done_callback(callback)
        assert ("attr", "_callbacks") in names(future, callbacks[0])
        assert names(future, loop) == [("attr", "_loop")]
        future.set_exception(error)
        await asyncio.sleep(0)
        assert names(future, error) == [("attr", "_exception")]
        assert future._log_traceback  # type: ignore[attr-defined]
        future.exception()
        task = asyncio.ensure_future(work())
        assert [k for k, _, _ in references(task) if k == "unnamed"] == []
        assert names(task, task.get_coro()) == [("attr", "_coro")]
        await task

    error = ValueError("x")
    asyncio.run(main())


def test_context_entries() -> None:
    """The value of a context variable is found under the variable."""
    variable: contextvars.ContextVar[object] = contextvars.ContextVar("here")
    value = [1]
    context = contextvars.Context()
    context.run(variable.set, value)
    todo, found = [references(context)[0][2]], []
    while todo:
        for kind, detail, target in references(todo.pop()):
            if detail == "node":
                todo.append(target)
            elif target is value:
                found.append((kind, detail))
    assert found == [("key", variable)]
