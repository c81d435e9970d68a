"""What to do about a cycle: its kind, the smallest change that removes it, and the proof.

stored_lines, stores   where a reference is stored, by bytecode
libraries              whose code it is
ties, kinds            references by what would change them; what kind of cycle they make
feedback               the cheapest set of ties without which no cycle is left
change, changes        what can be done about a tie, and how it is written:
data_changes, code_changes   attributes and containers; locals, functions, generators, classes
recipes                ways round the cycles of libraries, as data
explain                all of it put together, for one shape
"""

from __future__ import annotations

from cyclefree._remedies.explain import Explained, Explainer, unexplained

__all__ = ["Explained", "Explainer", "unexplained"]
