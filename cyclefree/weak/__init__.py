"""The parts to write code without reference cycles: references that keep nothing alive.

    weak_attribute   the back-reference: `order = weak_attribute()` in the class of the lines
    WeakCallback     the listener: a bound method that does not keep its object alive

They need nothing of the rest of cyclefree and hold no state of their own.
"""

from __future__ import annotations

from cyclefree.weak.attribute import weak_attribute
from cyclefree.weak.callback import WeakCallback

__all__ = ["WeakCallback", "weak_attribute"]
