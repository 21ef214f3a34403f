"""The commands: what they print, how they end, and that bad input leaves nothing behind."""

import json
import os
import signal
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from zklemma.runtime.circuit.encoding import encode_circuit
from zklemma.runtime.model import files
from zklemma.runtime.model.keys import save_key
from zklemma.runtime.protocol.channel import Reader
from zklemma.runtime.protocol.statement import read_statement

CHECKPOINT = Path(__file__).parents[2] / "checkpoints" / "tiny-gemma3"
ONCE = ("--prompt", "once upon a time")
FOUR = ("--max-new-tokens", "4")


def refused(done: subprocess.CompletedProcess, status: int, *texts: str) -> None:
    """One clear line on stderr, nothing on stdout, the right exit status."""
    assert done.returncode == status, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr
    for text in texts:
        assert text in done.stderr


def test_prove_reports(toy):
    made = toy.made
    assert set(made["seconds"]) >= {"execute", "commit", "lookup", "einsum", "open", "total"}
    assert made["proof_bytes"] == toy.proof.stat().st_size
    assert made["tokens"] == 5 + made["generated"] and 1 <= made["generated"] <= 4
    assert made["committed_cells"] > 0 and made["lookups"] > 0 and made["peak_rss_bytes"] > 1 << 20
    assert made["security_bits"] >= 100 and made["hiding"] is True


