"""The masks and salts of the committed weights: fresh, uniform, in every row, and the file that keeps them."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
from zklemma.errors import UserError
from zklemma.runtime.circuit.generation import Generation
from zklemma.runtime.field import P
from zklemma.runtime.model import files, keys
from zklemma.runtime.model.budget import MemoryBudget
from zklemma.runtime.model.choose_parameters import choose_parameters
from zklemma.runtime.model.keys import Artifact, load_artifact, save_artifact
from zklemma.runtime.model.masks import WeightMasks
from zklemma.runtime.progress import Clock, Silent
from zklemma.runtime.protocol.commitment import codeword as codeword_module
from zklemma.runtime.protocol.commitment.codeword import Codeword
from zklemma.runtime.protocol.commitment.merkle import SALT_WORDS
from zklemma.runtime.protocol.plan import Plan
from zklemma.runtime.protocol.transcript import Transcript
from zklemma.runtime.proving import answer
from zklemma.runtime.proving.prover import CommittedWeights, Prover, Request


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
def compiled(tools: Any) -> Artifact:
    return tools.toy_artifact()


@pytest.fixture(scope="module")
def again(tools: Any) -> Artifact:
    """The same weights, compiled again."""
    return tools.toy_artifact()


def fresh(artifact: Artifact) -> WeightMasks:
    return WeightMasks.fresh(artifact.key.circuit, artifact.key.parameters)


def commit_zeros(artifact: Artifact, masks: WeightMasks) -> CommittedWeights:
    """The model's weights, all zero, under these masks."""
    zeros = {name: np.zeros_like(array) for name, array in artifact.params.items()}
    return CommittedWeights(artifact.key.circuit, artifact.key.parameters, zeros, masks)


def codeword(artifact: Artifact, masks: WeightMasks) -> np.ndarray:
    """Of all-zero weights under these masks, salts below; the commitment has the same."""
    p, committed = artifact.key.parameters, commit_zeros(artifact, masks)
    messages = np.empty((committed.slabs.rows, 1 << p.log_columns), np.uint64)
    committed.slabs.fill(0, messages)
    found = Codeword(messages, p.log_code, masks.salts)
    assert found.root == committed.root
    return found.matrix


def leaves(committed: CommittedWeights) -> np.ndarray:
    """The digests of the leaves, (4, codeword length) words."""
    return committed.code.layers[0]


def test_the_same_model_compiled_twice(compiled: Artifact, again: Artifact) -> None:
    """Same weights, other masks, another root, another model id: nothing shows that they are the same."""
    for name, array in compiled.params.items():
        assert np.array_equal(array, again.params[name])
    for kind in ("cells", "salts"):
        first, second = getattr(compiled.masks, kind), getattr(again.masks, kind)
        assert first.size and (first != second).all()
    assert compiled.key.weight_root != again.key.weight_root
    assert compiled.key.model_id != again.key.model_id


def test_masks_are_uniform(compiled: Artifact) -> None:
    """Elements of F, none zero, none twice, every bit fair."""
    p, masks = compiled.key.parameters, compiled.masks
    rows = Plan(compiled.key.circuit, p, Generation(1, 1)).rows[0]
    assert masks.cells.shape == (rows, p.mask_columns) and rows >= 1
    assert masks.salts.shape == (SALT_WORDS, 1 << p.log_code)
    words = np.concatenate([masks.cells.ravel(), masks.salts.ravel()])
    assert words.all() and (words < np.uint64(P)).all() and np.unique(words).size == words.size
    for bit in range(64):
        ones = int((words >> np.uint64(bit) & np.uint64(1)).sum())
        assert abs(ones - words.size / 2) < 6 * words.size**0.5 / 2


@pytest.mark.parametrize("changed", ["both", "cells", "salts"])
def test_leaves_of_zero_weights_can_not_be_guessed(compiled: Artifact, changed: str) -> None:
    """Cells and salts each suffice: two commitments share no leaf at any position, no leaf occurs twice, and
    none is what the weights alone give."""
    one, two = fresh(compiled), fresh(compiled)
    if changed == "cells":
        none = np.zeros_like(one.salts)
        one, two = replace(one, salts=none), replace(two, salts=none)
    if changed == "salts":
        none = np.zeros_like(one.cells)
        one, two = replace(one, cells=none), replace(two, cells=none)
    first, second = (leaves(commit_zeros(compiled, masks)) for masks in (one, two))
    zeros = WeightMasks(np.zeros_like(one.cells), np.zeros_like(one.salts))
    bare = leaves(commit_zeros(compiled, zeros))
    assert (bare == bare[:, :1]).all()  # All guessed at once, if nothing masked them.
    for a, b in ((first, second), (first, bare), (second, bare)):
        assert (a != b).any(axis=0).all()
    for digests in (first, second):
        assert np.unique(digests, axis=1).shape == digests.shape


