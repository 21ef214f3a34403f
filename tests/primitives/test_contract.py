"""contract: a sum of products over the axes that the left side lacks, each factor at its own indices."""

import numpy as np
from zklemma.compiler.primitives.contract import contract

A = np.array([[1, -2], [3, 4], [0, 5]])
B = np.array([[1, 0], [7, 3], [-2, 2], [9, 9], [4, -4]])
C = np.array([2, -1, 5])


def test_each_relation_is_needed(stated) -> None:
    a = stated.give("a", ["row", "channel"], A)
    b = stated.give("b", ["vocabulary", "channel"], B)
    c = stated.give("c", ["row"], C)
    y = stated.b.witness("y", ("row", "vocabulary"), -1000, 1000)
    contract(stated.b, "y.product", y, [(a, b, c), (c, b)], factor=3)
    honest = {"y": 3 * (A @ B.T * C[:, None] + np.outer(C, B.sum(1)))}
    changed = honest["y"].copy()
    changed[2, 4] += 1
    stated.attacked(honest, {"y.product": {"y": changed}})
