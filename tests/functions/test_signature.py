"""Signatures: which integer stands for a real number, what does not fit, and that a signature has one encoding."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from mlp import FEATURES, ROWS, SIGNATURE, examples, mlp_circuit
from zklemma.errors import UserError
from zklemma.runtime.model import signature
from zklemma.runtime.model.signature import Signature, Tensor

VALUE = Tensor("x", (), 8, 3)


@pytest.mark.parametrize(
    ("real", "cell"),
    [
        *((0, 0), (1, 8), (-1, -8), (1 / 16, 1), (-1 / 16, 0), (3 / 16, 2), (-3 / 16, -1)),
        *((0.0624, 0), (127.49 / 8, 127), (-128.5 / 8, -128), (0.49999999999999994 / 8, 0)),
    ],
)
def test_the_nearest_integer_and_the_larger_of_two(real: float, cell: int) -> None:
    assert VALUE.quantize([real]).tolist() == [cell]


@pytest.mark.parametrize("real", [127.5 / 8, -128.51 / 8, np.nan, np.inf, -np.inf, 1e300])
def test_what_is_out_of_range(real: float) -> None:
    with pytest.raises(
        UserError, match=r"tensor x: .* in example 1 is outside its range \[-16, 15"
    ):
        VALUE.quantize([0, real])


def test_an_integer_stands_for_a_real_number() -> None:
    cells = np.arange(-128, 128)
    assert (VALUE.quantize(VALUE.real(cells)) == cells).all()
    assert VALUE.real(np.array([3])).tolist() == [0.375]


@pytest.mark.parametrize(
    "values", [1.0, [[1.0]], [], ["a"], [1j], [[1], [1, 2]]], ids=lambda x: str(x)
)
def test_what_is_no_batch_of_the_tensor(values: Any) -> None:
    with pytest.raises(UserError, match="tensor x"):
        VALUE.quantize(values)


def test_where_a_value_is() -> None:
    given = examples(3)
    given["left"][2, 1, 0] = 9
    with pytest.raises(UserError, match=r"tensor left: 9 in example 2 at \[1, 0\] is outside"):
        SIGNATURE.quantize(given)


def test_inputs_that_do_not_fit() -> None:
    given = examples(3)
    with pytest.raises(UserError, match="the input right is missing"):
        SIGNATURE.quantize({"left": given["left"]})
    with pytest.raises(UserError, match="no input up, only left, right"):
        SIGNATURE.quantize({**given, "up": given["left"]})
    with pytest.raises(UserError, match="different numbers of examples: left 2, right 3"):
        SIGNATURE.quantize({**given, "left": given["left"][:2]})


INPUT, OUTPUT = SIGNATURE.inputs[0], SIGNATURE.outputs[0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"outputs": ()}, "an input and an output"),
        ({"inputs": ()}, "an input and an output"),
        ({"inputs": (INPUT, INPUT)}, "share a name"),
        ({"inputs": (replace(INPUT, name="score"),)}, "share a name"),
        ({"inputs": tuple(replace(INPUT, name=f"x{i}") for i in range(15))}, "16 tensors"),
        ({"inputs": (replace(INPUT, name="1x"),)}, "a tensor's name"),
        ({"inputs": (replace(INPUT, name="x y"),)}, "a tensor's name"),
        ({"inputs": (replace(INPUT, bits=0),)}, "can not be"),
        ({"inputs": (replace(INPUT, bits=54),)}, "can not be"),
        ({"inputs": (replace(INPUT, frac=65),)}, "can not be"),
        ({"inputs": (replace(INPUT, shape=(3, 0)),)}, "can not be"),
        ({"inputs": (replace(INPUT, shape=(1,) * 16),)}, "can not be"),
        ({"inputs": (replace(INPUT, labels=("a", "b")),)}, "only outputs have labels"),
        ({"outputs": (replace(OUTPUT, labels=("a", "b")),)}, "do not fit"),
        ({"outputs": (replace(OUTPUT, labels=("a", "b", "c\n")),)}, "a label has 1 to"),
    ],
)
def test_signatures_that_can_not_be(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        replace(SIGNATURE, **change)


def test_the_number_of_labels_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signature, "MOST_LABELS", 3)
    assert replace(SIGNATURE) == SIGNATURE
    monkeypatch.setattr(signature, "MOST_LABELS", 2)
    with pytest.raises(UserError, match="more than 2 labels"):
        replace(SIGNATURE)


def test_plain_data() -> None:
    assert Signature.from_list(SIGNATURE.to_list()) == SIGNATURE
    assert list(SIGNATURE.tensors) == ["input left", "input right", "output score", "output hidden"]


def test_it_fits_its_circuit() -> None:
    circuit = mlp_circuit()
    assert SIGNATURE.fits(circuit)
    left, right = SIGNATURE.inputs
    for inputs in (
        (left,),
        (left, replace(right, name="up")),
        (left, replace(right, shape=(FEATURES, ROWS))),
        (left, replace(right, bits=7)),
    ):
        assert not replace(SIGNATURE, inputs=inputs).fits(circuit)
    assert replace(SIGNATURE, inputs=(left, replace(right, bits=9))).fits(circuit)
