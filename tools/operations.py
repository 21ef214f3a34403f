"""The operations of a proof, by stage and kind of relation, from what fixes them: circuit, parameters, shape.

Nothing is proved for it: the algorithms' own formulas are evaluated on the `Plan`, and the claims that the opening
starts from are made by the verifier's code on messages of zeros. Units are those of `ceilings`. A count is of what
the algorithm asks for; what a kernel does beside it (conversions, reading, reductions, tables of eq) makes up
its distance from the ceiling. Not counted: grinding beyond its expectation, Merkle paths, digests of tokens.

Work is told apart by labels. Those of `kinds` are the operation of the witness program that a relation or a column
belongs to (linear layers, norms, ...), and the table of a lookup; those of `modules` are module paths.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ..runtime.circuit.program import Program, Step
from ..runtime.field import Ext
from ..runtime.kernels.positions import log_split
from ..runtime.protocol.axis_weights import eq
from ..runtime.protocol.channel import Affine, Channel, Reader
from ..runtime.protocol.claims import Claim
from ..runtime.protocol.commitment.codeword import is_kept
from ..runtime.protocol.commitment.merkle import SALT_WORDS
from ..runtime.protocol.conversation import verify_circuit
from ..runtime.protocol.disclosure.shared import draw, revealed
from ..runtime.protocol.einsum.shared import draw_point
from ..runtime.protocol.opening.forms import forms_of
from ..runtime.protocol.opening.prover import SIDE
from ..runtime.protocol.opening.shared import combined_parts
from ..runtime.protocol.pads.shared import cells as pad_cells
from ..runtime.protocol.plan import Leaf, Plan
from ..runtime.protocol.subject import Subject
from ..runtime.protocol.transcript import Transcript
from .ceilings import butterflies
from .einsum_operations import claim_counts, instance_counts
from .lookup_operations import lookup_counts

KINDS = {
    "prompt": "prompt",
    "embed": "embedding",
    "positions": "embedding",
    "center": "norms",
    "rms_norm": "norms",
    "matmul": "linear layers",
    "conv2d": "convolutions",
    "sum_pool": "pooling",
    "max_pool": "pooling",
    "rope": "rotary embedding",
    "scores": "attention scores",
    "softmax": "softmax",
    "attend": "attention values",
    "probabilities": "softmax",
    "table": "activation",
    "mul": "gated products",
    "select": "next token",
    "argmax": "next token",
}
OTHER, WEIGHTS, COUNTS, ROWS = "other", "weights", "multiplicities", "rows of tables"
MASKS, TREE, PADS, WORK = "masks and empty cells", "hash tree", "pads", "proof of work"
ROUNDS, FOLDED, COLUMNS = "rounds", "folded vectors", "opened columns"

# Bytes of a block of BLAKE2b, and words of it.
BLOCK, BLOCK_WORDS = 128, 16
# Opened to see that a hash tree that was kept belongs to the weights.
CHECKED = 4

Steps = tuple[Step, ...]


@dataclass(frozen=True)
class Work:
    """``count`` operations of ``unit`` in a stage, for what has the label ``kind``."""

    stage: str
    kind: str
    unit: str
    count: int


class Labels(NamedTuple):
    """What the work for a step of the program, for a column or a relation, and for a leaf of lookups is called."""

    step: Callable[[Step], str]
    name: Callable[[str], str]
    leaf: Callable[[Leaf], str]


class _Sums:
    """Counts by stage, kind and unit, in the order in which they come."""

    def __init__(self):
        self.counts: dict[tuple[str, str, str], int] = defaultdict(int)

    def add(self, stage: str, kind: str, unit: str, count: int) -> None:
        if count:
            self.counts[stage, kind, unit] += count

    def works(self) -> list[Work]:
        return [Work(*names, count) for names, count in self.counts.items()]


def operations(
    subject: Subject, program: Program, tree_kept: bool = True, labels: Labels | None = None
) -> list[Work]:
    """All work of the proof of a subject, by its `kinds` unless there are other labels. ``tree_kept``: the artifact
    has the weights' hash tree."""
    plan, sums = subject.plan, _Sums()
    labels = labels or kinds(plan, program)
    _load(plan, tree_kept, sums)
    for step, macs in executed(plan, program):
        sums.add("execute", labels.step(step), "integer MACs", macs)
    _commit(plan, labels.name, subject.hiding, sums)
    for label, cost in lookup_counts(plan, labels.leaf).items():
        sums.add("lookup", label, "small MACs", cost.macs)
        sums.add("lookup", label, "multiplications", cost.products)
        sums.add("lookup", label, "bytes moved", cost.moved)
    _einsum(subject, labels.name, sums)
    _open(plan, claims_of(subject, zeros()), labels.name, sums)
    return sums.works()