def test_masks_reach_every_row(compiled: Artifact) -> None:
    """The rows of zero weights are not zero at any position, and differ from each other: what an opened
    column shows of a row, its masks decide."""
    masks = fresh(compiled)
    matrix = codeword(compiled, masks)
    rows = matrix[:-SALT_WORDS]
    assert rows.shape[0] == masks.cells.shape[0]
    assert rows.all() and np.unique(rows).size == rows.size
    assert np.array_equal(matrix[-SALT_WORDS:], masks.salts)
    # And each row has its own: new masks of one row change that row, everywhere, and no other.
    for row in (0, rows.shape[0] - 1):
        cells = masks.cells.copy()
        cells[row] = fresh(compiled).cells[row]
        changed = codeword(compiled, replace(masks, cells=cells)) != matrix
        assert changed[row].all() and not np.delete(changed, row, axis=0).any()


def test_more_masks_than_a_proof_opens(compiled: Artifact) -> None:
    p = compiled.key.parameters
    assert p.mask_columns == compiled.masks.cells.shape[1] >= 30 * p.queries


def test_public_weights(tools: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No masks, none in the file, and one root whenever they are committed."""
    monkeypatch.setattr(
        tools, "choose_parameters", lambda circuits, hiding: choose_parameters(circuits, False)
    )
    one, two = (tools.toy_artifact() for _ in range(2))
    assert not one.key.private and one.key.model_id == two.key.model_id
    assert not one.masks.cells.any() and not one.masks.salts.any()
    path = tmp_path / "model.zkl"
    save_artifact(path, one)
    assert not section(path, b"MASK")
    loaded = load_artifact(path)
    assert loaded.masks.cells.shape == one.masks.cells.shape and not loaded.masks.cells.any()
    assert loaded.masks.salts.shape == one.masks.salts.shape and not loaded.masks.salts.any()

    code = [*one.key.code[:2], 32, *one.key.code[3:]]
    longest = replace(one, key=replace(one.key, code=code))
    save_artifact(path, replace(longest, budget=MemoryBudget(longest.key)))
    assert load_artifact(path).masks.salts.nbytes == 16 << 32

    with_section(path, b"MASK", bytes(8))
    with pytest.raises(UserError, match=r"model\.zkl: public weights have no masks"):
        load_artifact(path)


def sections(path: Path) -> dict[bytes, memoryview]:
    return files.unpack(files.MODEL, files.read(path), "")


def section(path: Path, tag: bytes) -> bytes:
    return bytes(sections(path)[tag])


def with_section(path: Path, tag: bytes, contents: bytes) -> None:
    """A file whose frame and checksum are right, whatever the section holds."""
    parts = sections(path) | {tag: memoryview(contents)}
    data = b"".join(files.pack(files.MODEL, [[part] for part in parts.values()]))
    path.write_bytes(data)


@pytest.fixture
def model(compiled: Artifact, tmp_path: Path) -> Path:
    path = tmp_path / "model.zkl"
    save_artifact(path, replace(compiled, budget=MemoryBudget(compiled.key)))
    return path


def test_masks_survive_the_file(compiled: Artifact, model: Path) -> None:
    loaded = load_artifact(model)
    assert np.array_equal(loaded.masks.cells, compiled.masks.cells)
    assert np.array_equal(loaded.masks.salts, compiled.masks.salts)
    assert (
        section(model, b"MASK") == compiled.masks.cells.tobytes() + compiled.masks.salts.tobytes()
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda masks: b"",
        lambda masks: masks[:-1],
        lambda masks: masks[:-8],
        lambda masks: masks + bytes(8),
        lambda masks: masks[: len(masks) // 2],
    ],
    ids=["none", "a byte short", "an element short", "an element more", "half"],
)
def test_masks_of_the_wrong_size_are_refused(model: Path, change: Any) -> None:
    with_section(model, b"MASK", change(section(model, b"MASK")))
    with pytest.raises(UserError, match=r"model\.zkl: the masks do not fit the circuit$"):
        load_artifact(model)


@pytest.mark.parametrize("at", [0, -8], ids=["cell", "salt"])
def test_masks_that_are_no_elements_are_refused(model: Path, at: int) -> None:
    wrong = bytearray(section(model, b"MASK"))
    wrong[at : at + 8 or None] = P.to_bytes(8, "little")
    with_section(model, b"MASK", bytes(wrong))
    with pytest.raises(UserError, match=r"model\.zkl: the masks are malformed$"):
        load_artifact(model)


@pytest.mark.parametrize(
    "meta",
    [True, [], "eos", None, {"x": b"y"}],
    ids=str,
)
def test_facts_that_make_no_sense_are_refused(model: Path, meta: Any) -> None:
    with_section(model, b"META", msgpack.packb(meta) or b"")
    with pytest.raises(UserError, match=r"model\.zkl: the section META is malformed$"):
        load_artifact(model)


def test_zeros_stand_between_weights(model: Path) -> None:
    weights = bytearray(section(model, b"PARM"))
    assert weights[-1] == 0
    weights[-1] = 1
    with_section(model, b"PARM", bytes(weights))
    with pytest.raises(UserError, match=r"model\.zkl: the weights are damaged behind "):
        load_artifact(model)


def test_a_file_cut_in_its_masks_is_refused(model: Path) -> None:
    model.write_bytes(model.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"model\.zkl: the file is truncated in section MASK$"):
        load_artifact(model)


@pytest.mark.parametrize("kind", ["cells", "salts"])
def test_masks_of_another_commitment_prove_nothing(
    compiled: Artifact, again: Artifact, model: Path, kind: str
) -> None:
    """The root fixes them: with others, or with none, the prover stops before it says anything."""
    others = getattr(again.masks, kind)
    for wrong in (others, np.zeros_like(others)):
        masks, own = replace(compiled.masks, **{kind: wrong}), MemoryBudget(compiled.key)
        save_artifact(model, replace(compiled, masks=masks, budget=own))
        loaded = load_artifact(model)
        with pytest.raises(UserError, match="not those that the key commits to"):
            Prover(loaded.key, loaded.program, loaded.params, loaded.masks)


def test_the_length_of_a_proof_tells_nothing(
    tools: Any, compiled: Artifact, again: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At given positions, which are hashes of what is masked, all proofs of a shape are of one length:
    whatever the prompt, the answer, the weights and the masks."""
    monkeypatch.setattr(
        Transcript,
        "positions",
        lambda self, count, length: [(977 * i + 5) % length for i in range(count)],
    )
    other = tools.toy_artifact(seed=1)
    lengths = set()
    for artifact, prompt in (
        (compiled, "once upon a time"),
        (again, "once upon a time"),
        (other, "fox ran to river"),
    ):
        tokens, generated = answer.generate(artifact, prompt, 2)
        assert (len(tokens), len(generated)) == (5, 2)
        prover = Prover(artifact.key, artifact.program, artifact.params, artifact.masks)
        made = prover.prove(Request((*tokens, *generated), 5, True), Clock(Silent()))
        lengths.add(len(made.proof))
    assert len(lengths) == 1


def test_only_the_owner_may_read_masks(compiled: Artifact, tmp_path: Path) -> None:
    save_artifact(tmp_path / "m.zkl", replace(compiled, budget=MemoryBudget(compiled.key)))
    assert (tmp_path / "m.zkl").stat().st_mode & 0o077 == 0


def test_a_large_model_keeps_its_tree(
    compiled: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is encoded to prove from it; a tree of other weights, or a part of one, is refused."""
    key, path = compiled.key, tmp_path / "model.zkl"
    monkeypatch.setattr(keys, "LARGE", 0)
    made = CommittedWeights(key.circuit, key.parameters, compiled.params, compiled.masks)
    own = MemoryBudget(key)
    save_artifact(path, replace(compiled, masks=made.masks, budget=own))
    loaded = load_artifact(path)
    monkeypatch.setattr(codeword_module, "encode", None)
    held = CommittedWeights(key.circuit, key.parameters, loaded.params, loaded.masks)
    held.check(key)
    opened = held.code.open([3, 5])
    monkeypatch.undo()
    assert made.code.open([3, 5]) == opened
    with pytest.raises(UserError, match="not those that the key commits to"):
        stale = replace(fresh(compiled), tree=loaded.masks.tree)
        CommittedWeights(key.circuit, key.parameters, compiled.params, stale).code.open([3])
    with_section(path, b"TREE", section(path, b"TREE")[:-32])
    with pytest.raises(UserError, match=r"model\.zkl: the tree does not fit the parameters$"):
        load_artifact(path)
