"""Operation counts against what the kernels are asked for while the toy model is proved."""

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from zklemma.runtime import randomness
from zklemma.runtime.kernels.products import half_of
from zklemma.runtime.model.subjects import subject_of
from zklemma.runtime.progress import Clock, Silent
from zklemma.runtime.protocol.commitment import codeword
from zklemma.runtime.protocol.deferred import deferred_weights
from zklemma.runtime.protocol.einsum import contraction, product_sum
from zklemma.runtime.protocol.einsum import prover as einsum_prover
from zklemma.runtime.protocol.lookup.shared import draw
from zklemma.runtime.protocol.opening import prover as opening_prover
from zklemma.runtime.protocol.prover_channel import ProverChannel
from zklemma.runtime.protocol.statement import Statement
from zklemma.runtime.protocol.transcript import Transcript
from zklemma.runtime.proving.prover import Prover
from zklemma.runtime.witness.columns import Columns
from zklemma.runtime.witness.executor import Executor
from zklemma.tools import lookup_operations
from zklemma.tools.operations import (
    COLUMNS,
    COUNTS,
    FOLDED,
    MASKS,
    TREE,
    WEIGHTS,
    WORK,
    kinds,
    operations,
)

PROMPT, GENERATED = [2, 4, 5, 6, 7, 8, 9], 2


@pytest.fixture(scope="module")
def artifact(make):
    return make()


@pytest.fixture(scope="module")
def executor(artifact):
    return Executor(artifact.key.circuit, artifact.program, artifact.params)


@pytest.fixture(scope="module")
def statement(executor):
    tokens = (*PROMPT, *executor.generate(PROMPT, GENERATED))
    return Statement(len(PROMPT), GENERATED, tokens, True)


@pytest.fixture(scope="module")
def witness(executor, statement):
    return executor.witness(statement.tokens, len(PROMPT), GENERATED)


@pytest.fixture
def subject(artifact, statement):
    return subject_of(artifact.key, statement)


@pytest.fixture
def works(artifact, subject):
    return operations(subject, artifact.program, tree_kept=False)


@pytest.fixture
def counted(monkeypatch):
    """Wraps functions: what ``count`` makes of their result and arguments is added up by unit."""
    sums = Counter()

    def wrap(module, name, count):
        real = getattr(module, name)

        def wrapped(*arguments, **options):
            found = real(*arguments, **options)
            sums.update(count(found, *arguments, **options))
            return found

        monkeypatch.setattr(module, name, wrapped)

    wrap.sums = sums
    return wrap


def total(works, unit, *stages, but=()):
    return sum(w.count for w in works if w.unit == unit and w.stage in stages and w.kind not in but)


def macs(out, x, *_):
    return {"macs": x.size}


def products(out, x, *_):
    return {"products": x[0].size}


def made(out, *_):
    return {"products": out[0].size}


def integer_round(_, f, g, w, e):
    rows = len(f)
    return {"macs": 3 * rows * half_of(f.shape[1]), "products": 3 * rows}


def rounds(_, tables, maps, w, e, skip):
    k, rows, across = len(tables), w.shape[1], max(t.shape[3] for t in tables)
    half, eq = half_of(tables[0].shape[2]), e.shape[1] > 0
    each = (k if skip else k + 1) * (k - 1 + (eq and across == 1))
    moves = rows * (k + 1) * (1 + half * (eq and across > 1))
    return {"products": rows * half * across * each + moves}


def test_einsums(artifact, subject, statement, witness, works, counted):
    counted(contraction, "contract", macs)
    counted(contraction, "contract_extension", products)
    real = contraction.product

    def product(tables, sizes):
        axes = set()
        for number, table in enumerate(tables := list(tables)):
            axes |= {*table.axes}
            cells = math.prod(sizes[axis] for axis in axes)
            counted.sums["products"] += cells if number else 0
        return real(tables, sizes)

    contraction.product = product_sum.product = product
    counted(product_sum, "integer_round_values", integer_round)
    counted(product_sum, "fold_integers", lambda out, *_: {"macs": out[0].size})
    counted(product_sum, "round_values", rounds)
    counted(product_sum, "fold_axis", made)
    values = {**artifact.params, **witness}
    columns = Columns(subject.circuit, subject.shape, values, statement.inputs)
    channel, plan = ProverChannel(Transcript("test"), np.zeros((2, 4096), np.uint64)), subject.plan
    challenges = draw(plan, channel.challenges)
    point = channel.challenges(plan.lookup_depth + plan.group_bits)
    try:
        deferred = deferred_weights(plan, subject.expander, challenges, point)
        einsum_prover.prove(channel, plan, subject.expander, columns, deferred)
    finally:
        contraction.product = product_sum.product = real
    assert counted.sums["macs"] == total(works, "small MACs", "einsum")
    assert counted.sums["products"] == total(works, "multiplications", "einsum")


