"""What a caller can do about a cycle that lies inside a library: recipes, and how to find one.

The recipes are data: those for the standard library, then those for packages.
"""

from __future__ import annotations

from collections.abc import Collection
from fnmatch import fnmatchcase

from cyclefree._remedies.recipes.packages import PACKAGES
from cyclefree._remedies.recipes.recipe import Recipe
from cyclefree._remedies.recipes.standard import STANDARD

__all__ = ["PACKAGES", "STANDARD", "Recipe", "recipe_for"]


def recipe_for(
    modules: Collection[str], types: Collection[str], names: Collection[str]
) -> Recipe | None:
    """Find what a caller can do about a cycle of a library.

    The most specific recipe wins: the one with the longest library prefix, then one that asks for
    types. It tells nothing of what else is in the cycle: whether that is a user's object is for
    the caller to judge.

    Args:
        modules: The dotted modules that the members of the cycle are defined in.
        types: Their type names, as in `Cycle.members`.
        names: What the classes, functions and frames among them are called themselves, as
            `ObjectSummary.name`: before 3.11 a frame knows no more than the last part of it.

    Returns:
        The recipe, or None when there is none for these.

    Example:
        >>> recipe_for(["selectors"], ["EpollSelector", "_SelectorMapping"], []).library
        'selectors'
        >>> recipe_for(["shop.models"], ["Order", "OrderLine"], [])
    """
    best: Recipe | None = None
    best_rank = (0, False)
    for recipe in (*STANDARD, *PACKAGES):
        rank = (recipe.library.count(".") + 1, bool(recipe.types))
        if rank > best_rank and _fits(recipe, modules, types, names):
            best, best_rank = recipe, rank
    return best


def _fits(
    recipe: Recipe, modules: Collection[str], types: Collection[str], names: Collection[str]
) -> bool:
    """Tell whether a cycle has an object of the library and one of the types asked for."""
    prefix = f"{recipe.library}."
    if not any(module == recipe.library or module.startswith(prefix) for module in modules):
        return False
    if not recipe.types:
        return True
    return any(_is_called(name, wanted) for name in (*types, *names) for wanted in recipe.types)


def _is_called(name: str, wanted: str) -> bool:
    """Compare a name with one asked for; a name without dots may be its last part."""
    return fnmatchcase(name, wanted) or ("." not in name and wanted.endswith(f".{name}"))
