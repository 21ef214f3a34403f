"""The commands where prompt or output is private: what they print, write and refuse, and what opens a digest."""

import json
import os
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from zklemma.errors import UserError
from zklemma.runtime.circuit.generation import Generation
from zklemma.runtime.model import files
from zklemma.runtime.model.keys import Artifact, save_artifact, save_key
from zklemma.runtime.protocol.statement import private_bound
from zklemma.runtime.proving import answer
from zklemma.runtime.proving.answer import Privacy, bound
from zklemma.runtime.verifying import disclosure
from zklemma.runtime.witness.executor import Executor

Done = subprocess.CompletedProcess[str]
Run = Callable[..., Done]

ASKED = ("--prompt", "once upon a time", "--max-new-tokens", "4")
TEXT = "once upon a time"
OPTIONS = {
    "prompt": ("--prompt-visibility", "private"),
    "output": ("--output-visibility", "private"),
    "both": ("--prompt-visibility", "private", "--output-visibility", "private"),
}
ITEMS = {"prompt": ["prompt"], "output": ["output"], "both": ["prompt", "output"]}


@dataclass(frozen=True)
class Model:
    """A model on disk, whose weights are private or public."""

    path: Path
    key: Path
    artifact: Artifact
    run: Run

    def prove(self, proof: Path, *options: object) -> Done:
        return self.run("prove", self.path, *ASKED, "-o", proof, *options)


def saved(folder: Path, artifact: Artifact, run: Run) -> Model:
    path, key = folder / "model.zkl", folder / "model.vk"
    save_artifact(path, artifact)
    save_key(key, artifact.key)
    return Model(path, key, artifact, run)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, make: Any, run: Run) -> Model:
    return saved(tmp_path_factory.mktemp("private"), make(max_tokens=32), run)


@pytest.fixture(scope="module")
def open_model(tmp_path_factory: pytest.TempPathFactory, make: Any, run: Run) -> Model:
    """With public weights."""
    return saved(tmp_path_factory.mktemp("open"), make(hiding=False, max_tokens=32), run)


@dataclass(frozen=True)
class Proved:
    """A proof, where what opens it was kept, and what the command said."""

    proof: Path
    secret: Path
    report: dict


@pytest.fixture(scope="module")
def proved(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Proved]:
    made: dict[str, Proved] = {}

    def prove(what: str) -> Proved:
        if what not in made:
            proof = tmp_path_factory.mktemp(what) / "answer.proof"
            done = model.prove(proof, *OPTIONS[what], "--json", "--quiet")
            assert done.returncode == 0 and done.stderr == "", done.stderr
            secret = proof.with_name("answer.proof.secret")
            made[what] = Proved(proof, secret, json.loads(done.stdout))
        return made[what]

    return prove


def verified(model: Model, proof: Path, *options: object) -> dict:
    done = model.run("verify", model.key, proof, *options, "--json")
    assert done.returncode == 0 and done.stderr == "", done.stdout
    return json.loads(done.stdout)


def refused(done: Done, status: int, *texts: str) -> None:
    """One clear line on stderr, nothing on stdout, the right exit status."""
    assert done.returncode == status and done.stdout == "", done.stderr
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr
    for text in texts:
        assert text in done.stderr


def invalid(done: Done, reason: str) -> None:
    found = json.loads(done.stdout)
    assert done.returncode == 1 and found["valid"] is False and done.stderr == ""
    assert reason in found["reason"] and "\n" not in found["reason"]
    assert found["prompt"] is None and found["output"] is None


def visibility(what: str, weights: str = "private") -> dict[str, str]:
    shown = {name: "private" if name in ITEMS[what] else "public" for name in ("prompt", "output")}
    return {"weights": weights, **shown}


@pytest.mark.parametrize("what", OPTIONS)
def test_prove_reports(proved: Callable[[str], Proved], what: str) -> None:
    made = proved(what)
    assert made.report["visibility"] == visibility(what) and made.report["hiding"] is True
    assert made.report["secret"] == str(made.secret) and made.report["security_bits"] >= 100
    # The prover sees its own text, and how many tokens it has.
    assert made.report["text"].split() and made.report["tokens"] == 5 + made.report["generated"]
    assert sorted(os.listdir(made.proof.parent)) == ["answer.proof", "answer.proof.secret"]


