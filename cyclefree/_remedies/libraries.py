"""Whose code is it: the user's own, or a library's?

A remedy is for whoever can edit the code. What lies in the standard library or in an installed
package can't be changed by the reader of a report, so a cycle with nothing of the user's in it is
"a library's own cycle", and the remedy is the cheapest way round it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from functools import lru_cache
from itertools import takewhile

from cyclefree._definitions import module_file, module_path, path_in_library

__all__ = ["CARRIERS", "Ownership", "library_name"]

# Their types carry what users put into them; a cycle through one is no library's doing.
CARRIERS = frozenset(
    (
        "_thread",
        "_weakref",
        "builtins",
        "collections",
        "functools",
        "itertools",
        "operator",
        "types",
        "weakref",
    )
)


class Ownership:
    """Tells modules of the user from those of libraries; remembers what it has looked up.

    Args:
        only: packages that the user has named as their own, wherever they are installed.
    """

    __slots__ = ("_known", "_modules", "_only")

    def __init__(self, only: tuple[str, ...] = ()) -> None:
        self._only = only
        self._known: dict[str, bool] = {}
        self._modules: list[str] | None = None

    def is_library(self, module: str | None) -> bool:
        """Whether a module belongs to the standard library or to an installed package."""
        if module is None:
            return False
        known = self._known.get(module)
        if known is None:
            known = self._known[module] = self._look_up(module)
        return known

    def modules(self) -> list[str]:
        """List the modules of the user that are imported and have a source file."""
        if self._modules is None:
            names = [name for name in list(sys.modules) if type(name) is str]
            self._modules = [
                name
                for name in names
                if module_file(name) is not None and not self.is_library(name)
            ]
        return self._modules

    def is_neutral(self, module: str | None, is_code: bool) -> bool:
        """Whether objects of the module's types belong to whoever filled them.

        Args:
            module: where the type is defined.
            is_code: whether the object is a function, a frame or a class of that module itself.
        """
        if module == "types":  # classes made by make_dataclass before 3.12, by new_class
            return True
        return not is_code and (module is None or module in CARRIERS)

    def _look_up(self, module: str) -> bool:
        if any(module == own or module.startswith(own + ".") for own in self._only):
            return False
        top = module.partition(".")[0]
        if top == "__main__":
            return False
        if top == "cyclefree":
            return True
        path = module_path(module) or module_path(top)
        if path is None:
            return top in sys.stdlib_module_names
        return _is_installed(path)


@lru_cache(maxsize=4_096)
def _is_installed(path: str) -> bool:
    """Whether a file is a library's; a link may lead to the user's own folder."""
    return path_in_library(os.path.realpath(path)) is not None


def library_name(modules: Iterable[str]) -> str:
    """Name the library that modules belong to.

    >>> library_name(["xml.dom.minidom"]), library_name(["asyncio.tasks", "asyncio.futures"])
    ('xml.dom.minidom', 'asyncio')
    >>> library_name(["xml.dom.minidom", "xml.dom.minicompat"])
    'xml.dom'
    >>> library_name(["werkzeug.local", "flask.app"])
    'flask and werkzeug'
    """
    names = sorted(set(modules))
    if len(names) == 1:
        return names[0]
    first, last = names[0].split("."), names[-1].split(".")  # sorted: all others are in between
    shared = [
        a for a, _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    ]
    if len(shared) > 1:
        return ".".join(shared)
    tops = sorted({name.partition(".")[0] for name in names})
    if len(tops) > 3:
        return f"{', '.join(tops[:3])} and others"
    return " and ".join(filter(None, (", ".join(tops[:-1]), tops[-1])))
