"""The kinds of statement, told apart by what a circuit leaves to its proofs.

A kind is a module: `function`, where that is a batch of examples, or `generation`. Whatever depends on the kind of
a circuit asks the module that `of` gives.
"""

from __future__ import annotations

from collections.abc import Iterable

from . import function, generation


def of(extents: Iterable[str]):
    """The kind of the circuits that declare these extents."""
    return function if function.BATCH in extents else generation


def can_reveal(what: str) -> bool:
    """Whether circuits of some kind reveal this."""
    return what in generation.REVEALS or function.is_name(what)


def order(names: Iterable[str]) -> tuple[str, ...]:
    """What circuits of one kind reveal, in the order of that kind; what is of another is left out."""
    found = [*names]
    return (function if any(map(function.is_name, found)) else generation).order(found)
