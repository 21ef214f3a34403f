"""gather: a value is the row that its index names, of those that there are."""

import numpy as np
from zklemma.compiler.primitives.gather import rows

SOURCE, INDEX = np.array([[1, 2], [3, 4], [1, 5], [7, 7], [0, 0]]), np.array([4, 0, 2])


def test_each_relation_is_needed(stated) -> None:
    source = stated.give("source", ["vocabulary", "channel"], SOURCE)
    index = stated.give("index", ["row"], INDEX)
    _, interval = rows(stated.b, "g", index, ("row", "channel"), source)
    assert interval == (-(1 << 19), (1 << 19) - 1)
    honest = {"g.rows": SOURCE[INDEX]}
    circuit = stated.attacked(honest, {"g.row": {"g.rows": SOURCE[[4, 2, 2]]}})
    for outside in (5, -1):
        changed = {**honest, "index": np.array([outside, 0, 2])}
        assert stated.violated(circuit, changed) == ["g.row"]
