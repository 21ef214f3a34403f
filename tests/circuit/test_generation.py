"""What circuits know of a prompt and its continuation."""

import pytest
from zklemma.errors import ZklemmaError
from zklemma.runtime.circuit.extents import Axis, CircuitError, Shape
from zklemma.runtime.circuit.generation import (
    MAPS,
    Generation,
    Tokens,
    below_next,
    extents,
    vocabulary,
)
from zklemma.runtime.circuit.index import Index, Inputs


@pytest.mark.parametrize(
    ("prompt", "generated", "rows"), [(1, 1, 1), (4, 4, 7), (5, 5, 10), (6, 4, 10), (10, 8, 20)]
)
def test_positions_are_the_prompt_and_all_chosen_tokens_but_the_last(prompt, generated, rows):
    """Rounded up, from 9 on, to a number of three binary digits and zeros."""
    shape = Generation(prompt, generated)
    assert shape.extents == {"tokens": rows, "generated": generated}
    assert shape.size(Axis("at", "tokens")) == shape.rows == rows
    assert shape.size(Axis("step", "generated")) == generated


def test_a_shape_has_the_sizes_that_it_was_given():
    shape = Shape({"image.batch": 3})
    assert shape.size(Axis("row", 7)) == 7 and shape.size(Axis("image", "image.batch")) == 3
    for size in ("tokens", ""):
        with pytest.raises(CircuitError, match="axis at"):
            shape.size(Axis("at", size))


def test_what_a_circuit_declares_covers_each_generation():
    most = extents(20)
    for shape in (Generation(20, 1), Generation(1, 20), Generation(11, 10)):
        assert {*shape.extents} == {*most}
        assert all(size <= most[name] for name, size in shape.extents.items())


@pytest.mark.parametrize("count", [0, 4, 6])
def test_tokens_are_as_many_as_the_shape_says(count):
    assert below_next(Tokens(range(5), Generation(3, 2))).tolist() == [3, 4]
    with pytest.raises(ZklemmaError, match=f"{count} tokens for a proof of another number"):
        Tokens(range(count), Generation(3, 2))


@pytest.mark.parametrize("kind", MAPS)
def test_a_statement_without_tokens_has_none_to_read(kind):
    with pytest.raises(ZklemmaError, match="Inputs in the place of Tokens"):
        MAPS[kind].sources(Index(kind, "at"), range(1), Inputs())


def test_the_vocabulary_is_an_axis():
    assert vocabulary({"vocabulary": Axis("vocabulary", 9)}) == 9
    assert vocabulary({"vocabulary": Axis("vocabulary", "tokens")}) == vocabulary({}) == 0
