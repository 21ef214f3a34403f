"""A checkpoint without any optimisation is proved, verified and audited, and a false witness is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from zklemma.compiler.levels import Level
from zklemma.compiler.pipelines import PIPELINE
from zklemma.compiler.published import read_function, write_function
from zklemma.errors import InvalidProof, UserError
from zklemma.runtime.model.keys import Artifact
from zklemma.runtime.progress import Clock, Silent
from zklemma.runtime.protocol.statement import Statement
from zklemma.runtime.proving.prover import Prover, Request
from zklemma.runtime.verifying.verifier import verify
from zklemma.tools import compiling
from zklemma.tools.audit import audit
from zklemma.tools.random_checkpoint import random_checkpoint

CHECKPOINT = Path(__file__).parents[2] / "checkpoints" / "tiny-gemma3"
PROMPT = (2, 5, 9, 11)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """A model of one layer at -O0."""
    folder = tmp_path_factory.mktemp("checkpoints")
    source = random_checkpoint("gemma3-mini", folder, {"num_hidden_layers": 1})
    compiled = compiling.compile(source, max_tokens=8, level=Level(0), least_fidelity=None)
    artifact = compiled.artifact
    return artifact


@pytest.fixture(scope="module")
def prover(plain: Artifact) -> Prover:
    return Prover(plain.key, plain.program, plain.params, plain.masks)


def test_it_is_what_the_level_says(plain: Artifact) -> None:
    circuit = plain.key.circuit
    assert len(circuit.tables) == len(circuit.lookups) and circuit.axis["layer"].size == 1
    assert "layers.0.self_attn.q_proj" in circuit.column
    assert {f"layers.0.{name}.define" for name in ("self_attn.scores", "add", "add2")} <= {
        linear.name for linear in circuit.linears
    }


def test_an_honest_proof_verifies(plain: Artifact, prover: Prover) -> None:
    tokens = (*PROMPT, *prover.executor.generate(PROMPT, 2))
    proof = prover.prove(Request(tokens, len(PROMPT), hiding=True), Clock(Silent())).proof
    assert verify(plain.key, proof).statement.tokens == tokens


@pytest.mark.parametrize("name", ["layers.0.add2", "layers.0.self_attn.scores.limb0"])
def test_a_false_witness_does_not(plain: Artifact, prover: Prover, name: str) -> None:
    tokens = (*PROMPT, *prover.executor.generate(PROMPT, 2))
    witness = prover.executor.witness(tokens, len(PROMPT), 2)
    array = witness[name].astype(np.int64)
    array[(0,) * array.ndim] ^= 1
    statement = Statement(len(PROMPT), 2, tokens, True)
    columns = {**witness, name: array}
    proof = prover.prove_witness(statement, columns, Clock(Silent()), strict=False).proof
    with pytest.raises(InvalidProof):
        verify(plain.key, proof)


def test_an_audit_runs_the_pipeline_of_the_key(plain: Artifact) -> None:
    report = audit(plain.key)
    assert report["problems"] == [] and report["valid"]
    assert report["pipeline"].startswith("verify-legality{stage=quant},convert-quant-to-zk,")
    function = read_function(bytes(plain.key.function_bytes))
    function.attributes.pop(PIPELINE)
    other = audit(replace(plain.key, function_bytes=write_function(function)))
    assert not other["valid"]
    assert all(" is not the function's: " in problem for problem in other["problems"])


def test_an_audit_refuses_a_pipeline_that_is_none(plain: Artifact) -> None:
    data = bytes(plain.key.function_bytes).replace(b"bound-relations,", b"")
    with pytest.raises(UserError, match="none of this compiler's pipelines"):
        audit(replace(plain.key, function_bytes=data))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["-O", "3"], "-O3: the levels are -O0 to -O2"),
        (
            ["--disable-pass", "convert-quant-to-zk"],
            "convert-quant-to-zk can not be left out: it is needed by",
        ),
        (
            ["--disable-pass", "verify-legality"],
            "verify-legality can not be left out: it is a check",
        ),
        (["--disable-pass", "virtualise"], "no pass virtualise; did you mean virtualize?"),
        (["--print-ir-after", "cse", "--disable-pass", "cse"], "no pass cse runs"),
        (["-O", "1", "--set", "choose-bits.nats=1e-6"], "choose-bits.nats: no option of a pass"),
    ],
)
def test_wrong_levels_are_refused(run, tmp_path: Path, options: list[str], text: str) -> None:
    done = run("compile", CHECKPOINT, "-o", tmp_path / "model.zkl", *options)
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1
    assert text in done.stderr and list(tmp_path.iterdir()) == []


def test_a_failing_compile_leaves_a_reproducer(
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that has no formats can not be converted."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    bad = tmp_path / "bad.mlir"
    bad.write_text(
        "// configuration: -p 'convert-nn-to-quant,batch-decode'\n"
        "func.func @main() -> tensor<8x4xf32> {\n"
        '  %0 = nn.tokens {module = "model"} : tensor<8xi64>\n'
        f'  %1 = nn.param @table {{sha256 = "{"0" * 64}"}} : tensor<8x4xf32>\n'
        "  func.return %1 : tensor<8x4xf32>\n"
        "}\n"
    )
    output = tmp_path / "model.zkl"
    done = run("compile", CHECKPOINT, "--from-ir", bad, "-o", output, "--quiet")
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1
    (made,) = tmp_path.glob("before-*.mlir")
    assert (
        "convert-nn-to-quant: table: nn.param has no quant.format; run plan-scales" in done.stderr
    )
    assert f"(to reproduce: zk-opt {made} --run-reproducer)" in done.stderr
    assert "convert-nn-to-quant,batch-decode" in made.read_text().partition("\n")[0]
    assert not output.exists()
