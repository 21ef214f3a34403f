"""table: y is the table's at x, and x is in its domain."""

import numpy as np
from zklemma.compiler.primitives.table import tabulate

X = np.array([-4, 3, 0, -1])


def test_each_relation_is_needed(stated) -> None:
    x = stated.give("x", ["n"], X)
    y = tabulate(stated.b, "act", ("n",), x, "max(0, x)", (-4, 4))
    assert (y.interval, y.table) == ((0, 3), "act.act")
    honest = {"act": np.maximum(X, 0)}
    circuit = stated.attacked(honest, {"act.lookup": {"act": np.maximum(X, 0) + 1}})
    outside = {**honest, "x": np.array([-4, 4, 0, -1])}
    assert stated.violated(circuit, outside) == ["act.lookup"]
