"""Do to a program what the text of a remedy says, and nothing else.

What a reader of the report would do by hand, done by machine: a text that can't be applied without
thinking about it is not good enough. Each pattern below is one sentence of a remedy.
"""

from __future__ import annotations

import ast
import re
import symtable
from collections.abc import Callable

IMPORTS = "import traceback, weakref\nfrom cyclefree.weak import WeakCallback, weak_attribute\n"


def applied(source: str, text: str) -> str:
    """Return the program with every change of a remedy's text made."""
    tree = ast.parse(source)
    for line in text.split("\n"):
        change = line.partition("  (stored at ")[0]
        for pattern, apply in PATTERNS:
            found = re.fullmatch(pattern, change)
            if found:
                apply(tree, **found.groupdict())
                break
        else:
            raise AssertionError(f"nobody knows how to do this: {change}")
    at = 0
    while at < len(tree.body) and is_future(tree.body[at]):
        at += 1
    tree.body[at:at] = ast.parse(IMPORTS).body
    return ast.unparse(ast.fix_missing_locations(tree))


def is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


# --- finding and replacing -----------------------------------------------------------------------


def find(tree: ast.AST, path: str) -> tuple[list[ast.stmt], ast.stmt]:
    """Return the class or function of a dotted name, and the body that it stands in."""
    body: list[ast.stmt] = tree.body  # type: ignore[attr-defined]
    parts = path.split(".")
    for number, name in enumerate(parts):
        for holder, node in bodies(body):
            if getattr(node, "name", None) == name:
                if number == len(parts) - 1:
                    return holder, node
                body = node.body  # type: ignore[attr-defined]
                break
        else:
            raise AssertionError(f"{path} is not in the program")
    raise AssertionError(path)


def bodies(body: list[ast.stmt]) -> list[tuple[list[ast.stmt], ast.stmt]]:
    """List the statements under a body down to nested blocks, each with its own body."""
    found = []
    todo = [body]
    for each in todo:  # grows while it is walked
        for node in each:
            found.append((each, node))
            if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                for name in ("body", "orelse", "finalbody"):
                    todo.append(getattr(node, name, []))
                todo += [handler.body for handler in getattr(node, "handlers", [])]
    # A class inside a function is found through the function's name or by its own alone.
    for _, node in list(found):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found += bodies(node.body)
    return found


class Replace(ast.NodeTransformer):
    """Replace expressions that a test wants replaced."""

    def __init__(self, wanted: Callable[[ast.AST], bool], make: Callable[[ast.AST], ast.AST]):
        self.wanted = wanted
        self.make = make
        self.count = 0

    def visit(self, node: ast.AST) -> ast.AST:
        node = self.generic_visit(node)
        if self.wanted(node):
            self.count += 1
            return self.make(node)
        return node


def replace(
    node: ast.AST, wanted: Callable[[ast.AST], bool], make: Callable[[ast.AST], ast.AST]
) -> None:
    """Replace in place, and insist that there was something to replace."""
    replacing = Replace(wanted, make)
    replacing.visit(node)
    assert replacing.count, "nothing in the program is what the text speaks of"


def expression(code: str, **parts: ast.AST) -> ast.AST:
    """Parse an expression with names replaced by other expressions."""
    node = ast.parse(code, mode="eval").body
    return Replace(
        lambda n: isinstance(n, ast.Name) and n.id in parts,
        lambda n: parts[n.id],  # type: ignore[attr-defined]
    ).visit(node)


def change_stores(tree: ast.AST, name: str, code: str) -> None:
    """Replace what is assigned to an attribute, `value` in the code."""
    count = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
            if node.targets[0].attr == name and not isinstance(node.value, ast.Constant):
                node.value = expression(code, value=node.value)  # type: ignore[assignment]
                count += 1
    assert count, f"nothing is stored in .{name}"


# --- the sentences -----------------------------------------------------------------------------


