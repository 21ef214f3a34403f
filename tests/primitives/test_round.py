"""round: the quotient is the floor, its remainder is below, and both have the digits of their widths."""

import numpy as np
from zklemma.compiler.primitives.round import rounded
from zklemma.dialects.affine_expr import scaled

SHIFT, BITS = 13, 20
HALF, LEAST = 1 << SHIFT >> 1, -(1 << BITS - 1)
A, B = np.array([3000, -7, 40000, 1]), np.array([70000, 9, 50001, 0])


def witness(a: np.ndarray, less: int = 0) -> dict[str, np.ndarray]:
    """The columns of a * B / 2^13, or of a quotient that is less than that."""
    total = a * B + HALF
    y = (total >> SHIFT) - less
    number = y - LEAST
    return {
        "y.limb0": number & 0xFFFF,
        "y.limb1": number >> 16,
        "y.rem0": total - (y << SHIFT),
    }


def test_each_relation_is_needed(stated) -> None:
    a, b = stated.give("a", ["n"], A), stated.give("b", ["n"], B)
    y = rounded(stated.b, "y", ("n",), [(a, b)], SHIFT, BITS)
    assert y.interval == (LEAST, -LEAST - 1)
    assert y.roles == {"limbs": ["y.limb0", "y.limb1"], "rem": ["y.rem0"]}
    honest, too_large = witness(A), np.array([3000, -7, 500000, 1])
    carried = {"y.limb0": honest["y.limb0"] + (1 << 16), "y.limb1": honest["y.limb1"] - 1}
    stated.attacked(
        honest,
        {
            "y.requantize": {"y.rem0": honest["y.rem0"] ^ 1},
            "y.rem0.range": witness(A, less=1),
            "y.limb0.range": carried,
            "y.limb1.range": {"a": too_large, **witness(too_large)},
        },
    )


def test_what_is_added_is_not_left_out(stated) -> None:
    bias = np.array([1, -1, 2, 3])
    a, plus = stated.give("a", ["n"], A), stated.give("bias", ["n"], bias, 3)
    rounded(stated.b, "y", ("n",), [(a,)], 0, 17, looked_up=True, plus=scaled(2, plus))
    stated.attacked({"y": A + 2 * bias}, {"y.requantize": {"y": A}})


def test_nothing_but_what_is_added(stated) -> None:
    plus = stated.give("a", ["n"], [-9, -2, 6, 7], 5)
    y = rounded(stated.b, "y", ("n",), [], 2, 4, plus=plus)
    assert y.interval == (-8, 7)
    honest = {"y.limb0": np.array([6, 8, 10, 10]), "y.rem0": np.array([1, 0, 0, 1])}
    stated.attacked(
        honest,
        {
            "y.requantize": {"y.rem0": honest["y.rem0"] ^ 1},
            "y.rem0.range": {
                "y.limb0": honest["y.limb0"] - 1,
                "y.rem0": honest["y.rem0"] + 4,
            },
            "y.limb0.range": {
                "a": np.array([-9, -2, 6, 40]),
                "y.limb0": np.array([6, 8, 10, 18]),
                "y.rem0": np.array([1, 0, 0, 2]),
            },
        },
    )


def test_no_shift_is_exact(stated) -> None:
    a = stated.give("a", ["n"], A)
    y = rounded(stated.b, "y", ("n",), [(a,)], 0, 17, looked_up=True)
    assert y.roles == {"y": "y", "rem": []}
    stated.attacked({"y": A}, {"y.requantize": {"y": A + 1}})
