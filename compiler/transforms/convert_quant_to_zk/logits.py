"""How large a logit gets, for its column."""

from __future__ import annotations

from xdsl.ir import SSAValue

from ....dialects import zk
from ...analysis.ranges import magnitude
from ...primitives.builder import System


def largest_logit(x: SSAValue, table: SSAValue, system: System) -> int:
    """A bound on a row of x times a row of the table."""
    channels = system.size(zk.axes_of(table)[-1])
    return channels * magnitude(zk.type_of(x).range) * magnitude(zk.type_of(table).range)