@pytest.mark.parametrize("what", OPTIONS)
def test_verify_reports(model: Model, proved: Callable[[str], Proved], what: str) -> None:
    made = proved(what)
    found = verified(model, made.proof)
    assert found["valid"] is True and found["reason"] is None and found["hiding"] is True
    assert found["visibility"] == visibility(what) and list(found["digests"]) == ITEMS[what]
    assert all(len(bytes.fromhex(digest)) == 32 for digest in found["digests"].values())
    assert (found["prompt"] is None) == ("prompt" in ITEMS[what])
    assert (found["output"] is None) == ("output" in ITEMS[what])
    assert found["prompt"] in (None, TEXT)
    if what == "prompt":
        assert found["output"].split() == made.report["text"].split()
    assert found["prompt_tokens"] == (5 if what == "output" else 16) and found["generated"] == 4
    assert found["tokens"] == found["prompt_tokens"] + 4 and found["token_ids"] is None
    assert found["revealed"] == [] and found["nonce"] == "" and found["security_bits"] >= 100


@pytest.mark.parametrize("what", OPTIONS)
def test_verify_speaks(run: Run, model: Model, proved: Callable[[str], Proved], what: str) -> None:
    made = proved(what)
    digests = verified(model, made.proof)["digests"]
    done = run("verify", model.key, made.proof)
    assert done.returncode == 0 and done.stdout.startswith("VALID\n") and done.stderr == ""
    for digest in digests.values():
        assert f"    private, digest {digest}\n" in done.stdout
    assert f"Private: weights, {', '.join(ITEMS[what])}." in done.stdout
    assert ("at most 16 tokens long" in done.stdout) == ("prompt" in digests)
    assert (f'    "{TEXT}"\n' in done.stdout) == ("prompt" not in digests)
    shown = [f'"{verified(model, made.proof)["output"]}"'] if "output" not in digests else []
    assert all(text in done.stdout for text in shown) and "revealed" not in done.stdout
    if what == "both":
        assert "once" not in done.stdout and '\n    "' not in done.stdout
    checked = "(whether these are the tokens of a text is checked with its opening)"
    assert (checked in done.stdout) == ("prompt" in digests)
    assert ("(cut by the limit of 4 tokens)" in done.stdout) == ("output" not in digests)


@pytest.mark.parametrize("what", OPTIONS)
def test_public_weights(run: Run, open_model: Model, tmp_path: Path, what: str) -> None:
    """A proof hides what is private even if the weights are not; nothing is counted."""
    proof = tmp_path / "a.proof"
    done = open_model.prove(proof, *OPTIONS[what], "--json", "--quiet")
    report = json.loads(done.stdout)
    assert done.returncode == 0 and done.stderr == ""
    assert report["hiding"] is True and report["proofs_left"] is None
    assert report["visibility"] == visibility(what, "public")
    assert sorted(os.listdir(open_model.path.parent)) == ["model.vk", "model.zkl"]
    found = verified(open_model, proof)
    assert found["hiding"] is True and found["visibility"] == visibility(what, "public")
    shown = run("verify", open_model.key, proof).stdout
    assert f"Private: {', '.join(ITEMS[what])}." in shown and "not hiding" not in shown
    opened = tmp_path / "opened"
    run("reveal", report["secret"], "-o", opened)
    assert verified(open_model, proof, "--reveal", opened)["revealed"] == ITEMS[what]


def test_public_weights_with_nothing_private(open_model: Model, tmp_path: Path) -> None:
    proof = tmp_path / "a.proof"
    refused(open_model.prove(proof, "--hiding", "-q"), 2, "compiled with public weights")
    assert os.listdir(tmp_path) == []
    assert open_model.prove(proof, "--quiet").returncode == 0
    assert verified(open_model, proof)["hiding"] is False
    assert os.listdir(tmp_path) == ["a.proof"]


@pytest.mark.parametrize("what", ["prompt", "output"])
def test_without_hiding(run: Run, model: Model, tmp_path: Path, what: str) -> None:
    """It warns, and the proof says so."""
    proof = tmp_path / "a.proof"
    done = model.prove(proof, *OPTIONS[what], "--no-hiding", "--json", "--quiet")
    assert done.returncode == 0 and json.loads(done.stdout)["hiding"] is False
    assert done.stderr.startswith("warning: ") and done.stderr.count("\n") == 1
    found = verified(model, proof)
    assert found["hiding"] is False and found["visibility"] == visibility(what)
    assert "not hiding" in run("verify", model.key, proof).stdout


