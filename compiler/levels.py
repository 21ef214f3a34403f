"""Levels of optimisation: which passes of a compile are left out.

    -O0   none of the optimisations: single layers, everything committed, a table each
    -O1   those that keep the integer function that the default formats give
    -O2   all of them: the formats are chosen as well

Any of them can be left out by name as well. What checks or converts can not: the next level of the
compiler has nothing to start from without it.

Errors: `UserError` for a level or a name that there is not, and for a pass that has to run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.passes import ModulePass

from ..errors import UserError
from .transforms.guard import did_you_mean
from .transforms.registry import PASSES

HIGHEST = 2
OPTIMISATIONS = {
    "equalize-layers": 2,
    "delay-requantize": 2,
    "choose-bits": 2,
    "stack-layers": 1,
    "cse": 1,
    "widen-limbs": 1,
    "virtualize": 1,
    "dedup-lookups": 1,
    "merge-tables": 1,
    "virtualize-remainders": 1,
    "band-attention": 1,
    "pack-columns": 1,
}
"""The passes that can be left out, in the order of the pipeline, and the level from which on they run."""

CHECKS = ("verify-legality", "bound-relations")


def check_optional(names: Sequence[str]) -> None:
    """Refuses names of passes other than optimisations."""
    for name in names:
        if name not in OPTIMISATIONS:
            if name not in PASSES:
                raise UserError(f"no pass {name}{did_you_mean(name, list(OPTIMISATIONS))}")
            what = "a check" if name in CHECKS else "needed by the passes after it"
            raise UserError(
                f"{name} can not be left out: it is {what}, no optimisation; those are "
                f"{', '.join(OPTIMISATIONS)}"
            )


@dataclass(frozen=True)
class Level:
    """A level, and optimisations of it that are left out all the same."""

    level: int = HIGHEST
    disabled: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.level <= HIGHEST:
            raise UserError(f"-O{self.level}: the levels are -O0 to -O{HIGHEST}")
        check_optional(self.disabled)

    def runs(self, name: str) -> bool:
        """Whether a pass of this name runs."""
        return OPTIMISATIONS.get(name, 0) <= self.level and name not in self.disabled

    def of(self, passes: Sequence[ModulePass]) -> tuple[ModulePass, ...]:
        """Those of the passes that run."""
        return tuple(each for each in passes if self.runs(each.name))


EVERYTHING = Level()