def weak_attribute(tree: ast.AST, cls: str, code: str) -> None:
    _, node = find(tree, cls)
    assert isinstance(node, ast.ClassDef)
    statement = ast.parse(code).body[0]
    if isinstance(statement, ast.AnnAssign):
        names = [getattr(getattr(part, "target", None), "id", None) for part in node.body]
        node.body[names.index(statement.target.id)] = statement  # type: ignore[union-attr]
    else:
        name = ast.unparse(statement.targets[0])  # type: ignore[attr-defined]
        node.body = [part for part in node.body if not is_assignment(part, name)]
        node.body.insert(0, statement)


def is_assignment(node: ast.stmt, name: str) -> bool:
    return isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name


def weak_slot(tree: ast.AST, cls: str, new: str, old: str, code: str, other: str | None) -> None:
    _, node = find(tree, cls)
    replace_slot(node, old, new)
    weak_attribute(tree, cls, code)
    if other:
        add_slot(find(tree, other)[1])


def replace_slot(node: ast.AST, old: str, new: str) -> None:
    replace(
        node,
        lambda n: isinstance(n, ast.Constant) and n.value == old,
        lambda n: ast.Constant(new),
    )


def add_slot(node: ast.stmt) -> None:
    for part in node.body:  # type: ignore[attr-defined]
        if isinstance(part, ast.Assign) and ast.unparse(part.targets[0]) == "__slots__":
            part.value.elts.append(ast.Constant("__weakref__"))  # type: ignore[attr-defined]
            return
    raise AssertionError("no __slots__ to add to")


def weak_target_slot(tree: ast.AST, cls: str, code: str, other: str) -> None:
    weak_attribute(tree, cls, code)
    add_slot(find(tree, other)[1])


