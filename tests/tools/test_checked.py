"""`verify` checks that a model's weights are in range, once a key unless it is told otherwise."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import zklemma
from zklemma.errors import InvalidProof
from zklemma.runtime.model.keys import load_key, save_key
from zklemma.runtime.verifying import checked

IDS = [bytes([i % 256, i // 256]) * 16 for i in range(600)]


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    """A new one for each test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "zklemma" / checked.NAME


@pytest.fixture
def unproved(toy, tmp_path):
    """The key with a range proof that does not hold; its id is the same."""
    key = load_key(toy.key)
    path = tmp_path / "unproved.vk"
    save_key(path, replace(key, range_proof=bytes(key.range_proof)[:-16] + bytes(16)))
    assert load_key(path).model_id == key.model_id
    return path


def test_a_key_without_a_valid_range_proof_is_invalid(toy, run, unproved, state):
    done = run("verify", unproved, toy.proof)
    assert done.returncode == 1 and done.stdout.startswith("INVALID: the ranges of the weights: ")
    assert not state.exists()
    with pytest.raises(InvalidProof, match="the ranges of the weights"):
        zklemma.verify(load_key(unproved), toy.proof)
    zklemma.verify(load_key(unproved), toy.proof, check_ranges=False)


def stages(done: subprocess.CompletedProcess) -> set[str]:
    assert done.returncode == 0, done.stdout
    return set(json.loads(done.stdout)["stages"])


def ranges(done: subprocess.CompletedProcess) -> str:
    """What a verdict says of the ranges, which its stages must bear out."""
    said = json.loads(done.stdout)["ranges"]
    assert ("ranges" in stages(done)) == (said == "checked")
    return said


def test_ranges_are_checked_once_a_key(toy, other_toy, run, state):
    assert ranges(run("verify", toy.key, toy.proof, "--json")) == "checked"
    assert ranges(run("verify", toy.key, toy.proof, "--json")) == "remembered"
    assert ranges(run("verify", toy.key, toy.proof, "--json", "--no-cache")) == "checked"
    assert ranges(run("verify", other_toy.key, other_toy.proof, "--json")) == "checked"
    digests = [load_key(model.key).ranges_digest for model in (toy, other_toy)]
    assert state.read_bytes() == b"".join(digests)
    assert state.stat().st_mode & 0o077 == 0


def test_the_verdict_says_which(toy, run):
    for words in ("checked now.", "remembered from an earlier check."):
        assert f"Ranges of the weights: proved by the key, {words}\n" in (
            run("verify", toy.key, toy.proof).stdout
        )


def test_a_bad_range_proof_is_invalid_whatever_is_remembered(toy, run, unproved, state):
    assert ranges(run("verify", toy.key, toy.proof, "--json")) == "checked"
    kept = state.read_bytes()
    done = run("verify", unproved, toy.proof, "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 1 and found["reason"].startswith("the ranges of the weights: ")
    assert found["ranges"] is None and state.read_bytes() == kept


def test_the_digest_is_of_all_that_the_check_reads(toy):
    key = load_key(toy.key)
    changes = {
        "range_proof": bytes(key.range_proof) + b"\0",
        "weight_root": bytes(32),
        "circuit_bytes": bytes(key.private_circuit_bytes),
        "code": [*key.code[:-1], 1 - key.code[-1]],
    }
    others = {replace(key, **{name: value}).ranges_digest for name, value in changes.items()}
    assert len(others | {key.ranges_digest}) == 5


def test_a_proof_that_is_invalid_says_of_the_ranges_what_was_done(toy, run, tmp_path):
    cut = tmp_path / "cut.proof"
    data = bytearray(toy.proof.read_bytes())
    data[-1] ^= 1
    cut.write_bytes(data)
    done = run("verify", toy.key, cut, "--json")
    assert done.returncode == 1 and json.loads(done.stdout)["ranges"] == "checked"


def test_without_the_cache_nothing_is_read_or_written(toy, run, state):
    assert ranges(run("verify", toy.key, toy.proof, "--no-cache", "--json")) == "checked"
    assert not state.exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[1:],
        lambda data: data + b"x",
        lambda data: b"nonsense" + data,
        lambda data: bytes([data[0] ^ 1]) + data[1:],
        lambda data: data[:-1] + bytes([data[-1] ^ 0x80]),
        lambda data: bytes(len(data)),
        lambda data: b"",
        lambda data: data * (checked.MOST + 1),
    ],
    ids=[
        "cut",
        "cut before",
        "longer",
        "longer before",
        "bit",
        "last bit",
        "zeros",
        "empty",
        "large",
    ],
)
def test_a_damaged_entry_is_checked_again_and_made_anew(toy, run, state, damage):
    assert ranges(run("verify", toy.key, toy.proof, "--json")) == "checked"
    state.write_bytes(damage(state.read_bytes()))
    assert ranges(run("verify", toy.key, toy.proof, "--json")) == "checked"
    assert ranges(run("verify", toy.key, toy.proof, "--json")) == "remembered"


def test_the_latest_are_kept():
    for number in IDS:
        checked.remember(number)
    checked.remember(IDS[-2])
    assert [checked.known(number) for number in IDS] == [False] * 344 + [True] * 256
    assert checked._read(checked._path())[-2:] == [IDS[-1], IDS[-2]]


def test_a_state_that_can_not_be_used_is_none(state, tmp_path, monkeypatch):
    state.parent.mkdir(parents=True)
    state.write_bytes(b"nonsense")
    assert not checked.known(IDS[0])
    state.unlink()
    state.mkdir()
    checked.remember(IDS[0])
    assert not checked.known(IDS[0])
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    (tmp_path / "file").write_text("")
    checked.remember(IDS[0])
    assert not checked.known(IDS[0])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--max-seconds", "0.01"), "--max-seconds"),
        (("--max-memory", "20"), "--max-memory"),
    ],
)
def test_a_limit_ends_in_one_line(toy, options, said):
    command = [sys.executable, "-m", "zklemma", "verify", toy.key, toy.proof, "--no-cache"]
    done = subprocess.run([*command, *options], capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert said in done.stderr


def test_within_its_limits_it_ends_as_without(toy, other_toy):
    command = [sys.executable, "-m", "zklemma", "verify", "--max-seconds", "300"]
    for proof, status in ((toy.proof, 0), (other_toy.proof, 1)):
        limited = [*command, "--max-memory", "4096", toy.key, proof, "--json"]
        done = subprocess.run(limited, capture_output=True, text=True)
        assert done.returncode == status, done.stderr
        assert json.loads(done.stdout)["valid"] is not bool(status)


def test_what_others_could_have_written_is_not_believed(state):
    for spoil in (
        lambda: state.chmod(0o660),
        lambda: state.parent.chmod(0o777),
        lambda: state.rename(state.with_name("moved")) and state.symlink_to("moved"),
        lambda: state.unlink() or os.mkfifo(state, 0o600),
    ):
        checked.remember(IDS[0])
        assert checked.known(IDS[0])
        spoil()
        assert not checked.known(IDS[0])
        state.parent.chmod(0o700)
        state.unlink(missing_ok=True)


def test_without_a_directory_of_ones_own_nothing_is_remembered(monkeypatch):
    def homeless(*_: object, **__: object) -> Path:
        raise RuntimeError("could not determine the home directory")

    for found in (homeless, lambda *_, **__: Path("~/.local/state/zklemma")):
        monkeypatch.setattr("platformdirs.user_state_path", found)
        checked.remember(IDS[0])
        assert not checked.known(IDS[0])
