"""The commands with a function: what they write, show and refuse."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mlp import LABELS, MOST, NAMES, SIGNATURE, examples, expected, mlp_artifact
from typer.testing import CliRunner
from zklemma.runtime.model.keys import Artifact, load_artifact, load_key, save_artifact, save_key
from zklemma.runtime.protocol.function_statement import FunctionStatement
from zklemma.tools import tensors
from zklemma.tools.cli.app import app

COUNT = 3
SCRIPT = Path(__file__).parents[2] / "benchmarks" / "security_bits.py"


def run(*arguments: object, code: int = 0) -> str:
    """What a command prints, or says where it fails."""
    done = CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == code, (done.stdout, done.stderr)
    return done.stdout if code < 2 else done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An artifact, its key, inputs in files, and a proof with tensors of each visibility."""
    folder = tmp_path_factory.mktemp("function")
    made = mlp_artifact()
    save_artifact(folder / "m.zkl", made)
    save_key(folder / "m.vk", made.key)
    given = examples(COUNT)
    for name, array in given.items():
        np.save(folder / f"{name}.npy", array)
    np.savez(folder / "all.npz", left=given["left"], right=given["right"])
    run(*prove(folder, "p"), "--private", "left", "--digest", "right", "--digest", "hidden", "-q")
    return folder


def prove(folder: Path, name: str) -> list[object]:
    inputs = [part for n in ("left", "right") for part in ("--input", f"{n}={folder / n}.npy")]
    return ["prove", folder / "m.zkl", "-o", folder / f"{name}.proof", *inputs]


@pytest.fixture(scope="module")
def wanted(folder: Path) -> dict[str, np.ndarray]:
    """The real numbers of all tensors."""
    cells = SIGNATURE.quantize(examples(COUNT))
    cells |= expected(dict(load_artifact(folder / "m.zkl").params), cells["left"], cells["right"])
    return {t.name: t.real(cells[t.name]) for t in SIGNATURE.tensors.values()}


def test_prove(folder: Path, wanted: dict[str, np.ndarray]) -> None:
    for inputs in (prove(folder, "q"), [*prove(folder, "q")[:4], "--input", folder / "all.npz"]):
        report = json.loads(run(*inputs, "--json"))
        assert report["examples"] == COUNT and report["secret"] is None and report["hiding"]
        assert report["outputs"]["score"] == wanted["score"].tolist()
        assert report["visibility"] == {"weights": "private", **dict.fromkeys(NAMES, "public")}
        assert report["security_bits"] >= 100
    said = run(*prove(folder, "q"), "--digest", "score", "--secret", folder / "s")
    assert f"examples   {COUNT}" in said and f"secret     {folder / 's'}" in said
    assert (folder / "s").stat().st_mode & 0o77 == 0


def test_verify(folder: Path, wanted: dict[str, np.ndarray]) -> None:
    report = json.loads(run("verify", folder / "m.vk", folder / "p.proof", "--json"))
    assert report["valid"] and report["examples"] == COUNT and "prompt" not in report
    told = {tensor["name"]: tensor for tensor in report["tensors"]}
    seen = {"left": "private", "right": "digest", "hidden": "digest", "score": "public"}
    assert {name: tensor["visibility"] for name, tensor in told.items()} == seen
    assert report["visibility"] == {"weights": "private", **seen}
    assert told["left"]["values"] is told["right"]["values"] is told["left"]["digest"] is None
    assert told["right"]["digest"] == report["digests"]["input right"]
    assert told["score"]["values"] == wanted["score"].tolist()
    assert told["score"]["labels"] == [LABELS[i] for i in wanted["score"].argmax(axis=1)]
    assert told["left"]["shape"] == [COUNT, 3, 2] and told["left"]["role"] == "input"


def test_the_verdict(folder: Path, wanted: dict[str, np.ndarray]) -> None:
    said = run("verify", folder / "m.vk", folder / "p.proof").splitlines()
    assert said[0] == "VALID" and said[1].startswith('The function "mlp", id ')
    assert (
        "given the inputs, of 3 examples," in said and "gives the outputs, of 3 examples," in said
    )
    assert "    left, 3 x 2, private" in said and "    score, 3, public" in said
    assert any(line.startswith("    right, 3 x 2, digest ") for line in said)
    numbers = " ".join(f"{x:g}" for x in wanted["score"][0])
    best = LABELS[wanted["score"][0].argmax()]
    assert f'        example 0: {numbers}, the largest is "{best}"' in said
    secrecy = next(line for line in said if line.startswith("Security: "))
    assert "Private: weights, left, hidden, right." in secrecy.replace(
        "right, hidden", "hidden, right"
    )


def test_a_tensor_that_is_called_weights(folder: Path) -> None:
    """A verdict never says of the model's weights what is so of a tensor of that name."""
    key = load_key(folder / "m.vk")
    left, *others = key.function_signature.inputs
    inputs = (replace(left, name="weights"), *others)
    named = replace(key, signature=replace(key.function_signature, inputs=inputs))
    silent = dict.fromkeys(("input right", "output score", "output hidden"))
    shown = {"input weights": np.zeros(6, np.int64)}
    statement = FunctionStatement(1, silent | shown, True)
    seen = tensors.visibilities(named, statement)
    assert seen["weights"] == "private" and seen["input weights"] == "public"
    told = {each["name"]: each["visibility"] for each in tensors.describe(named, statement, {})}
    assert told["weights"] == "public" and told["right"] == "private"