def store_ref(tree: ast.AST, cls: str, name: str) -> None:
    """`obj.name = x` becomes `obj.name = weakref.ref(x)`, and so does the argument of the class."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == cls:
            for keyword in node.keywords:
                if keyword.arg == name:
                    keyword.value = expression("weakref.ref(v)", v=keyword.value)  # type: ignore[assignment]
                    return
    change_stores(tree, name, "weakref.ref(value)")


def own_callback(tree: ast.AST, cls: str, name: str, code: str, other: str | None) -> None:
    _, node = find(tree, cls)
    change_stores(node, name, code)
    if other:
        add_slot(find(tree, other)[1])


def pass_callback(tree: ast.AST, method: str, cls: str) -> None:
    called = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    replace(
        tree,
        lambda n: (
            isinstance(n, ast.Attribute)
            and n.attr == method
            and id(n) not in called
            and isinstance(n.ctx, ast.Load)
        ),
        lambda n: expression("WeakCallback(v)", v=n),
    )


def lift(tree: ast.AST, inner: str, outer: str) -> None:
    """Move functions to module level."""
    names = re.findall(r"\w+(?=\(\))", inner)
    for name in names:
        lift_one(tree, name, outer, names)


def lift_one(tree: ast.AST, inner: str, outer: str, together: list[str]) -> None:
    """Move a function to module level; what it used of the function around becomes parameters."""
    function = find(find(tree, outer)[1], inner)[1]
    inside, _ = find(find(tree, outer)[1], inner)
    free = free_names(ast.unparse(tree), inner) - set(together)
    inside.remove(function)
    if not inside:
        inside.append(ast.Pass())
    assert isinstance(function, ast.FunctionDef)
    for name in sorted(free):
        function.args.args.append(ast.arg(name))
    tree.body.insert(first_statement(tree), function)  # type: ignore[attr-defined]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == inner:
            node.args += [ast.Name(name, ast.Load()) for name in sorted(free)]


def free_names(source: str, function: str) -> set[str]:
    todo = [symtable.symtable(source, "program", "exec")]
    for table in todo:  # grows while it is walked
        if table.get_name() == function and isinstance(table, symtable.Function):
            return set(table.get_frees())
        todo += table.get_children()
    raise AssertionError(function)


def first_statement(tree: ast.AST) -> int:
    """Where a definition at module level may stand: after the imports."""
    body = tree.body  # type: ignore[attr-defined]
    at = 0
    while at < len(body) and isinstance(body[at], ast.Import | ast.ImportFrom | ast.Expr):
        at += 1
    return at


def lift_lambda(tree: ast.AST, name: str) -> None:
    for holder, node in bodies(tree.body):  # type: ignore[attr-defined]
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
            if ast.unparse(node.targets[0]) == name:
                holder.remove(node)
                function = ast.FunctionDef(
                    name, node.value.args, [ast.Return(node.value.body)], [], type_params=[]
                )
                tree.body.insert(first_statement(tree), function)  # type: ignore[attr-defined]
                return
    raise AssertionError(name)


def close_over_ref(tree: ast.AST, outer: str, name: str, inner: str) -> None:
    _, function = find(tree, outer)
    statement = ast.parse(f"ref = weakref.ref({name})").body[0]
    inside = [
        n
        for n in ast.walk(function)
        if n is not function
        and (isinstance(n, ast.Lambda) or getattr(n, "name", None) == inner.removesuffix("()"))
    ]
    for node in inside:
        replace(
            node,
            lambda n: isinstance(n, ast.Name) and n.id == name,
            lambda n: expression("ref()"),
        )
    body = function.body  # type: ignore[attr-defined]
    for at, part in enumerate(body):
        if any(n in inside for n in ast.walk(part)):
            body.insert(at, statement)
            return
    raise AssertionError(inner)


def end_local(tree: ast.AST, function: str, code: str) -> None:
    finally_in(find(tree, function)[1], code)


def finally_in(function: ast.stmt, code: str) -> None:
    body = function.body  # type: ignore[attr-defined]
    function.body = [ast.Try(body, [], [], ast.parse(code).body)]  # type: ignore[attr-defined]


def without_traceback(tree: ast.AST) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and node.name:
            for part in node.body:
                if not isinstance(part, ast.Raise):
                    replace(
                        part,
                        lambda n, name=node.name: isinstance(n, ast.Name) and n.id == name,
                        lambda n: expression("v.with_traceback(None)", v=n),
                    )


def traceback_dropped(tree: ast.AST, name: str) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and ast.unparse(node.type or node) == name:
            node.name = node.name or "error"
            node.body[:0] = ast.parse(f"{node.name}.__traceback__ = None").body
            return
    raise AssertionError(name)


def keep_text(tree: ast.AST, cls: str, name: str) -> None:
    change_stores(tree, name, "str(value)")


def keep_format(tree: ast.AST, cls: str, name: str) -> None:
    calls = [
        n for n in ast.walk(tree) if isinstance(n, ast.Call) and f".{name}." in ast.unparse(n.func)
    ]
    for call in calls:  # what is put into the list
        call.args[-1] = expression("traceback.format_tb(v)", v=call.args[-1])  # type: ignore[call-overload]
    if not calls:
        change_stores(tree, name, "traceback.format_tb(value)")


def keep_of_frame(tree: ast.AST, cls: str, name: str) -> None:
    change_stores(tree, name, "(value).f_lineno")


def at_the_end_of_run(tree: ast.AST, cls: str, code: str) -> None:
    """Do something with the object of a class at the end of `run`."""
    for run in [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]:
        for node in ast.walk(run):
            if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)):
                continue
            if ast.unparse(node.value.func) == cls:
                variable = ast.unparse(node.targets[0])
                finally_in(run, code.replace("x.", f"{variable}."))
                return
    raise AssertionError(f"run() makes no {cls}")


def close(tree: ast.AST, cls: str, name: str) -> None:
    at_the_end_of_run(tree, cls, f"x.{name}.close()")


def leave(tree: ast.AST, cls: str, name: str) -> None:
    at_the_end_of_run(tree, cls, f"x.{name}.__exit__(None, None, None)")


def aclose(tree: ast.AST, cls: str, name: str) -> None:
    at_the_end_of_run(
        tree,
        cls,
        f"import asyncio\nasync def end(o):\n    await o.aclose()\nasyncio.run(end(x.{name}))",
    )


def make_once(tree: ast.AST, cls: str) -> None:
    for holder, node in bodies(tree.body):  # type: ignore[attr-defined]
        is_class = isinstance(node, ast.ClassDef) and node.name == cls
        if is_class or (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == cls):
            holder.remove(node)
            if not holder:
                holder.append(ast.Pass())
            tree.body.insert(first_statement(tree), node)  # type: ignore[attr-defined]
            return
    raise AssertionError(cls)


def other_container(tree: ast.AST, name: str, code: str) -> None:
    change_stores(tree, name, code)


def put_refs(tree: ast.AST, name: str) -> None:
    """What goes into the container that an attribute holds is wrapped."""
    count = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            value = node.func.value
            if isinstance(value, ast.Attribute) and value.attr == name:
                node.args[-1] = expression("weakref.ref(v)", v=node.args[-1])  # type: ignore[call-overload]
                count += 1
    assert count, name


def put_refs_of(tree: ast.AST, container: str) -> None:
    """What goes into a bare container literal is wrapped: the tuple's or list's last element."""
    for node in ast.walk(tree):
        if type(node).__name__.lower() == container and getattr(node, "elts", None):
            node.elts[-1] = expression("weakref.ref(v)", v=node.elts[-1])  # type: ignore[attr-defined]
            return
    raise AssertionError(container)


def proxy_in_call(tree: ast.AST, cls: str) -> None:
    """What is passed to a library's class as an argument of its own is passed as a proxy."""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith(cls):
            bases = {id(n.value) for n in ast.walk(call) if isinstance(n, ast.Attribute)}
            replace(
                call,
                lambda n: isinstance(n, ast.Name) and n.id == "self" and id(n) not in bases,
                lambda n: expression("weakref.proxy(v)", v=n),
            )
            return
    raise AssertionError(cls)


