"""A circuit of a few relations, one of each kind, with small tables: proved and verified in no time.

y = requantize(embedding[token] @ weights, 2) at each token and row, the remainder of which is not
committed; square = y^2, and z = y where the row is picked, by lookups; total adds the squares up; cube is
a product of three hidden factors over the generated tokens. Nothing in it predicts the next token.

`tiny_private_circuit` has the same weights, with prompt and output in columns: rows of the embedding are
gathered at the tokens, twice the last rows plus one are gathered before each generated token, and those
tokens are the ones at their positions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from zklemma.runtime.circuit.extents import Axis
from zklemma.runtime.circuit.generation import GENERATED, TOKENS, Generation, extents
from zklemma.runtime.circuit.index import Index
from zklemma.runtime.circuit.program import Program, Step
from zklemma.runtime.circuit.relations import (
    Circuit,
    Column,
    Einsum,
    Expr,
    Gather,
    Linear,
    Lookup,
    Product,
    Table,
    Term,
)

ROWS, CHANNELS, VOCABULARY = 3, 5, 6
MAX_TOKENS = 8
PICKED = (1, 0, 1)


def same(*axes: str) -> tuple[Index, ...]:
    return tuple(Index("same", axis) for axis in axes)


def read(column: str, *axes: str, coefficient: int = 1) -> Term:
    return Term(coefficient, column, same(*axes))


def tiny_circuit() -> Circuit:
    at, chosen = ("token", "row"), ("generated", "row")
    y = Expr(at, (read("y", *at),), -8)
    square = Expr(at, (read("square", *at),))
    scaled = Expr(at, (read("y", *at, coefficient=4), read("rem", *at)), -34)
    embedded = Expr(
        ("token", "channel"), (Term(1, "embedding", (Index("token", "token"), *same("channel"))),)
    )
    weights = Expr(("row", "channel"), (read("weights", "row", "channel"),))

    def windowed(expr: Expr) -> Expr:
        window = (Index("window", "generated"), *same("row"))
        return Expr(
            chosen, tuple(Term(t.coefficient, t.column, window) for t in expr.terms), expr.constant
        )

    sums = Expr(
        ("token",),
        (read("total", "token"), Term(-1, "square", (Index("same", "token"), Index("sum")))),
    )
    picked = Term(1, "picked", same("row"))
    return Circuit(
        axes=(
            Axis("token", TOKENS),
            Axis("generated", GENERATED),
            Axis("row", ROWS),
            Axis("channel", CHANNELS),
            Axis("vocabulary", VOCABULARY),
        ),
        columns=(
            Column("embedding", ("vocabulary", "channel"), "param", -3, 3),
            Column("weights", ("row", "channel"), "param", -2, 2),
            Column("picked", ("row",), "public", 0, 1),
            Column("y", at, "witness", 0, 15),
            Column("rem", at, "witness", 0, 3),
            Column("square", at, "witness", 0, 64),
            Column("z", at, "witness", -8, 7),
            Column("total", ("token",), "witness", 0, 192),
            Column("cube", chosen, "witness", -512, 512),
        ),
        tables=(
            Table("u4", 1, 16),
            Table("u2", 1, 4),
            Table("squares", 2, 16),
            Table("picks", 3, 32),
        ),
        einsums=(
            Einsum("requantize", scaled, (Product(1, (embedded, weights)),), 200, defines="rem"),
            Einsum(
                "cube",
                Expr(chosen, (read("cube", *chosen),)),
                (Product(1, (windowed(y), windowed(y), windowed(y))),),
                2000,
            ),
        ),
        lookups=(
            Lookup("y.range", "u4", (Expr(at, (read("y", *at),)),)),
            Lookup("rem.range", "u2", (Expr(at, (read("rem", *at),)),)),
            Lookup("square", "squares", (y, square)),
            Lookup("pick", "picks", (y, Expr(at, (picked,)), Expr(at, (read("z", *at),)))),
        ),
        linears=(Linear("total", sums, 400),),
        extents=extents(MAX_TOKENS),
        data={
            "picked": np.array(PICKED, np.int64),
            "u4": np.arange(16)[:, None],
            "u2": np.arange(4)[:, None],
            "squares": np.array([(x, x * x) for x in range(-8, 8)], np.int64),
            "picks": np.array([(x, p, x * p) for x in range(-8, 8) for p in (0, 1)], np.int64),
        },
    )


def tiny_params(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "embedding": rng.integers(-3, 4, (VOCABULARY, CHANNELS)).astype(np.int8),
        "weights": rng.integers(-2, 3, (ROWS, CHANNELS)).astype(np.int8),
    }


def tiny_program() -> Program:
    """No more than what makes an executor; the witness is made here."""
    embed = Step("embed", ("embedding",), "x", ("token", "channel"), {"shift": 0})
    return Program(0, (embed,), (), ())


def tiny_witness(
    params: dict[str, np.ndarray], shape: Generation, tokens: Sequence[int]
) -> dict[str, np.ndarray]:
    ids = ([*tokens] + [0] * shape.rows)[: shape.rows]
    acc = params["embedding"][ids].astype(np.int64) @ params["weights"].T.astype(np.int64) + 2
    y = acc >> 2
    assert y.min() >= -8 and y.max() < 8
    chosen = y[shape.prompt - 1 : shape.prompt - 1 + shape.generated]
    return {
        "y": y + 8,
        "rem": acc & 3,
        "square": y**2,
        "z": y * np.array(PICKED),
        "total": (y**2).sum(1),
        "cube": chosen**3,
    }


def tiny_private_circuit() -> Circuit:
    base = tiny_circuit()
    token, generated = ("token",), ("generated",)
    at, chosen = ("token", "channel"), ("generated", "channel")
    length, step = Term(1, "prompt.length", ()), read("step", "generated")
    ids, rows = Expr(token, (read("ids", "token"),)), Expr(at, (read("rows", *at),))
    before = read("prompt.before", "token", coefficient=8)
    distance = Expr(token, (before, read("position", "token"), Term(-1, "prompt.length", ())))
    weights = Expr(("row", "channel"), (read("weights", "row", "channel"),))
    return Circuit(
        axes=base.axes,
        columns=(
            *base.home("param"),
            Column("position", token, "public", 0, MAX_TOKENS - 1),
            Column("step", generated, "public", 0, MAX_TOKENS - 1),
            Column("prompt.length", (), "witness", 1, MAX_TOKENS),
            Column("prompt.ids", token, "witness", 0, VOCABULARY - 1),
            Column("prompt.before", token, "witness", 0, 1),
            Column("ids", token, "witness", 0, VOCABULARY - 1),
            Column("rows", at, "witness", -3, 3),
            Column("last", chosen, "witness", -5, 7),
            Column("score", ("generated", "row"), "witness", -70, 70),
            Column("output.ids", generated, "witness", 0, VOCABULARY - 1),
        ),
        tables=(Table("u1", 1, 2), Table("u3", 1, 8)),
        einsums=(
            Einsum(
                "prompt",
                Expr(token, (read("prompt.ids", "token"),)),
                (Product(1, (Expr(token, (read("prompt.before", "token"),)), ids)),),
                20,
            ),
            Einsum(
                "score",
                Expr(("generated", "row"), (read("score", "generated", "row"),)),
                (Product(1, (Expr(chosen, (read("last", *chosen),)), weights)),),
                200,
            ),
        ),
        lookups=(
            Lookup("before", "u1", (Expr(token, (read("prompt.before", "token"),)),)),
            Lookup("length", "u3", (distance,)),
        ),
        linears=(),
        extents=extents(MAX_TOKENS),
        gathers=(
            Gather(
                "row",
                ids,
                rows,
                Expr(("vocabulary", "channel"), (read("embedding", "vocabulary", "channel"),)),
            ),
            Gather(
                "last",
                Expr(generated, (length, step), -1),
                Expr(chosen, (read("last", *chosen),)),
                Expr(at, (read("rows", *at, coefficient=2),), 1),
            ),
            Gather(
                "fed",
                Expr(generated, (length, step)),
                Expr(generated, (read("output.ids", "generated"),)),
                ids,
            ),
        ),
        reveals={"prompt": ("prompt.length", "prompt.ids"), "output": ("output.ids",)},
        data={
            "position": np.arange(MAX_TOKENS),
            "step": np.arange(MAX_TOKENS),
            "u1": np.arange(2)[:, None],
            "u3": np.arange(8)[:, None],
        },
    )


def tiny_private_witness(
    params: dict[str, np.ndarray], shape: Generation, prompt: Sequence[int], output: Sequence[int]
) -> dict[str, np.ndarray]:
    tokens = [*prompt, *output]
    ids = np.array((tokens + [0] * shape.rows)[: shape.rows])
    before = np.arange(shape.rows) < len(prompt)
    rows = params["embedding"][ids].astype(np.int64)
    last = 2 * rows[len(prompt) - 1 : len(prompt) - 1 + len(output)] + 1
    return {
        "prompt.length": np.array(len(prompt)),
        "prompt.ids": before * ids,
        "prompt.before": before.astype(np.int64),
        "ids": ids,
        "rows": rows,
        "last": last,
        "score": last @ params["weights"].T.astype(np.int64),
        "output.ids": np.array(output),
    }
