"""The bounds of relations are found again without a solver, whatever the level, and a false one is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from xdsl.context import Context
from zklemma.compiler.emit import emit
from zklemma.compiler.levels import Level
from zklemma.compiler.module_text import parse_module
from zklemma.compiler.pipelines import to_circuit
from zklemma.compiler.running import run_passes
from zklemma.runtime.circuit.relations import Circuit
from zklemma.tools.uniqueness.bounds import false_bounds, least_bounds

TINY = Path(__file__).parents[1] / "lowering" / "tiny.mlir"


def lowered(level: Level, private: bool) -> Circuit:
    module = parse_module(TINY.read_text())
    run_passes(Context(), module, to_circuit(private, level))
    return emit(module)[0]


@pytest.fixture(scope="module")
def circuit() -> Circuit:
    return lowered(Level(), private=False)


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize("level", [Level(), Level(0), Level(disabled=("virtualize",))])
def test_what_the_compiler_writes_is_shown(level: Level, private: bool) -> None:
    assert false_bounds(lowered(level, private)) == []


def test_every_bound_that_is_smaller_is_refused(circuit: Circuit) -> None:
    """By one where nothing smaller can be shown, and all of them where they say 1."""
    least = least_bounds(circuit)
    assert least.keys() == {r.name for r in (*circuit.einsums, *circuit.linears)}
    smaller = {
        kind: tuple(replace(each, bound=least[each.name] - 1) for each in getattr(circuit, kind))
        for kind in ("einsums", "linears")
    }
    refused = {relation.name: most for relation, most in false_bounds(replace(circuit, **smaller))}
    # Without a bound of its own to stay below, what is looked for may be plainer, and larger.
    assert refused.keys() == least.keys()
    assert all(refused[name] >= most for name, most in least.items())


@pytest.mark.parametrize(
    "relation", ["input_layernorm.remainder_below", "self_attn.q_norm.remainder_below"]
)
def test_a_norm_without_its_relations_has_no_bound(circuit: Circuit, relation: str) -> None:
    linears = tuple(each for each in circuit.linears if each.name != relation)
    found = {each.name for each, _ in false_bounds(replace(circuit, linears=linears))}
    assert found == {f"{relation.rpartition('.')[0]}.requantize"}


def test_a_norm_whose_table_is_another_has_no_bound(circuit: Circuit) -> None:
    """Its scales have to be the roots of what a square is divided by."""
    data = {**circuit.data, "exponents": circuit.data["exponents"] * [1, 4]}
    found = {each.name for each, _ in false_bounds(replace(circuit, data=data))}
    assert "input_layernorm.requantize" in found
    mixed = circuit.data["exponents"].copy()
    mixed[0, 0] += 1
    found = {
        each.name
        for each, _ in false_bounds(replace(circuit, data={**circuit.data, "exponents": mixed}))
    }
    assert "input_layernorm.requantize" in found


def test_a_larger_delta_breaks_the_induction(circuit: Circuit) -> None:
    wide = tuple(
        replace(c, high=2 * c.high + 1) if c.name == "post_attention_layernorm.limb1" else c
        for c in circuit.columns
    )
    found = {each.name for each, _ in false_bounds(replace(circuit, columns=wide))}
    assert "pre_feedforward_layernorm.square_sum" in found
