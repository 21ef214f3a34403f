"""The reference target: it finds right what the executor computes, and finds out what is altered."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import zklemma
from zklemma.compiler.interpret_circuit import check
from zklemma.errors import InvalidProof, UserError
from zklemma.runtime.circuit.function import Batch
from zklemma.runtime.circuit.generation import Generation
from zklemma.runtime.circuit.relations import PRIME
from zklemma.runtime.model.lowered import Executable
from zklemma.runtime.progress import Clock, Silent
from zklemma.tools.compiled import Compiled
from zklemma.tools.systems.reference import REFERENCE, Trace

pytest.importorskip("galois")
from zklemma.tools.systems.field_check import violated

TESTS = Path(__file__).parents[1]


def loaded(name: str, path: Path) -> Any:
    """A file of another folder of tests."""
    spec = spec_from_file_location(name, path)
    assert spec and spec.loader
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def set_up(artifact: Any) -> Any:
    """What another target made, for this one."""
    known = artifact.program_bytes, artifact.private_program_bytes, artifact.params, artifact.meta
    lowered = Executable(artifact.key, *known)
    return Compiled(REFERENCE.setup(lowered, False, Clock(Silent())), REFERENCE)


@pytest.fixture(scope="module")
def network() -> Any:
    torch.manual_seed(0)
    layers = torch.nn.Linear(5, 6), torch.nn.SiLU(), torch.nn.Linear(6, 3)
    module, examples = torch.nn.Sequential(*layers), torch.randn(60, 5)
    return zklemma.compile(module, examples, batch=4, labels=["a", "b", "c"], target="reference")


ROWS = np.random.default_rng(3).normal(size=(3, 5))


def test_it_says_what_the_executor_gives(network: Any) -> None:
    found, wanted = network.verify(network.prove(ROWS)), network.run(ROWS)
    np.testing.assert_array_equal(found.values["output"], wanted.values["output"])
    assert found.labels == wanted.labels and found.relations > 5
    np.testing.assert_allclose(found.values["input"], ROWS, atol=1e-3)


def test_every_column_is_checked(network: Any) -> None:
    """Also where a cell is another number that a wrapping product may hide."""
    trace = network.prove(ROWS)
    for name, cells in trace.witness.items():
        for change in (1, PRIME // 2):
            altered = cells.astype(object)
            altered.flat[-1] += change
            wrong = {**network.key.params, **trace.witness, name: altered}
            assert violated(network.key.circuit, Batch(3), wrong), (name, change)
    for name, cells in network.key.params.items():
        altered = {**network.key.params, name: cells + (cells == cells.max())}
        assert violated(network.key.circuit, Batch(3), {**altered, **trace.witness}), name


def test_a_cell_is_an_element(network: Any) -> None:
    trace = network.prove(ROWS)
    columns = {name: cells.astype(object) + PRIME for name, cells in trace.witness.items()}
    known = {**network.key.params, **columns}
    assert violated(network.key.circuit, Batch(3), known) == []


def test_traces_that_are_none(network: Any) -> None:
    trace = network.prove(ROWS)
    first, *_ = trace.witness
    for witness, reason in (
        ({n: c for n, c in trace.witness.items() if n != first}, "lacks integers of"),
        ({**trace.witness, first: trace.witness[first] + 0.5}, "lacks integers of"),
        ({**trace.witness, first: trace.witness[first][:1]}, "size|shape"),
        ({n: c[:0] for n, c in trace.witness.items()}, "does not serve"),
        ({n: np.concatenate([c, c]) for n, c in trace.witness.items()}, "does not serve"),
    ):
        with pytest.raises(InvalidProof, match=reason):
            network.verify(Trace(witness))


def test_weights_out_of_range_are_noticed(network: Any) -> None:
    """The circuit's bounds hold for weights in their ranges alone; ours are proved to be."""
    trace, key = network.prove(ROWS), network.key
    name, cells = next(iter(key.params.items()))
    wide = cells.astype(np.int64)
    wide.flat[0] = key.circuit.column[name].high + 1
    other = type(key)(**{**vars_of(key), "params": {**key.params, name: wide}})
    assert other.model_id != key.model_id
    with pytest.raises(InvalidProof, match="not in their range"):
        REFERENCE.verify(other, trace)


def vars_of(key: Any) -> dict[str, Any]:
    return {name: getattr(key, name) for name in key.__dataclass_fields__}


def test_it_is_saved_and_loaded(network: Any, tmp_path: Path) -> None:
    sizes = network.save(tmp_path / "model.zkl")
    assert sizes == {"artifact_bytes": (tmp_path / "model.zkl").stat().st_size}
    again = Compiled.load(tmp_path / "model.zkl")
    assert again.key.model_id == network.key.model_id and again.report == network.report
    assert again.verify(network.prove(ROWS)).labels == network.run(ROWS).labels
    data = bytearray((tmp_path / "model.zkl").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "model.zkl").write_bytes(data)
    with pytest.raises(UserError, match="damaged"):
        Compiled.load(tmp_path / "model.zkl")


def test_options_of_proofs_are_refused(network: Any) -> None:
    with pytest.raises(UserError, match="makes no proof, and knows no visibility"):
        network.prove(ROWS, visibility=zklemma.Visibility(private=["input"]))
    with pytest.raises(UserError, match="makes no proof, and knows no model_id"):
        network.verify(network.prove(ROWS), model_id="00")


def test_a_language_model() -> None:
    toy = loaded("tools_conftest", TESTS / "tools" / "conftest.py").toy_artifact()
    compiled = set_up(toy)
    trace = compiled.prove("once upon a time", max_new_tokens=3)
    found = compiled.verify(trace)
    assert found.text == compiled.run("once upon a time", max_new_tokens=3)
    assert "once upon a time" in found.prompt
    circuit, tokens = compiled.key.circuit, trace.tokens
    shape = Generation(trace.prompt, len(tokens) - trace.prompt)
    columns = {**compiled.key.params, **trace.witness}
    assert check(circuit, shape, columns, tokens) == []
    for name, cells in [*trace.witness.items()][::20]:
        altered = cells.astype(np.int64)
        altered.flat[0] += 1
        wrong = check(circuit, shape, {**columns, name: altered}, tokens)
        assert wrong and violated(circuit, shape, {**columns, name: altered}, tokens) == wrong
    other = (*tokens[:-1], (tokens[-1] + 1) % 16)
    for said in (other, tokens[:-1], (*tokens[:-1], 1 << 20)):
        with pytest.raises(InvalidProof):
            compiled.verify(Trace(trace.witness, said, trace.prompt))
    with pytest.raises(UserError, match="how many tokens"):
        compiled.prove("once upon a time")
