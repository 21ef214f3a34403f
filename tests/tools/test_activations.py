"""A checkpoint whose configuration names another activation: from compile to a verified answer, and an audit."""

from __future__ import annotations

import json
from pathlib import Path

from zklemma.runtime.progress import Clock, Silent
from zklemma.runtime.proving.prover import Prover, Request
from zklemma.runtime.verifying.verifier import verify
from zklemma.tools import compiling
from zklemma.tools.audit import audit
from zklemma.tools.random_checkpoint import random_checkpoint

PROMPT = (2, 5, 9, 11)


def test_a_checkpoint_with_another_activation(tmp_path: Path) -> None:
    name = "relu"
    source = random_checkpoint("gemma3-mini", tmp_path, {"num_hidden_layers": 1})
    path = source / "config.json"
    fields = json.loads(path.read_text()) | {"hidden_activation": name}
    path.write_text(json.dumps(fields))
    compiled = compiling.compile(source, max_tokens=16, private=False)
    artifact, report = compiled.artifact, compiled.report
    assert report["fidelity"]["greedy_agreement"] >= 0.99 and report["fidelity"]["kl"] < 1e-4
    prover = Prover(artifact.key, artifact.program, artifact.params, artifact.masks)
    tokens = (*PROMPT, *prover.executor.generate(PROMPT, 3))
    proof = prover.prove(Request(tokens, len(PROMPT), hiding=False), Clock(Silent())).proof
    assert verify(artifact.key, proof).statement.tokens == tokens
    found = audit(artifact.key, source)
    assert found["valid"], found["problems"]
    assert found["configuration"]["hidden_activation"] == name