def test_openings_in_commands(folder: Path, wanted: dict[str, np.ndarray]) -> None:
    secret, opened, outputs = folder / "p.proof.secret", folder / "o", folder / "o.npz"
    check = ["verify", folder / "m.vk", folder / "p.proof", "--reveal"]
    said = run("reveal", secret, "-o", opened, "--what", "hidden", "--key", folder / "m.vk")
    assert said.startswith("Reveals the output hidden, of 3 examples,\n    example 0: ")
    report = json.loads(run(*check, opened, "--json", "--outputs", outputs))
    assert report["revealed"] == ["output hidden"]
    with np.load(outputs) as found:
        assert set(found.files) == {"hidden", "score"}
        assert all((found[name] == wanted[name]).all() for name in found.files)
    run("reveal", secret, "-o", folder / "both")
    told = run(*check, folder / "both")
    assert told.count("(revealed: it opens the proof's digest)") == 2
    with np.load(outputs) as found:
        assert found["score"].dtype == np.float64
    run("verify", folder / "m.vk", folder / "p.proof", "--outputs", outputs)
    with np.load(outputs) as found:
        assert found.files == ["score"]
    run(*prove(folder, "other"), "--digest", "right", "-q")
    wrong = run(*check, folder / "other.proof.secret", code=1)
    assert wrong == "INVALID: this does not open the digest of the proof's input right\n"
    assert "it opens no left" in run("reveal", secret, "-o", opened, "--what", "left", code=2)


def test_a_forged_proof(folder: Path) -> None:
    data = bytearray((folder / "p.proof").read_bytes())
    data[-100] ^= 1
    (folder / "forged").write_bytes(data)
    said = run("verify", folder / "m.vk", folder / "forged", "--outputs", folder / "no", code=1)
    assert said.startswith("INVALID: ") and not (folder / "no").exists()


def test_inspect(folder: Path) -> None:
    key = json.loads(run("inspect", folder / "m.vk", "--json", "--check"))
    assert key["weight_ranges"] == "proved" and key["bounds"] == "none is false"
    assert key["max_examples"] == MOST and "max_tokens" not in key and "eos" not in key
    score = {"shape": [3], "bits": 8, "fraction_bits": 4, "labels": 3}
    assert key["outputs"]["score"] == score and list(key["inputs"]) == ["left", "right"]
    assert "private_circuit_sha256" not in key
    proof = json.loads(run("inspect", folder / "p.proof", "--json"))
    assert proof["examples"] == COUNT and proof["public"] == {"output score": 3 * COUNT}
    assert proof["nothing_said"] == ["input left"] and "input right" in proof["private"]
    opening = json.loads(run("inspect", folder / "p.proof.secret", "--json"))
    assert {"input right", "output hidden"} <= {*opening}
    for name in ("m.zkl", "m.vk", "p.proof", "p.proof.secret"):
        run("inspect", folder / name)


def test_a_solver_shows_one_witness(folder: Path) -> None:
    report = json.loads(run("smt", folder / "m.vk", "--json"))
    assert report["holds"] and report["failed"] == report["not_unique_and_not_read"] == []
    run("smt", folder / "m.vk", "-o", folder / "claims")
    assert {path.name for path in (folder / "claims").iterdir()} == {
        f"function-{kind}.smt2" for kind in ("range", "bound", "unique", "rest", "exists")
    }


@pytest.mark.parametrize("private", [False, True])
def test_security_is_counted_a_second_time(folder: Path, private: bool) -> None:
    options = ["--examples", 5, *(["--private"] if private else [])]
    text = run("security", folder / "m.vk", "--json", *options)
    report = json.loads(text)
    assert report["examples"] == 5 and report["sum_bits"] >= 100
    assert ("input left queries" in report["terms"]) == private
    command = [sys.executable, "-I", "-S", str(SCRIPT)]
    assert subprocess.run(command, input=text, capture_output=True, text=True).returncode == 0
    assert "Altogether" in run("security", folder / "m.vk")


def test_cost(folder: Path) -> None:
    report = json.loads(run("cost", folder / "m.zkl", "--json"))
    assert report["examples"] == MOST and report["seconds"] > 0
    assert {"first", "second", "relu"} <= {*report["modules"]}
    run(*prove(folder, "shown"), "-q")
    made = (folder / "shown.proof").stat().st_size
    few = json.loads(run("cost", folder / "m.zkl", "--json", "--examples", COUNT))
    assert abs(few["proof_bytes"] / made - 1) < 0.05


def test_rotate(folder: Path) -> None:
    run("rotate", folder / "m.zkl", "-o", folder / "r.zkl", "-q")
    inputs = [folder / "r.zkl" if part == folder / "m.zkl" else part for part in prove(folder, "r")]
    run(*inputs, "-q")
    old = json.loads(run("inspect", folder / "m.vk", "--json"))["model_id"]
    said = run("verify", folder / "r.vk", folder / "r.proof", "--model-id", old)
    assert f"rotated from {old}," in said


