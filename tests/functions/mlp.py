"""A hand-written function of tensors: a small network with a table of ReLU, proved in no time.

Two inputs of one shape, which no exchange leaves alone: u = left + 2 right; y = requantize(W u + b, 4) for each row
of an example; hidden = max(0, y) by a table; score = requantize(V hidden + c, 5) over all rows. Remainders are not
committed. Each tensor of the signature is one column.
"""

from __future__ import annotations

import numpy as np
from zklemma.runtime.circuit.encoding import encode_circuit, encode_program
from zklemma.runtime.circuit.extents import Axis
from zklemma.runtime.circuit.function import BATCH
from zklemma.runtime.circuit.index import Index
from zklemma.runtime.circuit.program import Program, Step
from zklemma.runtime.circuit.relations import (
    Circuit,
    Column,
    Einsum,
    Expr,
    Lookup,
    Product,
    Table,
    Term,
)
from zklemma.runtime.model.budget import MemoryBudget
from zklemma.runtime.model.choose_parameters import choose_parameters
from zklemma.runtime.model.keys import Artifact, VerifyingKey
from zklemma.runtime.model.masks import WeightMasks
from zklemma.runtime.model.signature import Signature, Tensor
from zklemma.runtime.proving.prover import CommittedWeights, prove_ranges

ROWS, FEATURES, HIDDEN, CLASSES = 3, 2, 5, 3
MOST = 6
LABELS = ("cat", "dog", "snail")
HALF = 128

SIGNATURE = Signature(
    inputs=(Tensor("left", (ROWS, FEATURES), 8, 5), Tensor("right", (ROWS, FEATURES), 8, 5)),
    outputs=(
        Tensor("score", (CLASSES,), 8, 4, LABELS),
        Tensor("hidden", (ROWS, HIDDEN), 8, 4),
    ),
)
TENSORS = ("input left", "input right", "output hidden", "output score")
NAMES = tuple(what.split()[1] for what in TENSORS)


def read(column: str, *axes: str, coefficient: int = 1) -> Term:
    return Term(coefficient, column, tuple(Index("same", axis) for axis in axes))


def mlp_circuit(most: int = MOST) -> Circuit:
    given, within, scored = (
        ("example", "row", "feature"),
        ("example", "row", "hidden"),
        ("example", "class"),
    )
    u = Expr(given, (read("left", *given), read("right", *given, coefficient=2)))
    w = Expr(("hidden", "feature"), (read("w", "hidden", "feature"),))
    y = (read("y", *within, coefficient=16), read("y.rem", *within))
    h = Expr(within, (read("hidden", *within),))
    v = Expr(("class", "row", "hidden"), (read("v", "class", "row", "hidden"),))
    score = (read("score", *scored, coefficient=32), read("score.rem", *scored))

    def ranged(column: str, table: str, axes: tuple[str, ...], offset: int = 0) -> Lookup:
        return Lookup(f"{column}.range", table, (Expr(axes, (read(column, *axes),), offset),))

    return Circuit(
        axes=(
            Axis("example", BATCH),
            Axis("row", ROWS),
            Axis("feature", FEATURES),
            Axis("hidden", HIDDEN),
            Axis("class", CLASSES),
        ),
        columns=(
            Column("w", ("hidden", "feature"), "param", -8, 7, "first.weight"),
            Column("b", ("hidden",), "param", -32, 31, "first.bias"),
            Column("v", ("class", "row", "hidden"), "param", -8, 7, "second.weight"),
            Column("c", ("class",), "param", -32, 31, "second.bias"),
            Column("left", given, "witness", -HALF, HALF - 1, "left"),
            Column("right", given, "witness", -HALF, HALF - 1, "right"),
            Column("y", within, "witness", -HALF, HALF - 1, "first"),
            Column("y.rem", within, "witness", 0, 15, "first"),
            Column("hidden", within, "witness", 0, HALF - 1, "relu"),
            Column("score", scored, "witness", -HALF, HALF - 1, "second"),
            Column("score.rem", scored, "witness", 0, 31, "second"),
        ),
        tables=(Table("u8", 1, 256), Table("u5", 1, 32), Table("u4", 1, 16), Table("relu", 2, 256)),
        einsums=(
            Einsum(
                "first",
                Expr(within, (*y, read("b", "hidden", coefficient=-4)), -8),
                (Product(1, (u, w)),),
                1 << 20,
                defines="y.rem",
            ),
            Einsum(
                "second",
                Expr(scored, (*score, read("c", "class", coefficient=-8)), -16),
                (Product(1, (h, v)),),
                1 << 20,
                defines="score.rem",
            ),
        ),
        lookups=(
            ranged("left", "u8", given, HALF),
            ranged("right", "u8", given, HALF),
            ranged("y.rem", "u4", within),
            Lookup("relu", "relu", (Expr(within, (read("y", *within),), HALF), h)),
            ranged("score.rem", "u5", scored),
            ranged("score", "u8", scored, HALF),
        ),
        linears=(),
        extents={BATCH: most},
        reveals={
            "input left": ("left",),
            "input right": ("right",),
            "output score": ("score",),
            "output hidden": ("hidden",),
        },
        data={
            "u8": np.arange(256)[:, None],
            "u5": np.arange(32)[:, None],
            "u4": np.arange(16)[:, None],
            "relu": np.array([(x, max(0, x - HALF)) for x in range(256)], np.int64),
        },
    )