def test_public_weights_without_hiding(open_model: Model, tmp_path: Path) -> None:
    done = open_model.prove(tmp_path / "a.proof", *OPTIONS["prompt"], "--no-hiding", "--quiet")
    assert done.returncode == 0 and done.stderr.startswith("warning: ")
    # With nothing private, not hiding is all that there is to do.
    done = open_model.prove(tmp_path / "b.proof", "--no-hiding", "--quiet")
    assert done.returncode == 0 and done.stderr == ""


# Bounds on a private prompt's length.


def test_a_bound_of_the_users(model: Model, tmp_path: Path) -> None:
    for number in (5, 28):
        done = model.prove(
            tmp_path / "a.proof", *OPTIONS["prompt"], "--prompt-bound", number, "--quiet"
        )
        assert done.returncode == 0, done.stderr
        found = verified(model, tmp_path / "a.proof")
        assert found["prompt_tokens"] == private_bound(number, found["generated"])
        assert found["prompt"] is None


@pytest.mark.parametrize(
    ("options", "texts"),
    [
        ((*OPTIONS["prompt"], "--prompt-bound", "4"), ("has 5 tokens", "bound of 4")),
        ((*OPTIONS["prompt"], "--prompt-bound", "0"), ("has 5 tokens", "bound of 0")),
        ((*OPTIONS["prompt"], "--prompt-bound", "-1"), ("has 5 tokens",)),
        ((*OPTIONS["prompt"], "--prompt-bound", "29"), ("at most 29", "compiled for 32")),
        ((*OPTIONS["prompt"], "--prompt-bound", "1000000"), ("lower the bound",)),
        (("--prompt-bound", "16"), ("--prompt-visibility private",)),
        ((*OPTIONS["output"], "--prompt-bound", "16"), ("--prompt-visibility private",)),
        ((*OPTIONS["output"], "--max-new-tokens", "28"), ("at most 32", "one less")),
        ((*OPTIONS["prompt"], "--max-new-tokens", "28"), ("compiled for 32",)),
        ((*OPTIONS["both"], "--max-new-tokens", "0"), ("at least one",)),
        ((*OPTIONS["both"], "--prompt", ""), ("the prompt is empty",)),
        ((*OPTIONS["both"], "--prompt", "once upon a zebra"), ("not in the vocabulary",)),
        (("--secret", "kept"), ("--secret is for private",)),
        ((*OPTIONS["both"], "--secret", "no/kept"), ("no/kept: cannot write",)),
        ((*OPTIONS["both"], "--secret", "."), ("cannot write: not a regular file",)),
        ((*OPTIONS["both"], "--secret", "a.proof"), ("a.proof", "can not be the same file")),
        ((*OPTIONS["both"], "--secret", "./a.proof"), ("a.proof", "can not be the same file")),
        (("--nonce", "xyz"), ("--nonce xyz: not hexadecimal",)),
        (("--nonce", "abc"), ("--nonce abc: not hexadecimal",)),
        (("--nonce", "0x12"), ("not hexadecimal",)),
        (("--nonce", "00" * 65), ("--nonce 00", "longer than 64 bytes")),
    ],
)
def test_prove_refuses(
    model: Model,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    texts: tuple[str, ...],
) -> None:
    """In one line, before anything is counted, and leaving nothing behind."""
    monkeypatch.chdir(tmp_path)
    left = model.artifact.budget.proofs_left()
    refused(model.prove(Path("a.proof"), *options, "--quiet", "--json"), 2, *texts)
    assert os.listdir(tmp_path) == [] and model.artifact.budget.proofs_left() == left


def test_nothing_takes_the_place_of_the_model(model: Model, tmp_path: Path) -> None:
    count = model.path.with_name("model.zkl.budget")
    kept = {path: path.read_bytes() for path in (model.path, count)}
    for path in kept:
        refused(model.prove(path, "-q"), 2, str(path), "would take the place")
        done = model.prove(tmp_path / "a.proof", *OPTIONS["both"], "--secret", path, "-q")
        refused(done, 2, str(path), "would take the place")
        assert {path: path.read_bytes() for path in kept} == kept
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("most", [16, 17, 32, 64, 256])
def test_bounds_tell_lengths_apart_by_powers_of_two_only(most: int) -> None:
    """Whatever the prompt, the bound follows from the power of two above its length, or is as much as there
    is room for."""
    artifact = SimpleNamespace(
        key=SimpleNamespace(circuit=SimpleNamespace(extents={"tokens": most}))
    )
    for generated in (1, 4, 10):
        found: dict[int, set[int]] = {}
        room = max(n for n in range(1, most) if Generation(n + 1, generated).rows <= most)
        for length in range(1, most + 1):
            try:
                chosen = bound(artifact, length, generated, Privacy(prompt=True))  # type: ignore
            except UserError as error:
                assert length > room and str(most) in str(error)
                continue
            assert length <= chosen <= room
            power = max(16, 1 << (length - 1).bit_length())
            found.setdefault(power, set()).add(chosen)
            # One that is chosen is one that may be asked for.
            asked = Privacy(prompt=True, bound=chosen)
            assert bound(artifact, length, generated, asked) == chosen  # type: ignore
        assert found and all(
            chosen == {private_bound(min(power, room), generated)}
            for power, chosen in found.items()
        )


