"""divmod: one quotient has a remainder that is not negative and below the divisor."""

import numpy as np
from zklemma.compiler.primitives.divmod import Reciprocal

K, BITS, WIDTH = 32, 18, 20
D = np.array([40000, 70000, 1 << 18, 300001])


def witness(d: np.ndarray, more: int = 0, whole: bool = False) -> dict[str, np.ndarray]:
    """The columns of a quotient that is ``more`` than floor(2^32 / d). A number that is negative is so in its
    upper digit, or ``whole`` in its lower one."""
    quotient = (1 << K) // d + more
    rest = (1 << K) - quotient * d
    columns = {"d.inv0": quotient}
    for name, number in ("d.remainder", rest), ("d.slack", d - 1 - rest):
        upper = np.where(whole & (number < 0), 0, number >> 16)
        columns |= {f"{name}0": number - (upper << 16), f"{name}1": upper}
    return columns


def test_each_relation_is_needed(stated) -> None:
    divisor = stated.give("d", ["n"], D, bits=21)
    division = Reciprocal.of(stated.b, "d", ("n",), K, BITS, WIDTH)
    division.relate(stated.b, divisor)
    honest, one_less = witness(D), witness(D, -1)
    same_slack = {name: honest[name] for name in ("d.slack0", "d.slack1")}
    small = np.array([16000, 70000, 1 << 18, 300001])
    stated.attacked(
        honest,
        {
            "d.reciprocal": {"d.inv0": honest["d.inv0"] + 1},
            "d.remainder_below": {**one_less, **same_slack},
            "d.slack0.range": witness(D, -1, whole=True),
            "d.slack1.range": one_less,
            "d.remainder0.range": witness(D, 1, whole=True),
            "d.remainder1.range": witness(D, 1),
            "d.inv0.range": {"d": small, **witness(small)},
        },
    )
