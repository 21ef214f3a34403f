"""maximum: nothing is larger, and what is said to attain it does; of equal ones the lowest index."""

import numpy as np
import pytest
from zklemma.compiler.primitives.builder import constant
from zklemma.compiler.primitives.gather import rows
from zklemma.compiler.primitives.maximum import attained, distances, ordered, selected
from zklemma.compiler.primitives.round import limbs
from zklemma.dialects.affine_expr import added, scaled

S = np.array([[-8, 3, 3, 7], [7, -8, 0, 1], [1, 1, 1, 1]])
ALLOWED = np.array([[1, 1, 1, 0], [1, 1, 1, 1], [0, 0, 1, 1]])
SPAN, CELLS = 16, ("row", "n")


def softmax(
    allowed: np.ndarray, top: np.ndarray, place: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """The columns for a top of each row, and f = max(0, 5 - distance); no place selects nothing."""
    d = top[:, None] - S + 2 * SPAN * (1 - allowed)
    select = np.zeros_like(S)
    if place is not None:
        np.put_along_axis(select, place[:, None], 1, axis=1)
    return {"s.e": np.maximum(0, 5 - d), "s.select": select, "s.top0": top + SPAN // 2}


def state_selected(stated) -> None:
    b = stated.b
    s, allowed = stated.give("s", CELLS, S, 4), stated.give("allowed", CELLS, ALLOWED, 2)
    table = distances(b, "s.exp", "max(0, 5 - x)", SPAN)
    e = b.witness("s.e", CELLS, 0, 5)
    b.witness("s.select", CELLS, 0, 1)
    top, _ = limbs(b, "s.top", ("row",), 4)
    raised = constant(2 * SPAN - SPAN // 2)
    distance = added(CELLS, top, raised, scaled(-1, s), scaled(-2 * SPAN, allowed))
    selected(b, "s", table, CELLS, distance, e)


def test_each_relation_of_selected_is_needed(stated) -> None:
    state_selected(stated)
    top, place = np.array([3, 7, 1]), np.array([1, 0, 3])
    above, no_digit = np.array([4, 7, 1]), np.array([3, 7 - 2 * SPAN, 1])
    none = np.where([[0], [1], [0]], 0, ALLOWED)
    stated.attacked(
        softmax(ALLOWED, top, place),
        {
            "s.exponential": softmax(ALLOWED, above, place),
            "s.one_maximum": softmax(ALLOWED, above) | {"s.select": S * 0},
            # Where nothing is allowed there is no witness but for a top that is no digit.
            "s.top0.range": {"allowed": none, **softmax(none, no_digit, place)},
        },
    )


def test_a_larger_value_is_not_passed_over(stated) -> None:
    state_selected(stated)
    columns = softmax(ALLOWED, np.array([3, 1, 1]), np.array([1, 3, 3]))
    assert stated.violated(stated.circuit(), columns) == ["s.exponential"]


X = np.array([[5, -3], [100, 7]])
W = np.array([[1, 1], [3, 2], [9, 2], [9, 2], [-10, 400]])
LOGITS = X @ W.T
PLACES = np.array([2, 4])
GENERATING, WIDTH = ("generated", "vocabulary"), 17


def logits(stated) -> list[tuple]:
    x = stated.give("x", ["generated", "channel"], X)
    w = stated.give("w", ["vocabulary", "channel"], W)
    return [(x, w)]


def known_place(values: np.ndarray, places: np.ndarray, more: int = 0) -> dict[str, np.ndarray]:
    best = np.take_along_axis(values, places[:, None], 1)[:, 0] + more
    gap = best[:, None] - values - (np.arange(5) < places[:, None])
    return {"t.best": best, "t.limb0": gap}


def test_each_relation_of_attained_is_needed(stated) -> None:
    places = PLACES
    stated.tokens = (0, 0, *places)
    roles = attained(stated.b, "t", GENERATING, 1 << 19, WIDTH, logits(stated))
    assert roles == {"best": "t.best", "limbs": ["t.limb0"]}
    honest = known_place(LOGITS, places)
    far = np.where([[1], [0], [0], [0], [0]], W - (1 << 16), W)
    stated.attacked(
        honest,
        {
            "t.maximum": {"t.limb0": honest["t.limb0"] + (np.arange(5) == 1)},
            "t.attained": known_place(LOGITS, places, more=1),
            "t.limb0.range": {"w": far, **known_place(X @ far.T, places)},
        },
    )


@pytest.mark.parametrize("places", [[3, 4], [1, 4], [2, 3]])
def test_another_token_has_no_witness(stated, places: list[int]) -> None:
    """The higher of two equal ones, or one that is not the largest."""
    stated.tokens = (0, 0, *places)
    attained(stated.b, "t", GENERATING, 1 << 19, WIDTH, logits(stated))
    columns = known_place(LOGITS, np.array(places))
    assert stated.violated(stated.circuit(), columns) == ["t.limb0.range"]


def column_place(
    values: np.ndarray, places: np.ndarray, more: int = 0, w: np.ndarray = W
) -> dict[str, np.ndarray]:
    best = np.take_along_axis(values, places[:, None], 1)[:, 0] + more
    order = 5 * (best[:, None] - values) + np.arange(5) - places[:, None]
    upper = np.where(order < 0, 0, order >> 16)
    limbs = {"t.limb0": order - (upper << 16), "t.limb1": upper}
    return {"place": places, "t.rows": w[places], "t.best": best, **limbs}


def state_ordered(stated) -> None:
    ((x, w),) = logits(stated)
    token = stated.b.witness("place", ("generated",), 0, 4)
    row, _ = rows(stated.b, "t", token, ("generated", "channel"), w)
    ordered(stated.b, "t", GENERATING, 1 << 19, 20, [(x, w)], token, [(x, row)])


def test_each_relation_of_ordered_is_needed(stated) -> None:
    state_ordered(stated)
    honest = column_place(LOGITS, PLACES)
    turned = honest["t.rows"] + np.stack([-X[:, 1], X[:, 0]], axis=1)
    far = np.where([[1], [0], [0], [0], [0]], W - (1 << 18), W)
    digits = {"t.limb0": honest["t.limb0"] - (1 << 16), "t.limb1": honest["t.limb1"] + 1}
    stated.attacked(
        honest,
        {
            "t.row": {"t.rows": turned},
            "t.attained": column_place(LOGITS, PLACES, more=1),
            "t.order": {"t.limb0": honest["t.limb0"] ^ 1},
            "t.limb0.range": digits,
            "t.limb1.range": {"w": far, **column_place(X @ far.T, PLACES, w=far)},
        },
    )


@pytest.mark.parametrize("places", [[3, 4], [1, 4], [2, 3]])
def test_another_private_token_has_no_witness(stated, places: list[int]) -> None:
    state_ordered(stated)
    columns = column_place(LOGITS, np.array(places))
    assert stated.violated(stated.circuit(), columns) == ["t.limb0.range"]
