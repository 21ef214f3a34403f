"""affine: a value is what its definition says, also where it is committed."""

import numpy as np
from zklemma.compiler.primitives import affine
from zklemma.dialects.affine_expr import added, read, scaled
from zklemma.runtime.circuit.index import Index

X, Y = np.array([[1, 2, 3, 4], [5, 6, 7, 8], [-1, 0, 0, 0]]), np.array([10, -20, 30])


def test_each_relation_is_needed(stated) -> None:
    x, y = stated.give("x", ["row", "n"], X), stated.give("y", ["row"], Y)
    assert x.axes == ("row", "n")
    earlier = read("x", ("row", "n"), row=Index("before", "row"), n=Index("sum"))
    total = added(("row",), earlier, scaled(3, y, -5))
    affine.value(stated.b, "v", ("row",), total, (-100, 200))
    honest = {"v": np.array([0, 10, 36]) + 3 * Y - 5}
    stated.attacked(honest, {"v.define": {"v": honest["v"] + [0, 0, 1]}}, committed=True)