# What opens a digest: the file that only the prover may read, and what is taken from it.


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_the_owner_may_read_secrets(model: Model, tmp_path: Path) -> None:
    """Whatever the umask, and whatever was there before."""
    proof, secret = tmp_path / "a.proof", tmp_path / "kept"
    secret.write_bytes(b"older")
    secret.chmod(0o666)
    before = os.umask(0)
    try:
        done = model.prove(proof, *OPTIONS["both"], "--secret", secret, "-q", "--json")
    finally:
        os.umask(before)
    assert json.loads(done.stdout)["secret"] == str(secret)
    assert mode(secret) == 0o600 and mode(proof) == 0o666
    assert sorted(os.listdir(tmp_path)) == ["a.proof", "kept"]
    assert list(disclosure.decode(secret.read_bytes(), "kept")) == ["prompt", "output"]


def test_prove_speaks_of_the_secret(model: Model, tmp_path: Path) -> None:
    done = model.prove(tmp_path / "a.proof", *OPTIONS["output"])
    assert done.returncode == 0
    assert f"secret     {tmp_path / 'a.proof.secret'} (opens what is private" in done.stdout


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("place", ["prove", "secret"])
def test_a_failure_leaves_neither_proof_nor_secret(
    model: Model,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failure: BaseException,
    place: str,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise failure

    owner, name = (answer, "prove_tokens") if place == "prove" else (disclosure, "encode")
    monkeypatch.setattr(owner, name, fail)
    proof, secret = tmp_path / "a.proof", tmp_path / "a.proof.secret"
    for path in (proof, secret):
        path.write_bytes(b"older")
    done = model.prove(proof, *OPTIONS["both"], "-q", "--json")
    text = "interrupted" if isinstance(failure, KeyboardInterrupt) else "No space left"
    refused(done, 130 if text == "interrupted" else 2, text)
    assert sorted(os.listdir(tmp_path)) == ["a.proof", "a.proof.secret"]
    assert proof.read_bytes() == secret.read_bytes() == b"older"


@pytest.mark.parametrize(
    ("what", "chosen"),
    [
        ("prompt", ()),
        ("output", ()),
        ("both", ()),
        ("both", ("prompt",)),
        ("both", ("output",)),
        ("both", ("output", "prompt")),
        ("both", ("output", "output")),
    ],
)
def test_what_is_revealed_is_shown(
    run: Run,
    model: Model,
    proved: Callable[[str], Proved],
    tmp_path: Path,
    what: str,
    chosen: tuple[str, ...],
) -> None:
    made, opened = proved(what), tmp_path / "opened"
    asked = [part for name in chosen for part in ("--what", name)]
    done = run("reveal", made.secret, "-o", opened, *asked)
    assert done.returncode == 0 and done.stdout == done.stderr == ""
    found = verified(model, made.proof, "--reveal", opened)
    revealed = [name for name in ("prompt", "output") if name in (chosen or ITEMS[what])]
    assert found["revealed"] == revealed and found["visibility"] == visibility(what)
    known = {*revealed, *(name for name in ("prompt", "output") if name not in ITEMS[what])}
    assert found["prompt"] == (TEXT if "prompt" in known else None)
    output = found["output"].split() if found["output"] is not None else None
    assert output == (made.report["text"].split() if "output" in known else None)
    if known == {"prompt", "output"}:
        assert len(found["token_ids"]) == 9
    said = run("verify", model.key, made.proof, "--reveal", opened)
    assert said.returncode == 0
    assert said.stdout.count("revealed: it opens the proof's digest") == len(revealed)
    assert (f'"{TEXT}"' in said.stdout) == ("prompt" in known)


def test_an_opening_holds_what_was_asked_for_alone(
    run: Run, proved: Callable[[str], Proved], tmp_path: Path
) -> None:
    made = proved("both")
    kept = disclosure.decode(made.secret.read_bytes(), "")
    for what, other in (("prompt", "output"), ("output", "prompt")):
        run("reveal", made.secret, "-o", tmp_path / what, "--what", what)
        data = (tmp_path / what).read_bytes()
        assert list(disclosure.decode(data, "")) == [what]
        for array in (kept[other].rows, kept[other].salts):
            words = array.reshape(-1)
            assert not any(word.tobytes() in data for word in words[words >= 1 << 32][::97])


def test_the_secret_itself_reveals_all(model: Model, proved: Callable[[str], Proved]) -> None:
    made = proved("both")
    found = verified(model, made.proof, "--reveal", made.secret)
    assert found["revealed"] == ["prompt", "output"] and found["prompt"] == TEXT


def test_an_opening_of_another_proof(
    run: Run, model: Model, proved: Callable[[str], Proved], tmp_path: Path
) -> None:
    """Of the same prompt, under the same key: digests have nothing in common."""
    other = proved("prompt")
    done = run("verify", model.key, proved("both").proof, "--reveal", other.secret, "--json")
    invalid(done, "does not open the digest of the proof's prompt")
    opened = tmp_path / "output"
    run("reveal", proved("both").secret, "-o", opened, "--what", "output")
    made = proved("output")
    done = run("verify", model.key, made.proof, "--reveal", opened, "--json")
    invalid(done, "does not open the digest of the proof's output")
    done = run("verify", model.key, made.proof, "--reveal", opened)
    assert done.returncode == 1 and done.stdout.startswith("INVALID: this does not open")
    # Nor does one that was made to fit: other tokens under the same salts.
    kept = disclosure.decode(made.secret.read_bytes(), "")["output"]
    rows = kept.rows.copy()
    rows[0, 0] ^= 1
    forged = disclosure.encode({"output": replace(kept, rows=rows)})
    opened.write_bytes(forged)
    invalid(run("verify", model.key, made.proof, "--reveal", opened, "--json"), "does not open")


def test_an_opening_of_what_is_public(
    run: Run, model: Model, proved: Callable[[str], Proved]
) -> None:
    for what, other in (("prompt", "output"), ("output", "prompt")):
        arguments = (model.key, proved(what).proof, "--reveal", proved(other).secret)
        done = run("verify", *arguments, "--json")
        invalid(done, f"the statement's {other} is public: there is nothing to reveal")


def test_damaged_openings(
    run: Run, model: Model, proved: Callable[[str], Proved], tmp_path: Path
) -> None:
    """As a file they are unusable, whatever the proof says; `reveal` makes nothing of them."""
    made, path, out = proved("both"), tmp_path / "damaged", tmp_path / "out"
    data = made.secret.read_bytes()
    variants = [data[:i] + bytes([data[i] ^ 1]) + data[i + 1 :] for i in range(0, len(data), 9973)]
    for variant in (*variants, b"", data[:-1], data[: len(data) // 2], data + b"\0"):
        path.write_bytes(variant)
        refused(run("verify", model.key, made.proof, "--reveal", path), 2, str(path))
        refused(run("reveal", path, "-o", out), 2, str(path))
    path.unlink()
    refused(run("verify", model.key, made.proof, "--reveal", path), 2, "cannot read")
    refused(run("verify", model.key, made.proof, "--reveal", made.proof), 2, "is a proof, but")
    refused(run("reveal", made.proof, "-o", out), 2, "this is a proof, but an opening")
    assert os.listdir(tmp_path) == []


def test_reveal_refuses(run: Run, proved: Callable[[str], Proved], tmp_path: Path) -> None:
    made = proved("prompt")
    before = made.secret.read_bytes()
    reveal = partial(run, "reveal", made.secret, "-o")
    refused(reveal(tmp_path / "a", "--what", "output"), 2, "it opens no output, only prompt")
    refused(reveal(made.secret), 2, "would take the place of a file that is needed")
    refused(reveal(tmp_path), 2, "cannot write: not a regular file")
    refused(reveal(tmp_path / "no" / "a"), 2, "cannot write")
    assert reveal(tmp_path / "a", "--what", "weights").returncode == 2
    assert os.listdir(tmp_path) == [] and made.secret.read_bytes() == before


@pytest.mark.parametrize("what", OPTIONS)
def test_inspect(run: Run, proved: Callable[[str], Proved], what: str) -> None:
    """It says what is private without showing it; that of a secret is for its owner, and shows no more."""
    made = proved(what)
    found = json.loads(run("inspect", made.proof, "--json").stdout)
    assert list(found["private"]) == ITEMS[what] and found["hiding"] is True
    assert len(found["token_ids"]) == {"prompt": 4, "output": 5, "both": 0}[what]
    found = json.loads(run("inspect", made.secret, "--json").stdout)
    assert [name for name in found if name in ("prompt", "output")] == ITEMS[what]


def test_a_revealed_prompt_must_be_that_of_its_text(model: Model, run: Run, tmp_path: Path) -> None:
    """As a public one must; here it lacks its start."""
    artifact = model.artifact
    executor = Executor(artifact.key.circuit, artifact.program, artifact.params)
    said = executor.generate([3, 4], 1, lambda token: None, frozenset())
    for what in ("public", "private"):
        proof, opened = tmp_path / f"{what}.proof", tmp_path / "opened"
        privacy = Privacy(prompt=what == "private")
        made = answer.prove_tokens(
            artifact, [3, 4], said, False, privacy=privacy, allow_noncanonical_prompt=True
        )
        proof.write_bytes(files.encode_proof(artifact.key.digest, made.proof))
        kept = {w: disclosure.Opened(s.rows, s.salts) for w, s in made.sealed.items()}
        opened.write_bytes(disclosure.encode(kept))
        asked = ("verify", model.key, proof, *(("--reveal", opened) if kept else ()))
        invalid(run(*asked, "--json"), '("once upon"): number 1 is 3, not 2')
        done = run(*asked, "--allow-noncanonical-prompt")
        assert done.returncode == 0 and '    3 "once", 4 "upon"\n' in done.stdout


# Nonces.


def test_a_nonce_is_carried(run: Run, model: Model, tmp_path: Path) -> None:
    proof, nonce = tmp_path / "a.proof", "00ff" * 32
    assert model.prove(proof, *OPTIONS["both"], "--nonce", nonce, "-q").returncode == 0
    assert verified(model, proof, "--nonce", nonce.upper())["nonce"] == nonce
    said = run("verify", model.key, proof, "--nonce", nonce)
    assert said.returncode == 0 and f"Nonce: {nonce}\n" in said.stdout
    for wrong in ("", nonce[2:]):
        done = run("verify", model.key, proof, "--nonce", wrong, "--json")
        invalid(done, f"the proof carries the nonce {nonce}, not {wrong or 'none'}")
    done = run("verify", model.key, proof, "--nonce", "01" + nonce[2:])
    assert done.returncode == 1 and done.stdout.startswith("INVALID: the proof carries")
    for wrong, text in (("xyz", "not hexadecimal"), (nonce + "00", "longer than 64 bytes")):
        refused(run("verify", model.key, proof, "--nonce", wrong), 2, f"--nonce {wrong}: {text}")


def test_a_proof_without_a_nonce(run: Run, model: Model, proved: Callable[[str], Proved]) -> None:
    proof = proved("both").proof
    assert verified(model, proof, "--nonce", "")["nonce"] == ""
    done = run("verify", model.key, proof, "--nonce", "ab", "--json")
    invalid(done, "carries no nonce")


def test_a_nonce_of_a_public_proof(model: Model, tmp_path: Path) -> None:
    assert model.prove(tmp_path / "a.proof", "--nonce", "ab", "-q").returncode == 0
    assert verified(model, tmp_path / "a.proof", "--nonce", "AB")["prompt"] == TEXT
    assert os.listdir(tmp_path) == ["a.proof"]


# The end of a text.


@pytest.mark.parametrize("what", OPTIONS)
def test_where_a_text_ends(model: Model, proved: Callable[[str], Proved], what: str) -> None:
    """A private output goes on to the length that was asked for; a public one ends with its text."""
    privacy = Privacy("prompt" in ITEMS[what], "output" in ITEMS[what])
    tokens, whole = answer.generate(model.artifact, TEXT, 4, privacy=privacy)
    ends = replace(model.artifact, key=replace(model.artifact.key, eos=(whole[0],)))
    shown: list[str] = []
    tokens, generated = answer.generate(ends, TEXT, 4, shown.append, privacy)
    assert generated == (whole if privacy.output else whole[:1])
    assert answer.text(ends, tokens, generated) == "" and "".join(shown) == TEXT
    assert proved(what).report["ended"] is False


def test_an_output_is_shown_whole_without_its_prompt(model: Model) -> None:
    """A start of text too, which is left out of prompts."""
    key = model.artifact.key
    assert key.continuation([], [2, 3, 4]) == "<bos> once upon"
    assert key.continuation([2, 3], [2, 4]).split() == ["<bos>", "upon"]
