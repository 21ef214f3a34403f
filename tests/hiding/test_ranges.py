"""The proof that every committed weight lies in its declared range."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
from zklemma.errors import InvalidProof, RangeError
from zklemma.runtime.circuit.encoding import MOST_CELLS
from zklemma.runtime.model.masks import WeightMasks
from zklemma.runtime.model.weight_ranges import range_circuit, range_subject, verify_ranges
from zklemma.runtime.progress import Clock, Silent
from zklemma.runtime.proving.prover import CommittedWeights, prove_ranges, prove_subject

proving = import_module("proving")
CODE = proving.parameters(11, [3], pads=700)


@pytest.fixture(scope="module", params=[1, 0], ids=["hiding", "public"])
def code(request):
    return replace(CODE, hiding=request.param)


@pytest.fixture(scope="module")
def model():
    circuit, _, params = proving.toy_model()
    return circuit, params


def commit(circuit, code, params) -> CommittedWeights:
    return CommittedWeights(circuit, code, params, WeightMasks.fresh(circuit, code))


def test_the_circuit_of_ranges_reads_every_weight_once(model):
    circuit, params = model
    ranges = range_circuit(circuit)
    ranges.check()
    assert [column.name for column in ranges.columns] == list(params)
    assert [lookup.exprs[0].terms[0].column for lookup in ranges.lookups] == list(params)


def test_honest_weights(model, code):
    circuit, params = model
    weights = commit(circuit, code, params)
    proof = prove_ranges(circuit, code, weights)
    verify_ranges(circuit, code, weights.root, proof)
    if code.hiding:
        other = commit(circuit, code, params)
        assert other.root != weights.root
        with pytest.raises(InvalidProof, match="ranges of the weights"):
            verify_ranges(circuit, code, other.root, proof)
    for bad in (b"", proof[:-1], proof + b"\0"):
        with pytest.raises(InvalidProof, match="ranges of the weights"):
            verify_ranges(circuit, code, weights.root, bad)


@pytest.mark.parametrize("by", [1, -1])
def test_a_weight_outside_its_range_is_not_provable(model, code, by):
    """One cell of each column, just past either end."""
    circuit, params = model
    for column in circuit.home("param")[:: 1 if code.hiding else 4]:
        array = params[column.name].astype(np.int64)
        array.reshape(-1)[-1] = column.high + 1 if by > 0 else column.low - 1
        weights = commit(circuit, code, {**params, column.name: array})
        with pytest.raises(RangeError, match=column.name):
            prove_ranges(circuit, code, weights)
        subject = range_subject(circuit, code, weights.root)
        proof = prove_subject(subject, [weights], {}, Clock(Silent()), strict=False)
        with pytest.raises(InvalidProof, match="ranges of the weights"):
            verify_ranges(circuit, code, weights.root, proof)


def test_ranges_that_are_too_wide_for_tables(model):
    """Together: each of them would do."""
    circuit, _ = model
    first, second = circuit.home("param")[:2]
    spans = {first: MOST_CELLS // 2, second: MOST_CELLS // 2 + 1}
    columns = [replace(c, low=1, high=spans[c]) if c in spans else c for c in circuit.columns]
    with pytest.raises(InvalidProof, match="ranges of the weights: they are wider than tables"):
        verify_ranges(replace(circuit, columns=tuple(columns)), CODE, bytes(32), b"")


def test_other_ranges_or_parameters_are_another_statement(model):
    circuit, params = model
    weights = commit(circuit, CODE, params)
    proof = prove_ranges(circuit, CODE, weights)
    first = circuit.home("param")[0]
    wider = replace(first, high=first.high + 1)
    columns = tuple(wider if column is first else column for column in circuit.columns)
    with pytest.raises(InvalidProof):
        verify_ranges(replace(circuit, columns=columns), CODE, weights.root, proof)
    with pytest.raises(InvalidProof):
        verify_ranges(circuit, replace(CODE, queries=CODE.queries + 1), weights.root, proof)