def test_commitments_and_opening(artifact, subject, statement, witness, works, counted):
    def blocks(rows):
        return 128 * -(-rows // 16)

    def encoded(_, messages, out, shift=None):
        return {"butterflies": out.size * (out.shape[1].bit_length() - 1) // 2}

    def absorbed(_, digest, block, last):
        return {"hash bytes": 128 * block.shape[1]}

    counted(codeword, "encode", encoded)
    counted(codeword, "hash_columns", lambda _, m, p: {"hash bytes": blocks(len(m)) * m.shape[1]})
    counted(codeword.ColumnHash, "absorb", absorbed)
    counted(codeword, "hash_pairs", lambda out, *_: {"hash bytes": 128 * out.shape[1]})
    prover = Prover(artifact.key, artifact.program, artifact.params, artifact.masks)
    stages = ["load", "commit", "open"]

    def weighed(_, group, forms, cells, f, g):
        return {"products": len(group) * min(f.shape[1], 1 << forms[group[0]].bits)}

    def opened(_, x, w):
        return {"folded" if x.shape[2] == 1 else "macs": x.size}

    counted(opening_prover, "contract", opened)
    counted(opening_prover, "fold_rows", lambda _, m, w: {"field": m.size})
    counted(opening_prover, "contract_extension", products)
    counted(opening_prover, "inner_round", products)
    counted(opening_prover, "fold", made)
    for name in ("inner", "inner_beyond", "fold_into", "scale"):
        counted(opening_prover, name, products)
    counted(opening_prover, "add_scaled", lambda _, o, t, *r: {"products": t.shape[1]})
    counted(opening_prover, "_on_rows", weighed)
    counted(randomness, "_draw", lambda _, out: {"random bytes": out.nbytes})
    prover.prove_witness(statement, witness, Clock(Silent()))
    assert counted.sums["butterflies"] == total(works, "butterflies", *stages, but=(COLUMNS,))
    assert counted.sums["hash bytes"] == total(works, "hash bytes", *stages, but=(WORK,))
    assert counted.sums["macs"] == total(works, "small MACs", "open", but=(FOLDED,))
    # Cells between columns are folded with them.
    folded = sum(w.count for w in works if w.kind == FOLDED and w.unit == "small MACs")
    assert folded <= counted.sums["folded"] <= 2 * folded
    assert counted.sums["random bytes"] == total(works, "random bytes", "commit")
    assert counted.sums["field"] == total(works, "field MACs", "open", but=(COLUMNS,))
    assert counted.sums["products"] == total(works, "multiplications", "open")


def test_forward_pass(executor, statement, witness, works, monkeypatch):
    from zklemma.runtime.witness import steps

    seen, real = [], steps.dots

    def dots(x, matrix):
        seen.append(x.size * len(matrix))
        return real(x, matrix)

    monkeypatch.setattr(steps, "dots", dots)
    executor.witness(statement.tokens, len(PROMPT), GENERATED)
    assert sum(seen) == total(works, "integer MACs", "execute")


def test_committed_cells_have_their_kinds(artifact, subject, works):
    kind = kinds(subject.plan, artifact.program).name
    assert kind("multiplicity.0.u16") == COUNTS
    assert {kind(c.name) for c in subject.circuit.home("param")} == {WEIGHTS}
    found = {w.kind for w in works if w.stage == "commit" and w.unit == "butterflies"}
    assert {"linear layers", "norms", "attention scores", COUNTS, MASKS} <= found
    assert TREE not in found


@pytest.mark.parametrize("depth, filled", [(3, [5]), (4, [16]), (6, [33, 64, 20]), (7, [1, 100])])
def test_lookup_trees(depth, filled):
    """Node by node, for layers whose nodes are there or not."""
    want = 0
    for level in range(depth):
        size = 1 << (depth - level)
        for f in filled:
            nodes = [i < f for i in range(size)]
            low, high = nodes[: size // 2], nodes[size // 2 :]
            bound = min(1 if level else 2, depth - level - 1)
            if level:
                want += 3 * sum(high) + sum(low)
                if size > 2:
                    want += round_products(low, high, 9, 2)
            for _ in range(bound):
                low, high = merged(low), merged(high)
            want += 2 * (sum(low) + sum(high)) * (level > 0 and size > 2)
            want += sum(low) * (size > 2 or not level)
            while len(low) > 1:
                want += round_products(low, high, 6, 1)
                low, high = merged(low), merged(high)
                want += 2 * (sum(low) + sum(high))
    assert lookup_operations._layers(np.array(filled), depth)[0] == want


def merged(nodes):
    half = len(nodes) // 2
    return [a or b for a, b in zip(nodes[:half], nodes[half:], strict=True)]


def round_products(low, high, both, one):
    pairs = zip(merged(low), merged(high), strict=True)
    return sum(both if r else one * x for x, r in pairs)


def test_private_proofs(artifact, statement):
    hidden = {"prompt_digest": bytes(32), "output_digest": bytes(32)}
    subject = subject_of(artifact.key, replace(statement, tokens=(), **hidden))
    works = operations(subject, artifact.private_program)
    assert any(w.kind.startswith("rows of ") for w in works if w.stage == "lookup")
    assert all(w.count > 0 for w in works)
    assert {w.stage for w in works} == {"load", "execute", "commit", "lookup", "einsum", "open"}


def test_every_leaf_is_counted_once(subject):
    plan = subject.plan
    costs = lookup_operations.lookup_counts(plan, lambda leaf: leaf.table)
    rows = sum(plan.sources[name].rows for group in plan.groups for name in group.tables)
    assert sum(cost.leaves for cost in costs.values()) == plan.lookup_cells + rows
    assert all(cost.products > 0 for cost in costs.values())
