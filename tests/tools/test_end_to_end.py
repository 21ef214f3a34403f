"""From the shipped checkpoint to a verified answer, with the commands that a user runs."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from zklemma.errors import UserError
from zklemma.runtime.model.keys import load_artifact, save_artifact
from zklemma.tools import demo

ROOT = Path(__file__).parents[2]
CHECKPOINT = ROOT / "checkpoints" / "tiny-gemma3"
SECURITY_BITS = ROOT / "benchmarks" / "security_bits.py"


def test_shipped_checkpoint(shipped, run, tmp_path):
    model, key, compiled, proof = shipped.model, shipped.key, shipped.compiled, tmp_path / "a.proof"
    assert compiled["max_tokens"] == 64 and compiled["parameters"] > 1_000_000
    assert compiled["fidelity"]["greedy_agreement"] >= 0.99
    assert compiled["fidelity"]["positions"] > 1000
    assert compiled["artifact_bytes"] == model.stat().st_size
    assert compiled["vk_bytes"] == key.stat().st_size and compiled["seconds"] > 0

    made = json.loads(
        run(
            *("prove", model, "--prompt", demo.PROMPT, "--max-new-tokens", 32),
            *("-o", proof, "--json", "--quiet"),
        ).stdout
    )
    assert made["model_id"] == compiled["model_id"] and made["generated"] == 32
    assert made["proof_bytes"] < 1 << 20

    command = [sys.executable, "-m", "zklemma.tools.cli", "verify", str(key), str(proof), "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    said = json.loads(done.stdout)
    assert done.returncode == 0 and said["valid"] and said["model_id"] == compiled["model_id"]
    assert said["prompt"] == demo.PROMPT and said["output"] == made["text"]

    audited = run("audit", key, "--config", CHECKPOINT / "config.json", "--json")
    found = json.loads(audited.stdout)
    assert found["valid"] and found["model_id"] == compiled["model_id"], found["problems"]
    written = json.loads((CHECKPOINT / "config.json").read_text())
    same = set(found["configuration"]) & set(written) - {"rope_parameters"}
    assert len(same) >= 10
    assert all(found["configuration"][name] == written[name] for name in same)

    # At the widths that this compilation chose.
    shown = json.loads(run("smt", key, "--json").stdout)
    assert shown["holds"] and shown["failed"] == [] and shown["claims"]["unique"] > 30
    assert shown["not_unique_and_not_read"] == ["self_attn.softmax.select"]
    done = run("smt", key, "-o", tmp_path / "claims")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    kinds = ("bound", "exists", "range", "rest", "unique")
    names = [f"{tokens}-{kind}.smt2" for tokens in ("private", "public") for kind in kinds]
    assert sorted(path.name for path in (tmp_path / "claims").iterdir()) == names

    for private in ([], ["--private"]):
        report = run("security", key, "--json", *private).stdout
        command = [sys.executable, "-I", "-S", str(SECURITY_BITS)]
        counted = subprocess.run(command, input=report, capture_output=True, text=True)
        assert counted.returncode == 0, counted.stdout + counted.stderr

    forged = tmp_path / "forged.proof"
    demo.forge(proof, forged)
    assert run("verify", key, forged).returncode == 1


NOT_LISTED = """
import json, sys
from pathlib import Path
from zklemma.runtime.kernels.warm import listed
from zklemma.tools.record_kernels import called, prove_each_kind
prove_each_kind(Path(sys.argv[1]), 8)
known = {(name, json.dumps(kinds)) for name, own in listed().items() for _, kinds in own}
print(json.dumps([len(called({})), sorted(called({}).keys() - known)]))
"""


def test_proofs_call_no_kernels_that_are_not_listed(shipped):
    """`python -m zklemma.tools.record_kernels` writes the list anew."""
    command = [sys.executable, "-c", NOT_LISTED, str(shipped.model)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    count, others = json.loads(done.stdout)
    assert count > 30 and others == []


def test_artifact_round_trip(toy, tmp_path):
    for path in toy.model.parent.glob("model.zkl*"):
        shutil.copy(path, tmp_path)
    moved = tmp_path / "model.zkl"
    artifact = load_artifact(moved)
    save_artifact(moved, artifact)
    assert moved.read_bytes() == toy.model.read_bytes()
    with pytest.raises(UserError, match="two counts would not know of each other"):
        save_artifact(tmp_path / "again.zkl", artifact)
    assert not (tmp_path / "again.zkl").exists()
    for column in artifact.key.circuit.home("param"):
        array = artifact.params[column.name]
        assert array.dtype == column.storage and array.flags.aligned
        assert np.all((column.low <= array) & (array <= column.high))


def test_exported_model_lowers_to_any_level(run, tmp_path):
    text = tmp_path / "model.mlir"
    assert run("export", CHECKPOINT, "-o", text, "--max-tokens", "8").returncode == 0
    for passes, level in (("raise-to-nn", "nn.rms_norm"), ("compile-to-circuit", "circuit.einsum")):
        done = subprocess.run(
            [Path(sys.executable).with_name("zk-opt"), text, "-p", passes],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0 and level in done.stdout
