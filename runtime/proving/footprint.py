"""What a proof takes in memory, from its plan, before it is begun.

Counted is what grows: columns, commitments, tables. What is left is the libraries and the circuit itself.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path

import psutil

from ...errors import UserError
from ..circuit.relations import Home
from ..protocol.commitment.cells import parts, run_type
from ..protocol.commitment.codeword import BLOCK, is_kept
from ..protocol.commitment.merkle import SALT_WORDS
from ..protocol.lookup.prover import MEMORY
from ..protocol.plan import Plan

WORD = 8
DIGEST = 32
# A node of a lookup tree is a fraction of elements of K.
NODE = 4 * WORD
# Python, the libraries and compiled kernels; and the circuit with its plan.
PROCESS = 420 << 20
# Tensors of the largest size that the executor holds at a time.
ACTIVATIONS = 6
GROUP = Path("/sys/fs/cgroup")


def prove_bytes(plan: Plan) -> dict[str, int]:
    """The bytes of memory that the process holds at most, by stage of a proof."""
    p = plan.parameters
    length, dimension = 1 << p.log_code, 1 << p.log_columns
    salts, tree = SALT_WORDS * WORD * length, 2 * DIGEST * length
    mask_row = p.mask_columns * WORD
    weights = _column_bytes(plan, "param") + _laid_out_bytes(plan, "param")
    weights += plan.rows[0] * mask_row + salts + tree
    held = PROCESS + weights + _column_bytes(plan, "witness")
    own = _laid_out_bytes(plan, "witness") + plan.rows[-1] * mask_row + salts + tree
    rows = plan.rows[-1] + 2
    if is_kept(rows, p.log_code):
        encoding, columns = WORD * rows * dimension, 0
        own += WORD * rows * length
    else:
        encoding = 2 * BLOCK * WORD * dimension + 2 * DIGEST * length
        columns = BLOCK * WORD * dimension
    leaves = len(plan.groups) << plan.lookup_depth
    folded = 2 * 2 * WORD * dimension * (len(plan.all_slabs) + 1)
    return {
        "execute": held + _activations(plan),
        "commit": held + own + encoding,
        "lookup": held + own + min(MEMORY, 2 * NODE * leaves),
        "open": held + own + folded + columns,
    }


def require_memory(
    plan: Plan, smaller: Callable[[int], Plan], sizes: range, unit: str, shorten: str
) -> None:
    """`UserError` if the proof would not fit into what is free, with what would: the plans ``smaller`` are of so
    many tokens, say, and need more with each; ``shorten`` is how there would be fewer."""
    needed, free = max(prove_bytes(plan).values()), free_bytes()
    if needed <= free:
        return

    def too_large(size: int) -> bool:
        return max(prove_bytes(smaller(size)).values()) > free

    fitting = bisect_left(sizes, True, key=too_large)
    most = f"at most {sizes[0] + fitting - 1} {unit} fit" if fitting else ""
    raise UserError(
        f"the proof needs about {needed / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are free: "
        f"{most or 'no proof of this model fits'}; {shorten}, end other programs or take a larger machine"
    )


def free_bytes() -> int:
    """What this process may take yet: of the machine's memory, of its control group's."""
    free = psutil.virtual_memory().available
    try:
        limit = (GROUP / "memory.max").read_text().strip()
        if limit != "max":
            free = min(free, int(limit) - int((GROUP / "memory.current").read_text()))
    except (OSError, ValueError):
        pass
    return free + psutil.Process().memory_info().rss


def _column_bytes(plan: Plan, home: Home) -> int:
    return sum(
        column.storage.itemsize * math.prod(plan.sizes(column.axes))
        for column in plan.circuit.home(home)
    )


def _laid_out_bytes(plan: Plan, home: Home) -> int:
    """Those cells that are committed and copied to the order of their slabs (`cells.gathered`)."""
    found = 0
    for column in plan.circuit.home(home):
        if column.name in plan.circuit.defined:
            continue
        sizes = plan.sizes(column.axes)
        strides = [math.prod(sizes[axis + 1 :]) for axis in range(len(sizes))]
        for block in plan.placed[column.name]:
            shape = [1 << bits for bits in block.piece.bits]
            rows = 1 << plan.all_slabs[block.slab]
            if parts(column.storage, shape, strides, rows) is None:
                found += run_type(column.storage).itemsize * math.prod(shape)
    return found


def _activations(plan: Plan) -> int:
    """The largest tensor of a layer, a few times, in 64 bits."""
    columns = plan.circuit.home("witness")
    sizes = (plan.sizes(axis for axis in column.axes if axis != "layer") for column in columns)
    return ACTIVATIONS * WORD * max(map(math.prod, sizes), default=0)
