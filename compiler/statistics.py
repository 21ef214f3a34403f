"""What an optimisation did to a module, in numbers: the difference of two looks at it.

A look counts operations by name and keeps what is written on them, so that no pass has to count for itself, and
what is said of one is what it did, however it is written. Counts are of the module: a relation over all layers
is one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Attribute

from ..dialects.circuit import BLOCKS
from .analysis.equalize import COLUMNS
from .analysis.scales import UNROUNDED
from .transforms.plan_scales import FORMAT


@dataclass(frozen=True)
class Look:
    """A module's operations by name, and the properties and attributes of each in order."""

    counts: Counter[str]
    attributes: tuple[dict[str, Attribute], ...]

    @staticmethod
    def at(module: ModuleOp) -> Look:
        ops = list(module.walk())
        return Look(
            Counter(op.name for op in ops), tuple({**op.properties, **op.attributes} for op in ops)
        )

    def having(self, name: str) -> int:
        """Operations on which something of this name is written."""
        return sum(name in each for each in self.attributes)


Measure = Callable[[Look, Look], int]


def _fewer(*names: str) -> Measure:
    """How many operations of these names are gone; of any name, if none is given."""

    def measure(before: Look, after: Look) -> int:
        wanted = names or {*before.counts, *after.counts}
        return sum(before.counts[name] - after.counts[name] for name in wanted)

    return measure


def _changed(*names: str) -> Measure:
    """On how many operations one of these attributes is another, by a pass that keeps all operations."""

    def measure(before: Look, after: Look) -> int:
        pairs = zip(before.attributes, after.attributes, strict=True)
        return sum(any(a.get(name) != b.get(name) for name in names) for a, b in pairs)

    return measure


def _more(name: str) -> Measure:
    """On how many more operations an attribute stands."""
    return lambda before, after: after.having(name) - before.having(name)


def _added(name: str) -> Measure:
    """By how many operations of a kind there are more."""
    return lambda before, after: _fewer(name)(after, before)


STATISTICS: dict[str, dict[str, Measure]] = {
    "equalize-layers": {
        "weights and norms rescaled by powers of two": _changed("rows", COLUMNS, "exponents")
    },
    "delay-requantize": {"products left unrounded": _more(UNROUNDED)},
    "choose-bits": {"formats changed": _changed(FORMAT, UNROUNDED)},
    "stack-layers": {"operations fewer": _fewer()},
    "cse": {"operations fewer": _fewer()},
    "widen-limbs": {"limbs fewer": _fewer("zk.range")},
    "virtualize": {"columns no longer committed": _fewer("zk.define")},
    "dedup-lookups": {"ranges no longer looked up": _fewer("zk.range")},
    # What stays a range gets a table of its own.
    "merge-tables": {"tables fewer": _fewer("zk.range", "zk.table")},
    "virtualize-remainders": {"columns defined and not committed": _more("defines")},
    "band-attention": {"squares of which a band is left": _added("circuit.band")},
    "pack-columns": {"columns laid out": _more(BLOCKS)},
}
"""By optimisation: what is said of it, and how that is measured."""


def statistics(name: str, before: Look, after: Look) -> dict[str, int]:
    """What a pass of this name did; nothing of one that is no optimisation."""
    return {said: measure(before, after) for said, measure in STATISTICS.get(name, {}).items()}
