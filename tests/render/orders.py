"""The cycle of the design, with its remedy and without: what texts are made from in tests."""

from __future__ import annotations

import dataclasses

from cyclefree.reports import Cycle, Edge, ObjectSummary, Reference, Remedy

ORDER = Cycle(
    count=2,
    kind=None,
    fingerprint="c3c4b619",
    objects=(
        ObjectSummary("Order", "shop.models", "shop/models.py:8"),
        ObjectSummary("list", "builtins", None),
        ObjectSummary("OrderLine", "shop.models", "shop/models.py:21"),
    ),
    references=(Reference(0, 1, ".lines"), Reference(1, 2, "[0]"), Reference(2, 0, ".order")),
    edges=(
        Edge("Order", ".lines", "list", 2),
        Edge("OrderLine", ".order", "Order", 2),
        Edge("list", "[*]", "OrderLine", 2),
    ),
    members=(("Order", 2), ("OrderLine", 2), ("list", 2)),
    hanging=(),
    bytes=1144,
)
WEAK = Remedy(
    text="in class OrderLine:  order = weak_attribute()",
    reference="OrderLine.order",
    proven=True,
    reason=(
        "checked: no cycle of this shape remains; Order must then be held by its user, or it dies "
        "with its last strong reference"
    ),
    marks=(2,),
    advice="make this one weak",
)
MENDED = dataclasses.replace(
    ORDER,
    kind="instances that refer to each other",
    references=(
        *ORDER.references[:2],
        Reference(2, 0, ".order", "shop/models.py:24, Line.__init__"),
    ),
    remedy=WEAK,
)