def mlp_program() -> Program:
    given, within, scored = (
        ("example", "row", "feature"),
        ("example", "row", "hidden"),
        ("example", "class"),
    )
    return Program(
        0,
        (
            Step("input", (), "left", given, {"tensor": "left"}, {"x": ("left",)}, "left"),
            Step("input", (), "right", given, {"tensor": "right"}, {"x": ("right",)}, "right"),
            Step("add", ("left", "right"), "sum", given),
            Step("add", ("sum", "right"), "u", given),
            Step(
                "matmul",
                ("u", "w", "b"),
                "y",
                within,
                {"shift": 4, "bits": 8, "bias_shift": 2},
                {"y": ("y",), "rem": ("y.rem",)},
                "first",
            ),
            Step("table", ("y",), "h", within, {"table": "relu"}, {"y": ("hidden",)}, "relu"),
            Step("output", ("h",), "hidden", within, {"tensor": "hidden"}, {}, "relu"),
            Step(
                "matmul",
                ("h", "v", "c"),
                "z",
                scored,
                {"shift": 5, "bits": 8, "bias_shift": 3},
                {"rem": ("score.rem",)},
                "second",
            ),
            Step(
                "output", ("z",), "score", scored, {"tensor": "score"}, {"x": ("score",)}, "second"
            ),
        ),
        (),
        (),
    )


def mlp_params(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "w": rng.integers(-8, 8, (HIDDEN, FEATURES)).astype(np.int8),
        "b": rng.integers(-32, 32, HIDDEN).astype(np.int8),
        "v": rng.integers(-8, 8, (CLASSES, ROWS, HIDDEN)).astype(np.int8),
        "c": rng.integers(-32, 32, CLASSES).astype(np.int8),
    }


def expected(
    params: dict[str, np.ndarray], left: np.ndarray, right: np.ndarray
) -> dict[str, np.ndarray]:
    """The outputs' integers, by arithmetic of its own: the nearest integer, the larger of two."""
    w, b, v, c = (params[name].astype(np.int64) for name in "wbvc")
    y = ((left + 2 * right) @ w.T + 4 * b + 8) // 16
    hidden = np.maximum(0, y)
    score = (np.einsum("nrh,crh->nc", hidden, v) + 8 * c + 16) // 32
    return {"hidden": hidden, "score": score}


def mlp_artifact(seed: int = 0, hiding: bool = True, most: int = MOST) -> Artifact:
    """``hiding``: whether its weights are private."""
    circuit, params = mlp_circuit(most), mlp_params(seed)
    parameters = choose_parameters([circuit], hiding=hiding)
    masks = WeightMasks.fresh(circuit, parameters)
    weights = CommittedWeights(circuit, parameters, params, masks)
    key = VerifyingKey(
        name="mlp",
        weights=sum(array.size for array in params.values()),
        code=parameters.to_list(),
        eos=(),
        weight_root=weights.root,
        circuit_bytes=encode_circuit(circuit),
        private_circuit_bytes=b"",
        function_bytes=b"",
        tokenizer_bytes=b"",
        range_proof=prove_ranges(circuit, parameters, weights),
        signature=SIGNATURE,
    )
    program = encode_program(mlp_program())
    return Artifact(key, program, b"", params, {}, masks, MemoryBudget(key))


def examples(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Real inputs, on the grid and off it."""
    rng = np.random.default_rng(seed)
    return {name: rng.uniform(-1, 1, (count, ROWS, FEATURES)) for name in ("left", "right")}
