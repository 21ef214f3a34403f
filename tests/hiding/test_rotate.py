"""The same model under fresh masks: a chain of keys, and what it does to the counts."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zklemma
from zklemma.errors import InvalidProof, UserError
from zklemma.runtime.model.budget import ROTATIONS, MemoryBudget
from zklemma.runtime.model.choose_parameters import choose_parameters
from zklemma.runtime.model.keys import Artifact, VerifyingKey, load_artifact, save_artifact
from zklemma.runtime.model.masks import WeightMasks
from zklemma.runtime.proving import answer, rotation
from zklemma.runtime.proving.prover import CommittedWeights, prove_link
from zklemma.runtime.proving.rotation import rotate
from zklemma.runtime.verifying.verifier import check_identity, check_links, verify


@pytest.fixture(scope="module")
def tools() -> Any:
    """What the commands' tests make their toy model with."""
    path = Path(__file__).parents[1] / "tools" / "conftest.py"
    spec = importlib.util.spec_from_file_location("toy_tools", path)
    assert spec and spec.loader
    module = sys.modules["toy_tools"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def chain(tools: Any) -> list[Artifact]:
    """A model, and two more, each rotated from the one before."""
    first = tools.toy_artifact()
    second = rotate(first)
    return [first, second, rotate(second)]


@pytest.fixture(scope="module")
def key(chain: list[Artifact]) -> VerifyingKey:
    return chain[2].key


@pytest.fixture
def model(chain: list[Artifact], tmp_path: Path) -> Path:
    """The first model on disk; nothing of it is used up."""
    path = tmp_path / "model.zkl"
    save_artifact(path, with_new_count(chain[0]))
    return path


def with_new_count(artifact: Artifact) -> Artifact:
    return replace(artifact, budget=MemoryBudget(artifact.key))


def linked(key: VerifyingKey, links: Sequence[tuple[bytes, bytes]]) -> VerifyingKey:
    return replace(key, links=tuple(links))


def refused(key: VerifyingKey, model_id: str, match: str) -> None:
    with pytest.raises(InvalidProof, match=match) as error:
        check_identity(key, model_id)
    assert "\n" not in str(error.value)


def test_a_chain_of_two(chain: list[Artifact], key: VerifyingKey) -> None:
    ids = [artifact.key.model_id for artifact in chain]
    assert len(set(ids)) == 3
    assert [ancestor.digest.hex() for ancestor in key.ancestors] == ids[:2]
    check_links(key)
    for model_id in ids:
        check_identity(key, model_id)
        check_identity(key, model_id.upper())
    again = VerifyingKey.decode(key.encode())
    assert again == key
    check_links(again)
    # Nothing leads back.
    refused(chain[0].key, ids[1], f"of model {ids[0]}, not of {ids[1]}")


def test_the_latest_links_are_kept(
    chain: list[Artifact], key: VerifyingKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key with more of them would not be read."""
    monkeypatch.setattr(rotation, "MOST_LINKS", 2)
    last = with_new_count(chain[2])
    found = rotation.rotate(last).key
    assert len(key.links) == len(found.links) == 2 and found.links[0] == key.links[1]
    check_links(found)
    check_identity(found, chain[1].key.model_id)
    refused(found, chain[0].key.model_id, "not of")


def test_only_weights_and_masks_are_committed_anew(chain: list[Artifact]) -> None:
    first, second, _ = chain
    assert second.params is first.params and second.program_bytes == first.program_bytes
    assert second.meta == first.meta
    root, proof, links = first.key.weight_root, first.key.range_proof, first.key.links
    assert replace(second.key, weight_root=root, range_proof=proof, links=links) == first.key
    second.key.check_ranges()
    with pytest.raises(InvalidProof):
        replace(second.key, range_proof=proof).check_ranges()


def test_proofs_belong_to_the_key_that_they_were_made_under(chain: list[Artifact]) -> None:
    first, second, _ = chain
    ids = [artifact.key.model_id for artifact in chain]
    made = []
    for artifact in (first, second):
        found = answer.prove(with_new_count(artifact), "once upon", 2)
        verify(artifact.key, found.proof, artifact.key.model_id)
        made.append(found.proof)
    zklemma.verify(second.key, made[1], model_id=ids[0])
    for key, proof in ((first.key, made[1]), (second.key, made[0])):
        with pytest.raises(InvalidProof):
            verify(key, proof)
    with pytest.raises(InvalidProof, match="not of"):
        verify(first.key, made[0], ids[1])


def test_a_pinned_id_that_is_none(key: VerifyingKey) -> None:
    unrelated = "00" * 32
    refused(key, unrelated, f"of model {key.model_id}, not of {unrelated}")
    for malformed in ("", "12", "x" * 64, key.model_id + "00", key.model_id[1:]):
        with pytest.raises(UserError, match="64 hexadecimal digits"):
            check_identity(key, malformed)


def test_broken_links(chain: list[Artifact], key: VerifyingKey) -> None:
    ids = [artifact.key.model_id for artifact in chain]
    (root, proof), second = key.links
    flipped = bytearray(proof)
    flipped[len(proof) // 2] ^= 1
    for bad in (b"", proof[:-1], proof + b"\0", bytes(flipped), second[1], key.range_proof):
        broken = linked(key, [(root, bytes(bad)), second])
        refused(broken, ids[0], "link 1 of 2")
        with pytest.raises(InvalidProof, match="link 1 of 2"):
            check_links(broken)
        # Who pinned a later one does not need it.
        check_identity(broken, ids[1])
        check_identity(broken, ids[2])
    broken = linked(key, [(root, proof), (second[0], proof)])
    refused(broken, ids[0], "link 2 of 2")
    refused(broken, ids[1], "link 2 of 2")


def test_missing_and_reordered_links(chain: list[Artifact], key: VerifyingKey) -> None:
    ids = [artifact.key.model_id for artifact in chain]
    first, second = key.links
    refused(linked(key, [second]), ids[0], "not of")
    check_identity(linked(key, [second]), ids[1])
    refused(linked(key, [first]), ids[0], "link 1 of 1")
    refused(linked(key, []), ids[1], "not of")
    for model_id in ids[:2]:
        refused(linked(key, [second, first]), model_id, r"link \d of 2")
    swapped = [(first[0], second[1]), (second[0], first[1])]
    refused(linked(key, swapped), ids[0], "link 1 of 2")


def test_a_model_that_claims_another_ones_id(tools: Any, chain: list[Artifact]) -> None:
    """Other weights in the same circuit, under a key that names the root of a model that people trust:
    with that model's own links, with an honest one of its own, and with one made as if they agreed."""
    trusted, second, _ = chain
    mallory = tools.toy_artifact(seed=1)
    wanted, root = trusted.key.model_id, trusted.key.weight_root
    own = rotate(mallory)
    proofs = [second.key.links[0][1], own.key.links[0][1], mallory.key.range_proof]
    circuit, code = mallory.key.circuit, mallory.key.parameters
    old = CommittedWeights(circuit, code, trusted.params, trusted.masks)
    new = CommittedWeights(circuit, code, mallory.params, mallory.masks)
    proofs.append(prove_link(circuit, code, old, new))
    for proof in proofs:
        forged = linked(mallory.key, [(root, bytes(proof))])
        assert forged.ancestors[0].digest.hex() == wanted
        refused(forged, wanted, "link 1 of 1")
    refused(own.key, wanted, "not of")
    forged = linked(own.key, [(root, second.key.links[0][1]), *own.key.links])
    refused(forged, wanted, "link 1 of 2")


def test_a_link_is_of_one_circuit_and_one_code(chain: list[Artifact], tools: Any) -> None:
    """The ancestor is the key with another root: with other contents, another ancestor."""
    key = chain[1].key
    renamed = replace(key, name="other")
    refused(renamed, chain[0].key.model_id, "not of")
    # A link is about weights; whose key carries it, its id says.
    check_identity(renamed, replace(chain[0].key, name="other").model_id)
    code = replace(key.parameters, queries=key.parameters.queries + 1).to_list()
    other = replace(key, code=code)
    refused(other, replace(chain[0].key, code=code).model_id, "link 1 of 1")


def test_masks_and_salts_are_never_shared(chain: list[Artifact]) -> None:
    first = with_new_count(chain[0])
    drawn = [artifact.masks for artifact in (*chain, rotate(first))]
    for i, a in enumerate(drawn):
        assert np.unique(a.cells).size == a.cells.size
        for b in drawn[:i]:
            for one in (a.cells, a.salts):
                for other in (b.cells, b.salts):
                    assert np.intersect1d(one, other).size == 0


def test_what_a_rotation_uses(chain: list[Artifact]) -> None:
    first = with_new_count(chain[0])
    columns = first.budget.columns
    second = rotate(first)
    assert first.budget.spent() == columns and second.budget.spent() == 2 * columns
    third = rotate(second)
    assert (second.budget.spent(), third.budget.spent()) == (3 * columns, 2 * columns)
    left = third.budget.capacity // columns - ROTATIONS - 2
    assert third.budget.proofs_left() == left


def test_a_model_whose_proofs_are_used_up_can_be_rotated(model: Path) -> None:
    artifact = load_artifact(model)
    for _ in range(artifact.budget.proofs_left() or 0):
        artifact.budget.spend()
    with pytest.raises(UserError, match="zklemma rotate"):
        answer.prove_tokens(artifact, [2, 3], [4])
    for _ in range(ROTATIONS):
        check_identity(rotate(artifact).key, artifact.key.model_id)
    with pytest.raises(UserError, match=r"used up.*compile it again"):
        rotate(artifact)
    assert artifact.budget.spent() <= artifact.budget.capacity


@pytest.mark.parametrize("stage", ["ranges", "link"])
def test_counted_before_the_link_is_begun(
    model: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """An interrupt before has used nothing up, one during the link counts."""
    artifact, seen = load_artifact(model), []

    def interrupted(*_: Any) -> bytes:
        seen.append(load_artifact(model).budget.spent())
        raise KeyboardInterrupt

    monkeypatch.setattr(
        rotation, {"ranges": "prove_ranges", "link": "prove_link"}[stage], interrupted
    )
    with pytest.raises(KeyboardInterrupt):
        rotate(artifact)
    expected = artifact.budget.columns if stage == "link" else 0
    assert seen == [expected] and load_artifact(model).budget.spent() == expected


def test_a_rotation_that_is_killed_is_counted(model: Path) -> None:
    code = """
        import os, signal, sys
        from zklemma.runtime.model import keys
        from zklemma.runtime.proving import rotation
        rotation.prove_link = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        rotation.rotate(keys.load_artifact(sys.argv[1]))
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(model)]
    assert subprocess.run(command).returncode == -signal.SIGKILL
    budget = load_artifact(model).budget
    assert budget.spent() == budget.columns
    names = ["model.zkl", "model.zkl.budget", "model.zkl.budget.lock"]
    assert sorted(os.listdir(model.parent)) == names


def test_masks_that_are_not_the_keys(chain: list[Artifact]) -> None:
    artifact = with_new_count(chain[0])
    masks = WeightMasks.fresh(artifact.key.circuit, artifact.key.parameters)
    with pytest.raises(UserError, match="not those that the key commits to"):
        rotate(replace(artifact, masks=masks))
    assert artifact.budget.spent() == 0


def test_public_weights_have_none(tools: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        tools, "choose_parameters", lambda circuits, hiding: choose_parameters(circuits, False)
    )
    with pytest.raises(UserError, match="public weights have no masks") as error:
        rotate(tools.toy_artifact())
    assert "\n" not in str(error.value)


def test_parameters_that_give_no_link(chain: list[Artifact]) -> None:
    """Nothing is used up for a link that nobody would accept."""
    artifact = with_new_count(chain[0])
    code = replace(artifact.key.parameters, grind=0).to_list()
    with pytest.raises(UserError, match="bits of security"):
        rotate(replace(artifact, key=replace(artifact.key, code=code)))
    assert artifact.budget.spent() == 0