def kinds(plan: Plan, program: Program) -> Labels:
    """Of a relation or a column by its name, which begins with its step's output."""
    steps = (*program.prologue, *program.body, *program.epilogue)
    names = sorted(((s.output, KINDS.get(s.op, OTHER)) for s in steps), key=lambda x: -len(x[0]))
    weights = {c.name for home in ("param", "renewed") for c in plan.circuit.home(home)}

    def kind(name: str) -> str:
        if name in weights:
            return WEIGHTS
        if name.startswith("multiplicity."):
            return COUNTS
        found = (k for output, k in names if name == output or name.startswith(f"{output}."))
        return next(found, OTHER)

    return Labels(lambda step: KINDS[step.op], kind, lambda leaf: leaf.table)


def modules(plan: Plan) -> Labels:
    """The modules that steps, relations and columns come from; a weight's is the one that has it."""
    circuit, numbers = plan.circuit, plan.lookups
    relations = (*circuit.einsums, *circuit.linears)
    origins = {part.name: part.origin for part in (*circuit.columns, *relations)}
    for home in ("param", "renewed"):
        origins |= {c.name: c.origin.rpartition(".")[0] for c in circuit.home(home)}

    def name(part: str) -> str:
        return COUNTS if part.startswith("multiplicity.") else origins.get(part) or OTHER

    def leaf(each: Leaf) -> str:
        return ROWS if each.lookup < 0 else numbers[each.lookup].origin or OTHER

    return Labels(lambda step: step.origin or OTHER, name, leaf)


def executed(plan: Plan, program: Program) -> Iterator[tuple[Step, int]]:
    """The matrix products of the forward pass, and multiply-accumulates of each."""
    column = plan.circuit.column
    steps = [(step, 1) for step in (*program.prologue, *program.epilogue)]
    steps += [(step, program.layers) for step in program.body]
    axes = {step.output: step.axes for step, _ in steps}
    axes["residual"] = program.prologue[-1].axes
    for step, times in steps:
        if step.op in ("matmul", "scores", "attend", "argmax"):
            over = set(step.axes)
            for name in step.inputs:
                # What softmax gives beside its output has no axis of its own.
                over |= {*(column[name].axes if name in column else axes.get(name, ()))}
            yield step, times * math.prod(plan.sizes(over - {"layer"}))


class Zeros(Channel):
    """A prover who says nothing but zeros; ``count`` bytes of them."""

    count = 0

    def raw(self, label: str, count: int) -> bytes:
        self.count += count
        return bytes(count)


def zeros() -> Zeros:
    return Zeros(Transcript("operations"), Reader(b""), hiding=True)


def claims_of(subject: Subject, channel: Channel) -> list[Claim]:
    """What the relations come down to, for messages of zeros: which cells, not which values."""
    plan, expander = subject.plan, subject.expander
    claims = verify_circuit(channel, plan, expander)
    for what in revealed(plan):
        _, reads = draw(plan, what, channel.challenges)
        claims.append(Claim(Affine(Ext.ZERO), reads))
    return claims


def _codeword(
    sums: _Sums, stage: str, kind: str, rows: int, log_code: int, cosets: int = 1
) -> None:
    """Encode, on so many cosets by themselves, and hash a matrix of that many rows."""
    sums.add(stage, kind, "butterflies", butterflies(rows, log_code, cosets))
    sums.add(stage, kind, "hash bytes", _leaf_bytes(rows) << log_code)
    sums.add(stage, TREE, "hash bytes", BLOCK * ((1 << log_code) - 1))


