"""window: taps read what a window has, zeros beside it, and the larger of two values is one of them."""

import numpy as np
import pytest
from zklemma.compiler.primitives import affine
from zklemma.compiler.primitives.window import inside, larger, taps
from zklemma.dialects.affine_expr import added, read, scaled

A, B = np.array([300, -7, 400, 1]), np.array([-70, 9, 400, 0])


def test_each_relation_is_needed(stated) -> None:
    a, b = stated.give("a", ["n"], A, 10), stated.give("b", ["n"], B, 10)
    larger(stated.b, "m", ("n",), a, b, (-512, 511))
    honest = np.maximum(A, B)
    assert (honest == [300, 9, 400, 1]).all()
    circuit = stated.attacked({"m": honest}, {"m.lookup": {"m": honest ^ 1}})
    for wrong in (np.minimum(A, B), A, B, A + B):
        assert stated.violated(circuit, {"m": wrong}) == ["m.lookup"]


@pytest.mark.parametrize(
    ("size", "window"),
    [
        (7, (3, 1, 1)),
        (7, (3, 2, 1)),
        (6, (2, 2, 0)),
        (5, (5, 1, 2)),
        (1, (3, 1, 1)),
        (8, (1, 2, 0)),
    ],
)
def test_taps_are_those_of_a_padded_row(stated, size: int, window: tuple[int, int, int]) -> None:
    """The sum of all taps, each times a number of its own, of values that have a constant part."""
    kernel, stride, padding = window
    count = (size + 2 * padding - kernel) // stride + 1
    stated.b.system.sizes |= {"side": size, "made": count}
    values = np.arange(3, size + 3)
    x = stated.give("x", ["side"], values)
    v = affine.value(stated.b, "v", ("side",), scaled(2, x, 5), (0, 1 << 10))
    found = dict(taps("made", count, size, kernel, stride, padding))
    parts = (
        scaled(tap + 1, read(v.terms[0].column, ("side",), side=i)) for tap, i in found.items()
    )
    affine.value(stated.b, "y", ("made",), added(("made",), *parts), (0, 1 << 14))
    y = stated.b.witness("z", ("made",), 0, 1 << 14)
    stated.b.zero("same", added(("made",), y, scaled(-1, read("y", ("made",)))))
    padded = np.pad(2 * values + 5, padding)
    wanted = [
        sum((tap + 1) * padded[stride * i + tap] for tap in range(kernel)) for i in range(count)
    ]
    stated.attacked({"z": np.array(wanted)}, {"same": {"z": np.array(wanted) + 1}})
    whole = [tap for tap, index in found.items() if inside(index, count, size)]
    assert whole == [
        tap
        for tap in range(kernel)
        if all(0 <= stride * i + tap - padding < size for i in range(count))
    ]
