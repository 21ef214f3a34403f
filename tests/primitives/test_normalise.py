"""normalise: of the exponents one makes a mantissa of its range, and u is the table's and that exponent's."""

import numpy as np
from zklemma.compiler.primitives.normalise import normalise
from zklemma.dialects import zk
from zklemma.dialects.table_expr import evaluate

EXPRESSION, DOMAIN, EMAX, EPS = "round(2^23 / sqrt(x))", (1 << 14, 1 << 16), 9, 34
ROOTS = evaluate(EXPRESSION, *DOMAIN)
X = np.array([[3000, -7, 400, 1], [150, 90, -80, 33], [20000, 9000, 1, -30000]])


def witness(
    square: np.ndarray, e: np.ndarray | None = None, more: int = 0, slack: int = 0
) -> dict[str, np.ndarray]:
    """The columns for a sum of squares, or for an exponent, a mantissa and a slack that are more than that."""
    if e is None:
        e = (np.frexp(square.astype(float))[1] - 15) // 2
    p2, p4 = 1 << EMAX - e, 1 << 2 * e
    m = square // p4 + more
    r, pm = ROOTS[np.clip(m, DOMAIN[0], DOMAIN[1] - 1) - DOMAIN[0]], p4 * m
    rest = square - pm
    columns = {"m": m, "r": r, "p2": p2, "p4": p4, "pm": pm, "u": r * p2}
    columns |= {"remainder0": rest, "slack0": p4 - 1 - rest + slack}
    return {f"x.{name}": array for name, array in columns.items()}


def test_each_relation_is_needed(stated) -> None:
    x = stated.give("x", ["row", "n"], X)
    roots = zk.RowsAttr.of(["x", EXPRESSION], *DOMAIN)
    found = normalise(stated.b, "x", ("row",), [(x, x)], [EPS], roots, (0, EMAX))
    square = (X**2).sum(1) + EPS
    honest, less = witness(square), witness(square, more=-1)
    signs = {"x.pm": -1, "x.remainder0": 1, "x.slack0": -1}
    moved = {name: honest[name] + np.array([0, 0, sign]) for name, sign in signs.items()}
    assert (np.abs(X) * honest["x.u"][:, None]).max() <= found.limit
    stated.attacked(
        honest,
        {
            "x.square_sum": witness(square + 1),
            "x.mantissa": moved,
            "x.scale": {"x.u": honest["x.u"] + 1},
            "x.reciprocal": {
                "x.r": honest["x.r"] + 1,
                "x.u": (honest["x.r"] + 1) * honest["x.p2"],
            },
            "x.exponent": {"x.p2": 2 * honest["x.p2"], "x.u": 2 * honest["x.u"]},
            "x.remainder_below": {**less, "x.slack0": honest["x.slack0"]},
            "x.slack0.range": less,
            "x.remainder0.range": witness(square, more=1),
        },
    )


def test_another_exponent_has_no_mantissa(stated) -> None:
    x = stated.give("x", ["row", "n"], X)
    roots = zk.RowsAttr.of(["x", EXPRESSION], *DOMAIN)
    normalise(stated.b, "x", ("row",), [(x, x)], [EPS], roots, (0, EMAX))
    square = (X**2).sum(1) + EPS
    e = (np.frexp(square.astype(float))[1] - 15) // 2
    circuit = stated.circuit()
    for change in (-1, 1):
        changed = witness(square, e + np.array([change, 0, 0]))
        assert stated.violated(circuit, changed) == ["x.reciprocal"]