REFUSED: list[tuple[str, Callable[[Path], list[object]]]] = [
    ("the input right is missing", lambda f: [*prove(f, "x")[:6]]),
    ("no input up", lambda f: [*prove(f, "x"), "--input", f"up={f / 'left.npy'}"]),
    ("left is given twice", lambda f: [*prove(f, "x"), "--input", f / "all.npz"]),
    ("say which input it is", lambda f: [*prove(f, "x")[:4], "--input", f / "left.npy"]),
    ("has names of its own", lambda f: [*prove(f, "x")[:4], "--input", f"left={f / 'all.npz'}"]),
    ("cannot read arrays", lambda f: [*prove(f, "x")[:4], "--input", f / "m.vk"]),
    ("cannot read arrays", lambda f: [*prove(f, "x")[:4], "--input", f / "nowhere.npy"]),
    ("no tensor up", lambda f: [*prove(f, "x"), "--private", "up"]),
    ("add --digest", lambda f: [*prove(f, "x"), "--secret", f / "s2"]),
    ("other options for language", lambda f: [*prove(f, "x"), "--prompt", "once"]),
    ("other options for language", lambda f: [*prove(f, "x"), "--max-new-tokens", 2]),
    (
        "take the place of a file",
        lambda f: [*prove(f, "x")[:3], f / "left.npy", *prove(f, "x")[4:]],
    ),
    (
        "needs that of a language model",
        lambda f: [*prove(f, "x")[:4], "--prompt", "a", "--max-new-tokens", 2],
    ),
    ("a function has no tokens", lambda f: ["security", f / "m.vk", "--new-tokens", 2]),
    ("allows 1 to 6", lambda f: ["security", f / "m.vk", "--examples", 7]),
    ("a function has no tokens", lambda f: ["cost", f / "m.zkl", "--tokens", 2]),
    ("takes 1 to 6", lambda f: ["cost", f / "m.zkl", "--examples", 7]),
    ("the function is malformed", lambda f: ["audit", f / "m.vk"]),
]


@pytest.mark.parametrize(("reason", "command"), REFUSED)
def test_what_is_refused(
    folder: Path, reason: str, command: Callable[[Path], list[object]]
) -> None:
    said = run(*command(folder), code=2)
    assert reason in said and said.startswith("error: ") and said.count("\n") == 1
    assert not (folder / "x.proof").exists()


def test_a_language_model_is_no_function(language: Artifact, folder: Path) -> None:
    save_artifact(folder / "l.zkl", language)
    save_key(folder / "l.vk", language.key)
    inputs = [folder / "l.zkl" if part == folder / "m.zkl" else part for part in prove(folder, "x")]
    assert "key of a language model; what is asked needs that of a function" in run(*inputs, code=2)
    assert "no examples" in run("security", folder / "l.vk", "--examples", 2, code=2)
    assert "no examples" in run("cost", folder / "l.zkl", "--examples", 2, code=2)
    given = ["verify", folder / "l.vk", folder / "p.proof"]
    assert "needs that of a function" in run(*given, "--outputs", folder / "no", code=2)
    assert "INVALID: the proof is one of model" in run(*given, code=1)
    secret = folder / "p.proof.secret"
    said = run("reveal", secret, "-o", folder / "no", "--key", folder / "l.vk", code=2)
    assert "it is not of a proof under" in said


def expanding(path: Path) -> None:
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("left.npy", "w", force_zip64=True) as part,
    ):
        part.write((path.parent / "left.npy").read_bytes()[:128])
        for _ in range(5):
            part.write(bytes(1 << 28))


def damaged(path: Path) -> None:
    np.savez_compressed(path, left=np.random.default_rng(0).random(1000))
    data = bytearray(path.read_bytes())
    data[60:400] = bytes(340)
    path.write_bytes(data)


def encrypted(path: Path) -> None:
    np.savez(path, left=np.zeros(3))
    data = path.read_bytes()
    # Flags of the member, in its own header and in the archive's list.
    data = data[:6] + b"\x01\x00" + data[8:]
    at = data.rindex(b"PK\x01\x02") + 8
    path.write_bytes(data[:at] + b"\x01\x00" + data[at + 2 :])


def nested(path: Path) -> None:
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {'(' * 4000}}}".encode()
    header = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("left.npy", header)


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (expanding, "expands to more than 1024 MiB"),
        (damaged, "cannot read arrays"),
        (encrypted, "cannot read arrays"),
        (nested, "cannot read arrays"),
    ],
)
def test_hostile_arrays_are_refused_in_a_line(
    folder: Path, write: Callable[[Path], None], reason: str
) -> None:
    path = folder / "hostile.npz"
    write(path)
    said = run("prove", folder / "m.zkl", "-o", folder / "none", "--input", path, code=2)
    assert reason in said and len(said) < 400 and said.count("\n") == 1
    assert not (folder / "none").exists()
