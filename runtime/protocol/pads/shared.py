"""The sizes of the pads' commitment."""

from __future__ import annotations

from ..conversation import needed
from ..plan import Plan


def cells(plan: Plan) -> int:
    """Cells of each pad vector: the pads, one spare, and the masks."""
    return needed(plan).pads + 1 + plan.parameters.pads_masks