def _leaf_bytes(rows: int) -> int:
    """Of the blocks that a column and its salt fill."""
    return BLOCK * -(-(rows + SALT_WORDS) // BLOCK_WORDS)


def _load(plan: Plan, tree_kept: bool, sums: _Sums) -> None:
    p = plan.parameters
    rows = plan.rows[0]
    if tree_kept:
        _columns(sums, "load", rows, p.log_code, CHECKED)
    else:
        _codeword(sums, "load", WEIGHTS, rows, p.log_code, 1 << p.log_code - p.log_columns)


def _columns(sums: _Sums, stage: str, rows: int, log_code: int, positions: int) -> None:
    """Columns of a codeword that is not kept (`kernels.positions`): the first layers of its transforms, and
    what is left of each position summed up, products in F, of which a field MAC has two."""
    split = log_split(positions, log_code)
    sums.add(stage, COLUMNS, "butterflies", rows * split << log_code >> 1)
    sums.add(stage, COLUMNS, "field MACs", rows * positions << log_code - split >> 1)


def _weight_cells(plan: Plan) -> int:
    return sum(math.prod(plan.sizes(column.axes)) for column in plan.circuit.home("param"))


def _commit(plan: Plan, kind: Callable[[str], str], hiding: bool, sums: _Sums) -> None:
    """A row costs the same whatever is in it; a column has the share that its cells are of all."""
    p = plan.parameters
    rows = plan.rows[-1] + 2
    capacity = rows << p.log_columns
    cosets = 1 if is_kept(rows, p.log_code) else 1 << p.log_code - p.log_columns
    totals = {
        "butterflies": butterflies(rows, p.log_code, cosets),
        "hash bytes": _leaf_bytes(rows) << p.log_code,
        # Written, and read by the hash.
        "bytes moved": 16 * rows << p.log_code,
    }
    cells: dict[str, int] = defaultdict(int)
    for name, count in plan.witness_cells.items():
        cells[kind(name)] += count
    cells[MASKS] = capacity - sum(cells.values())
    for unit, total in totals.items():
        done = before = 0
        for name, count in cells.items():
            done += count
            share = total * done // capacity
            sums.add("commit", name, unit, share - before)
            before = share
    sums.add("commit", TREE, "hash bytes", BLOCK * ((1 << p.log_code) - 1))
    _codeword(sums, "commit", PADS, 4, p.pads_log_code)
    if hiding:
        drawn = plan.rows[-1] * p.mask_columns + (2 << p.log_columns)
        drawn += (SALT_WORDS << p.log_code) + (SALT_WORDS << p.pads_log_code)
        drawn += 4 * pad_cells(plan)
        sums.add("commit", MASKS, "random bytes", 8 * drawn)


def _einsum(subject: Subject, kind: Callable[[str], str], sums: _Sums) -> None:
    plan, circuit = subject.plan, subject.circuit
    transcript = Transcript("operations")
    point = {axis: eq(z) for axis, z in draw_point(plan, transcript.challenges).items()}
    found = [(i.einsum.name, instance_counts(plan, i)) for i in plan.instances]
    sides = [(e.name, e.lhs) for e in plan.relations]
    sides += [(linear.name, linear.expr) for linear in circuit.linears]
    found += [(name, claim_counts(subject.expander, expr, point)) for name, expr in sides]
    for name, counts in found:
        sums.add("einsum", kind(name), "small MACs", counts.macs)
        sums.add("einsum", kind(name), "multiplications", counts.products)


def _open(plan: Plan, claims: list[Claim], kind: Callable[[str], str], sums: _Sums) -> None:
    _forms(plan, claims, kind, sums)
    _fold(plan, sums)
    p = plan.parameters
    # Columns of the weights are made again, and of a witness that is not short.
    rows, below = sum(plan.rows[:-1]), plan.rows[-1] + 2
    rows += 0 if is_kept(below, p.log_code) else below
    _columns(sums, "open", rows, p.log_code, p.queries)
    n = 1 << p.log_columns
    # The forms of the queries are the transpose of two rows' columns.
    _columns(sums, "open", 2, p.log_code, p.queries)
    for level in p.levels:
        _codeword(sums, "open", FOLDED, 2 << level.fold, level.log_code)
        _columns(sums, "open", 2, level.log_code, level.queries)
        # Each round two products a pair, and two tables folded.
        sums.add("open", ROUNDS, "multiplications", 4 * (n - (n >> level.fold)))
        n >>= level.fold
    sums.add("open", ROUNDS, "multiplications", 4 * (n - 1))
    works = [p.grind, *(level.grind for level in p.levels), p.grind]
    sums.add("open", WORK, "hash bytes", sum(BLOCK << bits for bits in works))


def _forms(plan: Plan, claims: list[Claim], kind: Callable[[str], str], sums: _Sums) -> None:
    """Each form's inner products with the rows, and its weights on the columns."""
    p = plan.parameters
    count, rows = 0, 1 << p.row_bits
    # Any challenge does: which reads fall together does not depend on it.
    _, parts = combined_parts(plan, claims, Ext(2, 3))
    for part in parts:
        for form in forms_of(plan, part):
            within = max(0, form.bits - p.row_bits)
            name = kind(part.column)
            height = 1 << plan.all_slabs[form.slab]
            sums.add("open", name, "small MACs", height << within)
            products = (height << min(within, SIDE)) + (1 << within)
            products += 1 << min(form.bits, p.row_bits)
            sums.add("open", name, "multiplications", products)
            count += 1
    sums.add("open", ROUNDS, "multiplications", 4 * (rows - 1) * count)


def _fold(plan: Plan, sums: _Sums) -> None:
    """The rows folded to one by slab, and the slabs to one."""
    p = plan.parameters
    columns, slabs = 1 << p.log_columns, len(plan.all_slabs)
    weights = _weight_cells(plan) * (len(plan.slabs) - 1)
    sums.add("open", FOLDED, "small MACs", weights + plan.committed_cells)
    sums.add("open", FOLDED, "field MACs", sum(plan.rows) * p.mask_columns)
    products = 0
    while slabs > 1:
        half = 1 << (slabs - 1).bit_length() - 1
        pairs = slabs - half
        # At 0 and 2, then both vectors are folded, or scaled where there is no partner.
        products += (half + pairs + 2 * half) * columns
        slabs = half
    # The inner product with the uniform row, its sum with the folded vector, the opened value.
    sums.add("open", ROUNDS, "multiplications", products + 3 * columns)
