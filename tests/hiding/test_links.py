"""The proof that two commitments hold the same weights."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
import pytest
from zklemma.errors import InvalidProof
from zklemma.runtime.circuit.encoding import decode_circuit, encode_circuit
from zklemma.runtime.circuit.relations import CircuitError
from zklemma.runtime.model.links import link_circuit, link_subject, verify_link
from zklemma.runtime.model.masks import WeightMasks
from zklemma.runtime.model.weight_ranges import verify_ranges
from zklemma.runtime.proving.prover import CommittedWeights, prove_link, prove_ranges

proving = import_module("proving")
TINY = import_module("tiny")
CODE = proving.parameters(11, [3], pads=700)


@pytest.fixture(scope="module", params=[1, 0], ids=["hiding", "public"])
def code(request):
    return replace(CODE, hiding=request.param)


@pytest.fixture(scope="module")
def model():
    circuit, _, params = proving.toy_model()
    return circuit, params


@pytest.fixture(scope="module")
def old(model, code) -> CommittedWeights:
    return commit(model[0], code, model[1])


def commit(circuit, code, params: Mapping[str, np.ndarray]) -> CommittedWeights:
    return CommittedWeights(circuit, code, params, WeightMasks.fresh(circuit, code))


def refused(circuit, code, old: CommittedWeights, new: CommittedWeights) -> None:
    """A prover who follows the protocol around two commitments convinces nobody that they are one;
    nor does one who says of both what is true of the old one and opens what is committed."""
    liar = copy(new)
    liar.params = old.params
    for cheat in (new, liar):
        proof = prove_link(circuit, code, old, cheat)
        with pytest.raises(InvalidProof):
            verify_link(circuit, code, old.root, new.root, proof)


def test_the_circuit_of_a_link_compares_every_weight(model) -> None:
    circuit, params = model
    link = link_circuit(circuit)
    link.check()
    for home in ("param", "renewed"):
        assert [column.name[4:] for column in link.home(home)] == list(params)
    for column, linear in zip(circuit.home("param"), link.linears, strict=True):
        assert linear.expr.axes == column.axes and linear.expr.constant == 0
        assert [(t.coefficient, t.column[4:]) for t in linear.expr.terms] == [
            (1, column.name),
            (-1, column.name),
        ]


def test_honest_weights(model, code, old) -> None:
    circuit, params = model
    new = commit(circuit, code, params)
    assert (new.root != old.root) == bool(code.hiding)
    proof = prove_link(circuit, code, old, new)
    verify_link(circuit, code, old.root, new.root, proof)
    for bad in (b"", proof[:-1], proof + b"\0"):
        with pytest.raises(InvalidProof):
            verify_link(circuit, code, old.root, new.root, bad)


@pytest.mark.parametrize("by", [1, -1])
def test_other_weights(model, code, old, by) -> None:
    """One cell of each column, up or down by one: at the start, in the middle, at the end."""
    circuit, params = model
    for at, column in enumerate(circuit.home("param")[:: 1 if code.hiding else 4]):
        array = params[column.name].astype(np.int64)
        flat = array.reshape(-1)
        flat[(0, flat.size // 2, -1)[at % 3]] += by
        refused(circuit, code, old, commit(circuit, code, {**params, column.name: array}))


def test_swapped_layers(model, code, old) -> None:
    circuit, params = model
    column = next(c for c in circuit.home("param") if c.axes[0] == "layer")
    swapped = np.ascontiguousarray(params[column.name][::-1])
    assert (swapped != params[column.name]).any()
    refused(circuit, code, old, commit(circuit, code, {**params, column.name: swapped}))


def test_swapped_columns(model, code, old) -> None:
    circuit, params = model
    first, second = next(
        (a.name, b.name)
        for a in circuit.home("param")
        for b in circuit.home("param")
        if a.name < b.name and a.axes == b.axes and (params[a.name] != params[b.name]).any()
    )
    swapped = {**params, first: params[second], second: params[first]}
    refused(circuit, code, old, commit(circuit, code, swapped))


def test_one_root_in_the_place_of_the_other(model) -> None:
    """A link says what it says about two roots, in their order, and about no others."""
    circuit, params = model
    old, new, third = (commit(circuit, CODE, params) for _ in range(3))
    proof = prove_link(circuit, CODE, old, new)
    pairs = [(new, old), (old, third), (third, new), (old, old), (new, new)]
    for a, b in pairs:
        with pytest.raises(InvalidProof):
            verify_link(circuit, CODE, a.root, b.root, proof)
    with pytest.raises(InvalidProof):
        verify_ranges(circuit, CODE, old.root, proof)
    with pytest.raises(InvalidProof):
        verify_link(circuit, CODE, old.root, new.root, prove_ranges(circuit, CODE, old))
    with pytest.raises(InvalidProof):
        verify_link(circuit, replace(CODE, queries=CODE.queries + 1), old.root, new.root, proof)


def test_a_bit_of_a_link_is_wrong(model, code, old) -> None:
    """Somewhere in each part of it."""
    circuit, params = model
    new = commit(circuit, code, params)
    proof = prove_link(circuit, code, old, new)
    for at in range(0, len(proof), len(proof) // 60):
        bad = bytearray(proof)
        bad[at] ^= 1 << at % 8
        with pytest.raises(InvalidProof):
            verify_link(circuit, code, old.root, new.root, bytes(bad))


def test_the_first_challenge_depends_on_all_of_it(hidden: Any) -> None:
    circuit, code = hidden.circuit, hidden.key.parameters
    other = replace(circuit, columns=(replace(circuit.columns[0], high=4), *circuit.columns[1:]))
    a, b = b"a" * 32, b"b" * 32
    cases = [
        (circuit, code, a, b),
        (other, code, a, b),
        (circuit, replace(code, pads_masks=129), a, b),
        (circuit, code, b, b),
        (circuit, code, a, a),
        (circuit, code, b, a),
    ]
    found = [link_subject(*case).begin().challenge() for case in cases]
    assert len(set(found)) == len(found)


def test_names_can_not_meet() -> None:
    """Columns of a model whose names look like those of a link."""
    circuit = TINY.tiny_circuit()
    columns = [
        replace(c, name={"embedding": "new x", "weights": "x"}.get(c.name, c.name))
        for c in circuit.columns
    ]
    link = link_circuit(replace(circuit, columns=tuple(columns)))
    link.check()
    assert len({column.name for column in link.columns}) == 4


def test_a_models_circuit_has_no_renewed_columns(model) -> None:
    with pytest.raises(CircuitError, match="renewed"):
        decode_circuit(encode_circuit(link_circuit(model[0])))