def test_verify_states_what_was_proved(toy, run):
    done = run("verify", toy.key, toy.proof, "--no-cache", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 0 and done.stdout.count("\n") == 1 and done.stderr == ""
    assert found["valid"] is True and found["reason"] is None
    assert found["prompt"] == "once upon a time"
    assert found["output"].split() == toy.made["text"].split()
    assert found["tokens"] == len(found["token_ids"]) == toy.made["tokens"]
    assert found["visibility"] == {"weights": "private", "prompt": "public", "output": "public"}
    assert found["hiding"] is True and found["security_bits"] >= 100
    assert found["model_id"] == toy.made["model_id"]
    assert found["proof_bytes"] == toy.proof.stat().st_size and found["seconds"] > 0
    assert list(found["stages"]) == ["load", "check", "ranges", "text"]
    assert sum(found["stages"].values()) < found["seconds"]


def test_verify_speaks(toy, run):
    done = run("verify", toy.key, toy.proof)
    assert done.returncode == 0 and done.stdout.startswith("VALID\n")
    for text in ("once upon a time", toy.made["model_id"], "Private: weights", "Security: 1"):
        assert text in done.stdout


def invalid(done: subprocess.CompletedProcess, reason: str = "") -> None:
    found = json.loads(done.stdout)
    assert done.returncode == 1 and found["valid"] is False and done.stderr == ""
    assert found["reason"] and "\n" not in found["reason"] and reason in found["reason"]
    assert found["prompt"] is None and found["output"] is None


def altered(toy, folder, change) -> str:
    """A proof file whose statement was changed."""
    model_id, data = files.decode_proof(toy.proof.read_bytes(), "")
    reader = Reader(data)
    said = change(read_statement(reader)).encode()
    path = folder / "altered.proof"
    content = struct.pack("<I", len(said)) + said + data[reader.position :]
    path.write_bytes(files.encode_proof(model_id, content))
    return str(path)


def with_token(statement, position):
    tokens = list(statement.tokens)
    tokens[position] = (tokens[position] + 1) % 20
    return replace(statement, tokens=tuple(tokens))


@pytest.mark.parametrize(
    "change",
    [
        lambda s: with_token(s, -1),
        lambda s: with_token(s, s.prompt),
        lambda s: with_token(s, 1),
        lambda s: replace(s, prompt=s.prompt - 1, generated=s.generated + 1),
        lambda s: replace(s, generated=s.generated - 1, tokens=s.tokens[:-1]),
        lambda s: replace(s, hiding=False),
        lambda s: replace(s, tokens=(*s.tokens[:-1], 1 << 40)),
    ],
    ids=["last", "first output", "prompt", "split", "shorter", "hiding", "vocabulary"],
)
def test_an_altered_statement_is_invalid(toy, run, tmp_path, change):
    invalid(run("verify", toy.key, altered(toy, tmp_path, change), "--json"))


def test_verify_says_invalid(toy, run, tmp_path):
    path = altered(toy, tmp_path, lambda s: with_token(s, -1))
    done = run("verify", toy.key, path)
    assert done.returncode == 1 and done.stdout.startswith("INVALID: ")
    assert done.stdout.count("\n") == 1 and done.stderr == ""


def test_another_models_proof_is_invalid(toy, other_toy, run, tmp_path):
    done = run("verify", toy.key, other_toy.proof, "--json")
    invalid(done, "one of model " + other_toy.made["model_id"])
    _, data = files.decode_proof(other_toy.proof.read_bytes(), "")
    claimed = tmp_path / "claimed.proof"
    claimed.write_bytes(files.encode_proof(bytes.fromhex(toy.made["model_id"]), data))
    invalid(run("verify", toy.key, claimed, "--json"))


def test_damaged_proofs_are_invalid(toy, run, tmp_path):
    data = toy.proof.read_bytes()
    path = tmp_path / "damaged.proof"
    header = len(data) - len(files.decode_proof(data, "")[1])
    flipped = [header + (len(data) - header) * i // 7 for i in range(7)]
    variants = [data[:-1], data[:100], data + b"\0"]
    variants += [data[:i] + bytes([data[i] ^ 16]) + data[i + 1 :] for i in flipped]
    for variant in variants:
        path.write_bytes(variant)
        invalid(run("verify", toy.key, path, "--json"))


def test_verify_refuses_unusable_files(toy, run, tmp_path):
    refused(run("verify", tmp_path / "no.vk", toy.proof), 2, "no.vk: cannot read: No such file")
    refused(run("verify", toy.proof, toy.proof), 2, "this is a proof, but a verifying key")
    refused(run("verify", toy.key, toy.key), 2, "this is a verifying key, but a proof")
    data = toy.key.read_bytes()
    path = tmp_path / "bad.vk"
    for damaged, text in [
        (data[: len(data) // 2], "truncated"),
        (data + b"\0", "extra bytes"),
        (data[:-100] + b"\0" + data[-99:], "damaged"),
        (data[:4] + b"\4\0" + data[6:], "format version 4"),
        (b"", "empty file"),
    ]:
        path.write_bytes(damaged)
        refused(run("verify", path, toy.proof), 2, str(path), text)


@pytest.mark.parametrize("part", ["model", "key", "proof"])
def test_inspect(toy, run, part):
    path = getattr(toy, part)
    found = json.loads(run("inspect", path, "--json").stdout)
    assert found["bytes"] == path.stat().st_size and found["model_id"] == toy.made["model_id"]
    shown = run("inspect", path)
    assert shown.returncode == 0 and found["kind"] in shown.stdout
    assert found["model_id"] in shown.stdout
    lines = dict(line.split(maxsplit=1) for line in shown.stdout.splitlines()[1:] if line.strip())
    marked = [name for name, text in lines.items() if text.endswith("(unchecked)")]
    assert sorted(marked) == sorted(found["unchecked"])
    claims = {"proof": {"token_ids", "prompt_tokens"}, "key": {"name", "parameters", "circuits"}}
    assert set(marked) >= claims.get(part, {"circuits"})
    if part != "proof":
        assert found["circuit_sha256"] != found["private_circuit_sha256"]
        checked = json.loads(run("inspect", path, "--check", "--json").stdout)
        assert set(found["unchecked"]) - set(checked["unchecked"]) == {
            "weight_ranges",
            "bounds",
            "links",
            "ancestors",
        }
        assert found["eos"] == [1]
        assert found["max_tokens"] == 16 and found["tables"]["rsqrt"] == 3 << 14


def test_inspect_refuses_a_key_with_a_false_bound(make, run, tmp_path):
    """Its proof of ranges holds all the same: only computing bounds again tells."""
    key = make().key
    circuit = key.circuit
    (first, *others) = circuit.einsums
    false = replace(circuit, einsums=(replace(first, bound=1), *others))
    path = tmp_path / "model.vk"
    save_key(path, replace(key, circuit_bytes=encode_circuit(false)))
    done = run("inspect", path, "--check")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert f"the circuit: relation {first.name} (" in done.stderr
    assert done.stderr.endswith(", more than its bound 1\n")
    assert run("inspect", path).returncode == 0


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--prompt", "", *FOUR), "the prompt is empty"),
        ((*ONCE, "--max-new-tokens", "12"), "16"),
        ((*ONCE, "--max-new-tokens", "0"), "at least one"),
        (("--prompt", "once upon a zebra", *FOUR), "not in the vocabulary"),
        (("--prompt", "\udc80", *FOUR), "Unicode"),
        (("--chat", *ONCE, *FOUR), "no template of conversations"),
    ],
)
def test_prove_refuses_bad_prompts(toy, run, tmp_path, options, text):
    done = run("prove", toy.model, *options, "-o", tmp_path / "a.proof")
    refused(done, 2, text)
    assert os.listdir(tmp_path) == []


def test_prove_refuses_bad_files(toy, run, tmp_path):
    output = tmp_path / "a.proof"
    rest = (*ONCE, *FOUR, "-o")
    refused(run("prove", toy.key, *rest, output), 2, "this is a verifying key, but a model")
    refused(run("prove", tmp_path, *rest, output), 2, "Is a directory")
    refused(run("prove", toy.model, *rest, tmp_path), 2, "cannot write")
    refused(run("prove", toy.model, *rest, tmp_path / "no" / "a"), 2, "cannot write: No such")
    refused(
        run("prove", toy.model, *rest, toy.model),
        2,
        "would take the place of a file that is needed",
    )
    damaged = tmp_path / "damaged.zkl"
    data = toy.model.read_bytes()
    for position in (5000, len(data) - 5000):
        damaged.write_bytes(data[:position] + b"\xa5" + data[position + 1 :])
        refused(run("prove", damaged, *rest, output), 2, "damaged.zkl", "checksum")
    damaged.unlink()
    assert os.listdir(tmp_path) == []


LIMITED = """
import resource, signal, sys
from zklemma.tools.cli import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
main()
"""
KILLED = """
import os, signal, sys
from zklemma.runtime.protocol.lookup import prover
from zklemma.tools.cli import main
prover.prove = lambda *_: os.kill(os.getpid(), signal.{signal})
main()
"""


def prove_in(code: str, toy, folder) -> subprocess.CompletedProcess[str]:
    """Prove in a process of its own, which runs ``code``."""
    arguments = ["prove", toy.model, *ONCE, *FOUR, "-o", folder / "a.proof", "--json", "--quiet"]
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_full_disk_leaves_no_proof(toy, tmp_path):
    """A limit on the size of files fails the write in the middle, as a full disk does."""
    (tmp_path / "a.proof").write_bytes(b"an older proof")
    refused(prove_in(LIMITED, toy, tmp_path), 2, "File too large")
    assert (tmp_path / "a.proof").read_bytes() == b"an older proof"
    assert os.listdir(tmp_path) == ["a.proof"]


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_an_interrupt_leaves_no_proof(toy, tmp_path, name):
    assert signal.Signals[name]
    refused(prove_in(KILLED.format(signal=name), toy, tmp_path), 130, "interrupted")
    assert os.listdir(tmp_path) == []


def test_compile_refuses_bad_input(run, tmp_path):
    rest = ("-o", tmp_path / "model.zkl")
    refused(run("compile", tmp_path / "none", *rest), 2, "none")
    (tmp_path / "foreign").mkdir()
    refused(run("compile", tmp_path / "foreign", *rest), 2, "config.json")
    (tmp_path / "foreign" / "config.json").write_text('{"model_type": "bloom"}')
    refused(run("compile", tmp_path / "foreign", *rest), 2, "bloom")
    refused(run("compile", tmp_path, "-o", tmp_path / "no" / "model.zkl"), 2, "cannot write")
    refused(run("compile", tmp_path, "-o", tmp_path / "model.vk"), 2, "the same file")
    for tokens in ("1", "1000000"):
        done = run("compile", CHECKPOINT, *rest, "--max-tokens", tokens)
        refused(done, 2, "max-tokens")
    assert os.listdir(tmp_path) == ["foreign"]


def test_usage_errors_have_status_two(run):
    for arguments in (["verify"], ["prove", "x"], ["nonsense"], ["compile", "x", "--nonsense"]):
        done = run(*arguments)
        assert done.returncode == 2 and "Traceback" not in done.stderr and "Error" in done.stderr


def test_security_lists_every_term(toy, run):
    done = run("security", toy.key, "--prompt-tokens", "5", "--new-tokens", "4", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 0 and len(found["terms"]) > 10
    assert 100 <= found["sum_bits"] <= found["round_by_round_bits"] == min(found["terms"].values())
    assert toy.made["security_bits"] == int(found["sum_bits"])
    assert "masks" in found["hiding"] and found["mask_columns"] > found["columns_opened_per_proof"]
    assert "column queries" in run("security", toy.key).stdout
    refused(run("security", toy.key, "--new-tokens", "100000"), 2, "at most")


def test_smt_needs_columns_in_order(toy, run, tmp_path):
    """The circuit of this key declares results before what they are made of."""
    refused(run("smt", toy.key, "-o", tmp_path / "claims"), 2, "differ in two axes")
    assert not list((tmp_path / "claims").iterdir())


def test_smt_refuses_what_is_no_key(toy, run, tmp_path):
    refused(run("smt", toy.proof), 2)
    refused(run("smt", toy.key, "-o", toy.proof), 2, "cannot write")
