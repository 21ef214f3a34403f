"""Keys and artifacts of functions: files, ids, rotation, and that neither kind of key passes for the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zklemma
from mlp import SIGNATURE, examples, mlp_artifact, mlp_circuit
from zklemma.errors import InvalidProof, UserError
from zklemma.runtime.circuit.encoding import encode_circuit
from zklemma.runtime.model.keys import Artifact, VerifyingKey, load_artifact, save_artifact
from zklemma.runtime.proving import inference
from zklemma.runtime.verifying import verifier
from zklemma.runtime.verifying.function_verifier import VerifiedFunction, verify_function


def test_a_key_is_read_again(artifact: Artifact) -> None:
    data = artifact.key.encode()
    found = VerifyingKey.decode(data)
    assert found == artifact.key and found.encode() == data
    assert found.function_signature == SIGNATURE and found.kind == "function"
    assert found.circuit == mlp_circuit()


def test_the_id_covers_the_signature(artifact: Artifact) -> None:
    ids = {artifact.key.model_id}
    left, right = SIGNATURE.inputs
    score, hidden = SIGNATURE.outputs
    for changed in (
        replace(SIGNATURE, inputs=(right, left)),
        replace(SIGNATURE, inputs=(replace(left, frac=4), right)),
        replace(SIGNATURE, inputs=(replace(left, bits=9), right)),
        replace(SIGNATURE, outputs=(replace(score, labels=()), hidden)),
        replace(SIGNATURE, outputs=(replace(score, labels=("a", "b", "c")), hidden)),
    ):
        key = replace(artifact.key, signature=changed)
        assert VerifyingKey.decode(key.encode()) == key and key.circuit
        ids.add(key.model_id)
    assert len(ids) == 6


def _meta(key: VerifyingKey, change: Callable[[Any], Any]) -> VerifyingKey:
    class Changed(type(SIGNATURE)):
        def to_list(self) -> Any:
            return change(super().to_list())

    return replace(key, signature=Changed(SIGNATURE.inputs, SIGNATURE.outputs))


@pytest.mark.parametrize(
    "change",
    [
        lambda x: [],
        lambda x: None,
        lambda x: x[:1],
        lambda x: [*x, []],
        lambda x: [x[1], x[0]],
        lambda x: [[[*x[0][0][:4]]], x[1]],
        lambda x: [[["left", "32", 8, 5, []]], x[1]],
        lambda x: [[["left", [3, 2], 8, 5, ""]], x[1]],
        lambda x: [[["left", [3, 2], True, 5, []]], x[1]],
        lambda x: [[[["left"], [3, 2], 8, 5, []]], x[1]],
        lambda x: [[[None, [3, 2], 8, 5, []]], x[1]],
        lambda x: [x[0], [["score", [3], 8, 4, "abc"]]],
        lambda x: [x[0], [["score", [3], 8, 4, ["a", "b", 3]]]],
        lambda x: [x[0], [["score", [3], 8, 4, ["a", "b", b"c"]]]],
        lambda x: [x[0], [["score", [3], 8, 4, ["a", "b", ["c"]]]]],
    ],
)
def test_signatures_that_are_malformed(artifact: Artifact, change: Callable[[Any], Any]) -> None:
    data = _meta(artifact.key, change).encode()
    with pytest.raises(UserError, match=r"^x: the (signature|verifying key) is malformed"):
        VerifyingKey.decode(data, "x")


def test_a_circuit_of_another_signature(artifact: Artifact, language: Artifact) -> None:
    less = replace(SIGNATURE, outputs=SIGNATURE.outputs[:1])
    for wrong in (
        replace(artifact.key, signature=less),
        replace(artifact.key, circuit_bytes=language.key.circuit_bytes),
        replace(artifact.key, circuit_bytes=language.key.private_circuit_bytes),
    ):
        with pytest.raises(UserError, match="not of the signature's function"):
            _ = wrong.circuit
    unsigned = replace(artifact.key, signature=None)
    with pytest.raises(UserError, match="does not take tokens as inputs"):
        _ = unsigned.circuit


@pytest.mark.parametrize(
    "change",
    [{"eos": (1,)}, {"private_circuit_bytes": b"c"}, {"tokenizer_bytes": b"t"}],
    ids=lambda change: next(iter(change)),
)
def test_a_function_has_no_tokens(artifact: Artifact, change: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="a function has no tokens"):
        replace(artifact.key, **change)


def test_artifacts(artifact: Artifact, tmp_path: Path) -> None:
    made = mlp_artifact(seed=2)
    save_artifact(tmp_path / "a.zkl", made)
    found = load_artifact(tmp_path / "a.zkl")
    assert found.key == made.key and found.program == made.program
    proof = zklemma.prove(found, examples(2)).proof
    assert isinstance(zklemma.verify(made.key, proof), VerifiedFunction)
    save_artifact(tmp_path / "b.zkl", replace(mlp_artifact(), private_program_bytes=b"p"))
    with pytest.raises(UserError, match="one witness program"):
        load_artifact(tmp_path / "b.zkl")
    with pytest.raises(InvalidProof, match="not of this key"):
        zklemma.verify(artifact.key, proof)


def test_rotation() -> None:
    old = mlp_artifact(seed=3)
    before = zklemma.prove(old, examples(1)).proof
    new = zklemma.rotate(old)
    assert new.key.signature == SIGNATURE and new.key.model_id != old.key.model_id
    found = VerifyingKey.decode(new.key.encode())
    proof = zklemma.prove(new, examples(1)).proof
    assert isinstance(zklemma.verify(found, proof, old.key.model_id), VerifiedFunction)
    with pytest.raises(InvalidProof, match="check it with the older key"):
        zklemma.verify(found, before)
    with pytest.raises(InvalidProof, match="not of"):
        zklemma.verify(old.key, before, new.key.model_id)


def test_ranges_of_weights_are_checked(artifact: Artifact) -> None:
    proof = zklemma.prove(artifact, examples(1)).proof
    damaged = bytearray(artifact.key.range_proof)
    damaged[100] ^= 1
    key = replace(artifact.key, range_proof=bytes(damaged))
    with pytest.raises(InvalidProof, match="the ranges of the weights"):
        zklemma.verify(key, proof)
    assert zklemma.verify(key, proof, check_ranges=False)


def test_proofs_under_keys_of_the_other_kind(artifact: Artifact, language: Artifact) -> None:
    said = zklemma.prove(language, "once upon a time", 2).result.proof
    made = inference.prove(artifact, examples(1)).result.proof
    with pytest.raises(InvalidProof, match="not one of a function"):
        zklemma.verify(artifact.key, said)
    with pytest.raises(InvalidProof, match="another version of the protocol"):
        zklemma.verify(language.key, made)
    with pytest.raises(
        UserError, match="key of a function; what is asked needs that of a language"
    ):
        verifier.verify(artifact.key, said)
    with pytest.raises(
        UserError, match="key of a language model; what is asked needs that of a fun"
    ):
        verify_function(language.key, made)


def test_what_is_only_for_the_other_kind(artifact: Artifact, language: Artifact) -> None:
    key = artifact.key
    asked: list[Callable[[], object]] = [
        lambda: key.private_circuit,
        lambda: key.tokenize("once"),
        lambda: key.text([1]),
        lambda: key.frame,
        lambda: artifact.private_program,
        lambda: zklemma.prove(artifact, "once upon a time", 2),
    ]
    for ask in asked:
        with pytest.raises(UserError, match=r"the key of a function; .* that of a language model$"):
            ask()
    with pytest.raises(UserError, match=r"the key of a language model; .* that of a function$"):
        zklemma.prove(language, examples(1))
    with pytest.raises(UserError, match="that of a function"):
        _ = language.key.function_signature
    assert encode_circuit(key.circuit) == bytes(key.circuit_bytes)
