"""The worked example of docs/extending-primitives.md, as it stands there, states what it says."""

import re
from pathlib import Path
from typing import Any

import numpy as np

PAGE = Path(__file__).parents[2] / "docs" / "extending-primitives.md"
FIRST, SECOND = np.array([5, 9, 4, -3]), np.array([7, 3, 4, 10])


def test_each_relation_of_the_example_is_needed(stated) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    first, second = stated.give("a", ["n"], FIRST), stated.give("b", ["n"], SECOND)
    names["minimum"](stated.b, "m", ("n",), first, second, 16)
    least, greatest = np.minimum(FIRST, SECOND), np.maximum(FIRST, SECOND)

    def witness(y: np.ndarray) -> dict[str, np.ndarray]:
        return {"m.first0": FIRST - y, "m.second0": SECOND - y}

    stated.attacked(
        witness(least),
        {
            "m.same": {"m.first0": np.zeros(4, int), "m.second0": np.zeros(4, int)},
            "m.attained": witness(least - 1),
            "m.first0.range": witness(np.where(FIRST < SECOND, greatest, least)),
            "m.second0.range": witness(np.where(SECOND < FIRST, greatest, least)),
        },
    )