def without_key(tree: ast.AST, name: str) -> None:
    count = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for at, key in enumerate(node.keys):
                if isinstance(key, ast.Constant) and key.value == name:
                    del node.keys[at], node.values[at]
                    count += 1
                    break
    assert count, name


def set_to_none(tree: ast.AST, cls: str, name: str) -> None:
    at_the_end_of_run(tree, cls, f"x.{name} = None")


def clear_attribute(tree: ast.AST, cls: str, name: str) -> None:
    at_the_end_of_run(tree, cls, f"x.{name}.clear()")


def clear(tree: ast.AST, container: str) -> None:
    _, run = find(tree, "run")
    for node in ast.walk(run):
        if isinstance(node, ast.Assign):
            if type(node.value).__name__.lower() == container:
                finally_in(run, f"{ast.unparse(node.targets[0])}.clear()")
                return
    raise AssertionError(container)


def items_as_attributes(tree: ast.AST, cls: str) -> None:
    _, node = find(tree, cls)
    assert isinstance(node, ast.ClassDef)
    node.body = [part for part in node.body if getattr(part, "name", None) != "__init__"]
    node.body += ast.parse(
        "def __getattr__(self, name):\n    return self[name]\n"
        "def __setattr__(self, name, value):\n    self[name] = value\n"
    ).body


