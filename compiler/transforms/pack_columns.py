"""`pack-columns`: where the cells of each committed column lie, at the largest shape.

Each committed vector (weights, witness) is packed by `runtime.circuit.layout`: a column is cut along its
axes into powers of two, and blocks sorted by size leave no gaps. The pass writes the blocks on the
columns and the cells of both vectors on the system. A proof of another shape has its own layout by
the same rule; this one is what predictions are made from.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import DenseArrayBase, ModuleOp, i64
from xdsl.passes import ModulePass

from ...dialects import zk
from ...dialects.circuit import BLOCKS, CELLS, SystemOp, blocks_attr
from ...errors import UserError
from ...runtime.circuit.band import cells, parts
from ...runtime.circuit.extents import Shape
from ...runtime.circuit.generation import GENERATED
from ...runtime.circuit.layout import Piece, pack
from ...runtime.circuit.relations import LONGEST_EXTENT
from ..modules import systems
from .options import check_options


def largest_shape(greatest: Shape, generated: int | None) -> Shape:
    """The greatest sizes, but of positions ``generated`` produce a token (default: half)."""
    if GENERATED not in greatest.extents:
        return greatest
    most = greatest.extents[GENERATED]
    count = max(1, most // 2) if generated is None else generated
    if not 1 <= count <= most:
        raise UserError(f"generated must be 1 to {most}, got {count}")
    return Shape({**greatest.extents, GENERATED: count})


def parts_over(system: SystemOp, shape: Shape, names: Sequence[str]) -> Iterator[Piece]:
    """The pieces of a committed column over some axes: all, or those in its band."""
    axes = system.axes
    return parts(system.bands, names, (shape.size(axes[name]) for name in names))


def cells_over(system: SystemOp | zk.SystemOp, shape: Shape, names: Sequence[str]) -> int:
    """The cells of a column of the witness, or of a lookup, over some axes: all, or those in their band."""
    bands = system.bands if isinstance(system, SystemOp) else ()
    return cells(bands, names, [shape.size(system.axes[name]) for name in names])


@dataclass(frozen=True)
class PackColumns(ModulePass):
    """Lays the committed columns of each `circuit.system` out."""

    name = "pack-columns"
    generated: int | None = None
    least: int = 7

    def __post_init__(self) -> None:
        check_options(self, generated=(1, LONGEST_EXTENT), least=(0, 62))

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for system in systems(op, SystemOp):
            self.pack(system)

    def pack(self, system: SystemOp) -> None:
        shape = largest_shape(system.greatest, self.generated)
        columns = system.columns
        totals = []
        for home in ("param", "witness"):
            tensors = [
                (name, parts_over(system, shape, column.axis_names))
                for name, column in columns.items()
                if column.home.data == home and name not in system.defined
            ]
            blocks, total = pack(tensors, self.least)
            totals.append(total)
            found: dict[str, list[tuple[int, int]]] = defaultdict(list)
            for block in blocks:
                found[block.name].append((block.start, block.log_size))
            for name, places in found.items():
                columns[name].attributes[BLOCKS] = blocks_attr(places)
        system.attributes[CELLS] = DenseArrayBase.from_list(i64, totals)
