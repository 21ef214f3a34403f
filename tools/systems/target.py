"""What a compile needs to know of a proof system: a `Target`, of which ours is one.

A compile lowers a model to circuits and integer weights as the target takes them, and has it set that up. From then
on proving and verifying are the target's; what runs is not, as the integers are the same for all.

Targets of other packages are objects that entry points of the group `zklemma.targets` name. One that can not be
loaded is left out, which is said in a line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Protocol, get_args, runtime_checkable

import numpy as np

from ...errors import UserError
from ...runtime.circuit.encoding import MOST_CELLS
from ...runtime.circuit.relations import Circuit
from ...runtime.model.lowered import Executable, Kind
from ...runtime.progress import Clock

if TYPE_CHECKING:
    from ...compiler.levels import Level

GROUP = "zklemma.targets"
KINDS: tuple[Kind, ...] = get_args(Kind)
Given = str | Mapping[str, np.ndarray]
"""What a model is run on: a prompt, or real numbers (examples, ..) by the names of a function's inputs."""


@dataclass(frozen=True)
class Limits:
    """What a proof system can. ``kinds`` of models; the most ``table_rows`` of one table; whether it ``hides``
    weights; whether what it gives is a proof, which convinces without the whole witness (``proves``)."""

    kinds: tuple[Kind, ...] = KINDS
    table_rows: int = MOST_CELLS
    hides: bool = True
    proves: bool = True


@runtime_checkable
class Target(Protocol):
    """A proof system. ``field`` is the prime that it computes modulo, ``summary`` a line for people.

    ``legalize`` leaves optimisations out whose circuits it does not take. ``setup`` makes of a lowered model what
    it proves with: an `Executable`, whose ``key`` verifies. ``prove`` gives whatever ``verify`` takes under that
    key, which raises `InvalidProof` unless it holds, and returns what it says. Options are the target's own.
    """

    @property
    def name(self) -> str: ...
    @property
    def summary(self) -> str: ...
    @property
    def field(self) -> int: ...
    @property
    def limits(self) -> Limits: ...
    def legalize(self, level: Level) -> Level: ...
    def setup(self, lowered: Executable, private: bool, clock: Clock) -> Executable: ...
    def prove(self, artifact: Any, given: Given, **options: Any) -> Any: ...
    def verify(self, key: Any, proof: Any, **options: Any) -> Any: ...


def require_kind(target: Target, kind: Kind) -> None:
    """`UserError` unless the target proves what models of a kind say; before any work."""
    if kind not in target.limits.kinds:
        raise UserError(
            f"the target {target.name} takes no {kind}, only a {' or a '.join(target.limits.kinds)}"
        )


def hides(target: Target, asked: bool | None) -> bool:
    """Whether weights are private: by default, if they can be."""
    if asked and not target.limits.hides:
        raise UserError(f"the target {target.name} hides no weights: compile with public ones")
    return target.limits.hides if asked is None else asked


def require_fits(target: Target, circuit: Circuit) -> None:
    """`UserError` unless what holds in the target's field holds of integers, and the tables are not too large."""
    for relation in (*circuit.einsums, *circuit.linears):
        if relation.bound >= target.field:
            raise UserError(
                f"the relation {relation.name} may differ by {relation.bound}, and would wrap in the field of "
                f"the target {target.name}"
            )
    for column in circuit.columns:
        if column.high - column.low >= target.field:
            raise UserError(
                f"the column {column.name} has integers of {column.low} to {column.high}, more than the field of "
                f"the target {target.name} has elements"
            )
    for table in circuit.tables:
        if table.rows > target.limits.table_rows:
            raise UserError(
                f"the table {table.name} has {table.rows:,} rows, more than the {target.limits.table_rows:,} that "
                f"the target {target.name} takes"
            )


def targets(warn: Callable[[str], None]) -> dict[str, Target]:
    """By name: ours whether or not the package is installed, then those of other packages."""
    from .own import OWN
    from .reference import REFERENCE

    found: dict[str, Target] = {each.name: each for each in (OWN, REFERENCE)}
    for plugin in sorted(entry_points(group=GROUP), key=lambda plugin: plugin.name):
        try:
            target = plugin.load()
            if not isinstance(target, Target):
                raise TypeError(f"{plugin.value} is no target")
        except Exception as error:  # whatever a stranger's code raises
            problem = f"it can not be loaded: {type(error).__name__}: {error}"
            warn(f"target {plugin.name} is left out, {problem}")
            continue
        if found.setdefault(target.name, target) is not target:
            warn(f"target {plugin.name}: there is a target {target.name} already; it is left out")
    return found


def named(name: str) -> Target:
    """The target of a name; `UserError` with those that there are."""
    problems: list[str] = []
    found = targets(problems.append)
    if name not in found:
        there = ", ".join(found)
        raise UserError("; ".join([f"there is no target {name}; there are {there}", *problems]))
    return found[name]


def facts(target: Target) -> dict[str, Any]:
    """Plain data about a target."""
    return {
        "name": target.name,
        "summary": target.summary,
        "field": target.field,
        "kinds": list(target.limits.kinds),
        "table_rows": target.limits.table_rows,
        "hides": target.limits.hides,
        "proves": target.limits.proves,
    }


def target_facts(target: Target, private: bool) -> dict[str, Any]:
    """What an artifact says of the target that it was set up for."""
    return {"target": target.name, "private": private}