ARGUMENTS = "to module level, and give (it what it uses|them what they use) as arguments"
CLS = r"(?P<cls>[\w.]+)"
NAME = r"(?P<name>\w+)"
PATTERNS: tuple[tuple[str, Callable[..., None]], ...] = (
    (
        rf"in class {CLS}:  (?P<code>\w+(: \"[\w.]+ \| None\")? = weak_attribute\(\))",
        weak_attribute,
    ),
    (
        rf'in class {CLS}:  "(?P<new>\w+)" in place of "(?P<old>\w+)" in __slots__, and  '
        r"(?P<code>\w+ = weak_attribute\(slot=\"\w+\"\))"
        r'(, and "__weakref__" in the __slots__ of (?P<other>[\w.]+))?',
        weak_slot,
    ),
    (
        rf"in class {CLS}:  (?P<code>\w+ = weak_attribute\(\)), and "
        r'"__weakref__" in the __slots__ of (?P<other>[\w.]+)',
        weak_target_slot,
    ),
    (
        rf"in class {CLS}:  store weakref\.ref\(…\) in {NAME}"
        r"(, as a slot of a dataclass can't be weak)?",
        store_ref,
    ),
    (
        rf"in class {CLS}:  self\.{NAME} = (?P<code>WeakCallback\(self\.\w+\))"
        r'(, and "__weakref__" in the __slots__ of (?P<other>[\w.]+))?',
        own_callback,
    ),
    (
        r"use WeakCallback\((x|self)\.(?P<method>\w+)\) in place of \w+\.\w+, the bound method of "
        rf"{CLS}",
        pass_callback,
    ),
    (
        rf"lift (?P<inner>\w+\(\)((, | and )\w+\(\))*) out of (?P<outer>[\w.]+)\(\) {ARGUMENTS}",
        lift,
    ),
    (
        rf"make the lambda '{NAME}' a function at module level, and give it what it uses as "
        r"arguments",
        lift_lambda,
    ),
    (
        rf"in (?P<outer>[\w.]+)\(\):  ref = weakref\.ref\({NAME}\) before (?P<inner>the lambda|"
        r"\w+\(\)) is made, and ref\(\) in place of \w+ inside it",
        close_over_ref,
    ),
    (r"in (?P<function>[\w.]+)\(\):  try: …  finally: (?P<code>del \w+|\w+ = None)", end_local),
    (
        r"keep the exception without its traceback:  error\.with_traceback\(None\), where it is "
        r"handled for the last time",
        without_traceback,
    ),
    (rf"where your code catches the {NAME}:  error\.__traceback__ = None", traceback_dropped),
    (
        rf"keep what you need of the exception in {CLS}\.{NAME}, such as str\(error\), or set it "
        r"to None once it is handled",
        keep_text,
    ),
    (rf"keep traceback\.format_tb\(…\) in {CLS}\.{NAME}, and not the traceback", keep_format),
    (rf"keep what you need of the frame in {CLS}\.{NAME}, and not the frame", keep_of_frame),
    (
        rf"call its close\(\) when done with {CLS}\.{NAME}, the (generator|coroutine) [\w.]+\(\), "
        r"or let it run to its end",
        close,
    ),
    (
        rf"await its aclose\(\) when done with {CLS}\.{NAME}, the async generator [\w.]+\(\), or "
        r"let it run to its end",
        aclose,
    ),
    (
        r"pass weakref\.proxy\(…\) of the [\w.]+ in place of it, where .* of (?P<cls>\w+)\.\w+ "
        r"gets it",
        proxy_in_call,
    ),
    (rf"don't store it under the key '{NAME}', or delete that key when done", without_key),
    (
        rf"set {CLS}\.{NAME} to None when done with it: (nothing else holds what it leads to|the "
        r"[\w ]+ [\w.]+\(\) has not begun)",
        set_to_none,
    ),
    (
        rf"{CLS}\.{NAME}\.clear\(\) when done with it: nothing else holds the [\w ]+ in it",
        clear_attribute,
    ),
    (
        rf"leave {CLS}\.{NAME} when done with it:  call its __exit__\(None, None, None\)",
        leave,
    ),
    (rf"await {CLS}\.{NAME}, the coroutine [\w.]+\(\), or call its close\(\)", close),
    (rf"make class {CLS} once, at import: at module level and not in each call", make_once),
    (rf"[\w.]+\.{NAME} = (?P<code>weakref\.Weak\w+\(\))", other_container),
    (rf"put weakref\.ref\(…\) of the [\w.]+ into [\w.]+\.{NAME} in place of it", put_refs),
    (
        r"put weakref\.ref\(…\) of the [\w.]+ into the (?P<container>\w+) in place of it",
        put_refs_of,
    ),
    (
        r"take the (?P<container>\w+) out of itself, or call \.clear\(\) when done with it",
        clear,
    ),
    (
        rf"in class {CLS}:  __getattr__ and __setattr__ that read and write the items, in place of "
        r"self\.__dict__ = self",
        items_as_attributes,
    ),
)
