"""``zklemma rotate``, and ``verify --model-id`` for keys that come from it."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from zklemma.runtime.model.budget import ROTATIONS, FileBudget
from zklemma.runtime.model.keys import load_artifact, load_key, save_key

PROMPT = ("--prompt", "once upon a time", "--max-new-tokens", "3")


@pytest.fixture
def model(toy, tmp_path) -> Path:
    """A model with its key and a count of its own."""
    path = tmp_path / "model.zkl"
    shutil.copy(toy.model, path)
    shutil.copy(toy.key, tmp_path / "model.vk")
    artifact = load_artifact(path)
    FileBudget.beside(path, artifact.key).create(artifact.budget.columns)
    return path


@pytest.fixture(scope="module")
def rotated(toy, run, tmp_path_factory) -> Path:
    """A folder with a model that was rotated twice, and a proof of the last."""
    folder = tmp_path_factory.mktemp("rotated")
    shutil.copy(toy.model, folder / "first.zkl")
    shutil.copy(toy.key, folder / "first.vk")
    shutil.copy(f"{toy.model}.budget", folder / "first.zkl.budget")
    for old, new in (("first", "second"), ("second", "third")):
        done = run("rotate", folder / f"{old}.zkl", "-o", folder / f"{new}.zkl", "-q")
        assert done.returncode == 0, done.stderr
    done = run("prove", folder / "third.zkl", *PROMPT, "-o", folder / "answer.proof", "-q")
    assert done.returncode == 0, done.stderr
    return folder


def refused(done: subprocess.CompletedProcess, status: int, *texts: str) -> None:
    assert done.returncode == status and done.stdout == "", done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr
    for text in texts:
        assert text in done.stderr


def ids(folder: Path) -> list[str]:
    return [load_key(folder / f"{name}.vk").model_id for name in ("first", "second", "third")]


def test_reports(model, run):
    fresh = model.with_name("fresh.zkl")
    done = run("rotate", model, "-o", fresh, "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 0 and done.stdout.count("\n") == 1 and done.stderr == ""
    old, new = load_artifact(model), load_artifact(fresh)
    assert found["model_id"] == new.key.model_id != old.key.model_id
    assert found["rotated_from"] == old.key.model_id and found["ancestors"] == [old.key.model_id]
    assert found["proofs_left"] == new.budget.proofs_left()
    assert found["artifact_bytes"] == fresh.stat().st_size
    assert found["vk_bytes"] == model.with_name("fresh.vk").stat().st_size
    assert found["seconds"] > 0 and found["peak_rss_bytes"] > 1 << 20
    assert load_key(model.with_name("fresh.vk")) == new.key
    columns = old.budget.columns
    assert old.budget.spent() == 2 * columns == new.budget.spent()
    assert fresh.stat().st_mode & 0o077 == 0


def test_speaks(model, run, tmp_path):
    vk = tmp_path / "other.key"
    done = run("rotate", model, "-o", tmp_path / "fresh.zkl", "--vk", vk)
    assert done.returncode == 0 and done.stdout.startswith('Rotated "toy"\n')
    for text in (load_key(vk).model_id, load_artifact(model).key.model_id, "proofs left"):
        assert text in done.stdout
    assert not (tmp_path / "fresh.vk").exists()


def test_a_pinned_id_goes_on_to_be_valid(rotated, run):
    first, second, third = ids(rotated)
    for pinned, older in ((None, None), (third, None), (second, second), (first, first)):
        option = ("--model-id", pinned) if pinned else ()
        done = run("verify", rotated / "third.vk", rotated / "answer.proof", *option, "--json")
        found = json.loads(done.stdout)
        assert done.returncode == 0 and found["valid"] is True
        assert found["model_id"] == third and found["rotated_from"] == older
        assert found["pinned"] is (True if pinned else None)
        spoken = run("verify", rotated / "third.vk", rotated / "answer.proof", *option)
        assert spoken.stdout.startswith("VALID\n")
        assert (f"id {third},\nrotated from {older}," in spoken.stdout) == bool(older)


def test_a_pinned_id_that_does_not_fit_is_invalid(rotated, other_toy, run):
    first, second, _ = ids(rotated)
    proof = rotated / "answer.proof"
    unrelated = other_toy.made["model_id"]
    done = run("verify", rotated / "third.vk", proof, "--model-id", unrelated, "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 1 and found["valid"] is False and found["pinned"] is False
    assert unrelated in found["reason"] and "\n" not in found["reason"]
    done = run("verify", rotated / "third.vk", proof, "--model-id", unrelated)
    assert done.returncode == 1 and done.stdout.startswith("INVALID: the key is that of model")
    # An older key knows nothing of those that came after it.
    done = run("verify", rotated / "first.vk", proof, "--model-id", second)
    assert done.returncode == 1
    for malformed in ("x", first[:-1]):
        refused(run("verify", rotated / "third.vk", proof, "--model-id", malformed), 2, "64")


def test_links_that_do_not_hold(rotated, run, tmp_path):
    key = load_key(rotated / "third.vk")
    (root, proof), second = key.links
    forged = replace(key, links=((root, proof[:-1]), second))
    path, answer = tmp_path / "forged.vk", rotated / "answer.proof"
    save_key(path, forged)
    first = ids(rotated)[0]
    done = run("verify", path, answer, "--model-id", first, "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 1 and found["pinned"] is False and "link 1 of 2" in found["reason"]
    # Without a pinned id nobody looks at links, and with a later one not at this.
    for option in ((), ("--model-id", ids(rotated)[1])):
        assert run("verify", path, answer, *option).returncode == 0
    assert run("inspect", path).returncode == 0
    refused(run("inspect", path, "--check"), 1, "link 1 of 2")


def test_an_older_proof_needs_the_older_key(rotated, toy, run):
    assert run("verify", rotated / "first.vk", toy.proof).returncode == 0
    done = run("verify", rotated / "third.vk", toy.proof, "--json")
    reason = json.loads(done.stdout)["reason"]
    assert done.returncode == 1 and "rotated from: check it with the older key" in reason


@pytest.mark.parametrize("name", ["third.zkl", "third.vk"])
def test_inspect_shows_the_ancestors(rotated, run, name):
    first, second, _ = ids(rotated)
    for option in ((), ("--check",)):
        found = json.loads(run("inspect", rotated / name, *option, "--json").stdout)
        assert found["links"] == 2 and found["ancestors"] == [first, second]
    assert json.loads(run("inspect", rotated / "first.vk", "--json").stdout)["links"] == 0


@pytest.mark.parametrize(
    "name", ["model.zkl", "model.vk", "model.zkl.budget", "model.zkl.budget.lock"]
)
def test_nothing_of_the_old_model_is_overwritten(model, run, name):
    before = {path.name: path.read_bytes() for path in model.parent.iterdir()}
    target = model.with_name(name)
    link = model.with_name("link")
    refused(run("rotate", model, "-o", model.with_name("x.zkl"), "--vk", target), 2, name, "place")
    refused(run("rotate", model, "-o", target, "--vk", model.with_name("x.vk")), 2, name, "place")
    link.symlink_to(target)
    refused(run("rotate", model, "-o", link, "--vk", model.with_name("x.vk")), 2, "link", "place")
    link.unlink()
    assert {path.name: path.read_bytes() for path in model.parent.iterdir()} == before


def test_files_that_would_be_one(model, run, tmp_path):
    fresh = tmp_path / "fresh.zkl"
    refused(run("rotate", model, "-o", fresh, "--vk", fresh), 2, "the same file")
    refused(run("rotate", model, "-o", fresh, "--vk", tmp_path / "fresh.zkl.budget"), 2, "place")
    shutil.move(model, tmp_path / "fresh.zkl.budget")
    refused(run("rotate", tmp_path / "fresh.zkl.budget", "-o", fresh), 2, "place")


def test_bad_input(toy, model, run, tmp_path):
    out = ("-o", tmp_path / "fresh.zkl")
    refused(run("rotate", toy.key, *out), 2, "this is a verifying key, but a model")
    refused(run("rotate", tmp_path / "none.zkl", *out), 2, "none.zkl: cannot read")
    refused(run("rotate", model, "-o", tmp_path / "no" / "fresh.zkl"), 2, "cannot write")
    (tmp_path / "model.zkl.budget").unlink()
    refused(run("rotate", model, *out), 2, "model.zkl.budget: missing")
    assert not (tmp_path / "fresh.zkl").exists()


def test_after_the_last_rotation(model, run, tmp_path):
    budget = load_artifact(model).budget
    for _ in range((budget.proofs_left() or 0) + ROTATIONS):
        budget.spend(rotating=True)
    refused(run("rotate", model, "-o", tmp_path / "fresh.zkl"), 2, "used up", "compile it again")


SMALL_DISK = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
"""
INTERRUPTED = """
import os, signal
from zklemma.runtime.proving import rotation
rotation.prove_link = lambda *_: os.kill(os.getpid(), signal.SIGTERM)
"""


@pytest.mark.parametrize("limit", [4096, 1_000_000, None])
def test_nothing_is_left_half_written(model, tmp_path, limit):
    """Neither artifact nor key nor count of a rotation that fails; but what it opened is counted."""
    older = {f"fresh{suffix}": suffix.encode() for suffix in (".zkl", ".vk", ".zkl.budget")}
    for name, data in older.items():
        (tmp_path / name).write_bytes(data)
    before = {path.name for path in tmp_path.iterdir()} | {"fresh.zkl.budget.lock"}
    code = SMALL_DISK.format(limit=limit) if limit else INTERRUPTED
    code += "from zklemma.tools.cli import main\nmain()"
    arguments = ["rotate", str(model), "-o", str(tmp_path / "fresh.zkl"), "--json", "-q"]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert limit is None or model.stat().st_size > limit
    refused(done, 2 if limit else 130, "File too large" if limit else "interrupted")
    assert {path.name for path in tmp_path.iterdir()} | {"fresh.zkl.budget.lock"} == before
    assert {name: (tmp_path / name).read_bytes() for name in older} == older
    assert load_artifact(model).budget.spent() == 2 * load_artifact(model).budget.columns
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".part")]
