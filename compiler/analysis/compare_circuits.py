"""Where a circuit is not the one that it should be: a line for each part that differs, by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from reprlib import Repr
from typing import Any

import numpy as np

from ...runtime.circuit.relations import Circuit

# Parts of a circuit that have names, and what one of them is called.
PARTS = {
    "axes": "axis",
    "columns": "column",
    "tables": "table",
    "einsums": "einsum",
    "lookups": "lookup",
    "linears": "linear relation",
    "gathers": "gather",
}
_SHORT = Repr()
_SHORT.maxlevel, _SHORT.maxother, _SHORT.maxstring = 3, 40, 60


def circuit_differences(wanted: Circuit, found: Circuit) -> list[str]:
    """Empty if the circuits are the same, contents of tables and public columns included."""
    return [*_parts(wanted, found), *_contents(wanted, found), *_whole(wanted, found)]


def _parts(wanted: Circuit, found: Circuit) -> Iterator[str]:
    for group, noun in PARTS.items():
        ones = {part.name: part for part in getattr(wanted, group)}
        others = {part.name: part for part in getattr(found, group)}
        yield from (f"{noun} {name} is missing" for name in ones if name not in others)
        yield from (f"{noun} {name} does not belong" for name in others if name not in ones)
        for name in ones:
            if name in others:
                yield from _fields(f"{noun} {name}", ones[name], others[name])
        common = [name for name in ones if name in others]
        if common != [name for name in others if name in ones]:
            yield f"the {group} come in another order"


def _fields(where: str, wanted: Any, found: Any) -> Iterator[str]:
    for field in fields(wanted):
        one, other = getattr(wanted, field.name), getattr(found, field.name)
        if one != other:
            yield f"{where}: {field.name} is {_SHORT.repr(other)}, not {_SHORT.repr(one)}"


def _contents(wanted: Circuit, found: Circuit) -> Iterator[str]:
    for name in wanted.data:
        one, other = np.asarray(wanted.data[name]), np.asarray(found.data.get(name, ()))
        if one.shape != other.shape:
            yield f"{name}: its contents have shape {other.shape}, not {one.shape}"
        elif (places := np.argwhere(one != other)).size:
            at = tuple(map(int, places[0]))
            yield f"{name}: its contents at {at} are {other[at]}, not {one[at]}"
    yield from (f"{name}: contents of nothing" for name in found.data if name not in wanted.data)


def _whole(wanted: Circuit, found: Circuit) -> Iterator[str]:
    if wanted.extents != found.extents:
        yield f"its extents are {dict(found.extents)}, not {dict(wanted.extents)}"
    if wanted.bands != found.bands:
        yield f"its bands are {_SHORT.repr(found.bands)}, not {_SHORT.repr(wanted.bands)}"
    if wanted.reveals != found.reveals:
        yield f"it reveals {dict(found.reveals)}, not {dict(wanted.reveals)}"
