"""Proofs of generated texts of several lengths, made in turn with warm kernels, and timed.

Each text is one token of prompt and what the model generates after it. A model's weights are loaded anew in each
round; the first round, which also warms up, is not counted. Every proof is verified.

    python -m zklemma.tools.timed_proofs MODEL.zkl --generated N [N ..] --runs K

prints one JSON object, with the most memory that the process held; for whoever measures models each in a
process of its own.

Errors: `UserError` where the masks of the weights do not serve as many proofs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..runtime.kernels.memory import keep_freed_memory
from ..runtime.model.keys import Artifact, load_artifact
from ..runtime.progress import Clock, Silent
from ..runtime.proving.answer import Privacy, hides
from ..runtime.proving.prover import ProofResult, Prover, Request
from ..runtime.verifying.verifier import verify
from ..runtime.witness.executor import Executor
from . import console, measuring

PROMPT = "Once"


@dataclass
class Proofs:
    """Of one length: the proofs, and the seconds that verifying each takes inside the process."""

    made: list[ProofResult] = field(default_factory=list)
    verify_seconds: list[float] = field(default_factory=list)

    @property
    def report(self) -> dict[str, Any]:
        """Medians, and the seconds of each proof."""
        results = self.made
        stages = {s: statistics.median(r.seconds[s] for r in results) for s in results[0].seconds}
        return {
            "seconds": stages.pop("total"),
            "stages": stages,
            "seconds_each": [result.seconds["total"] for result in results],
            "proof_bytes": statistics.median(len(result.proof) for result in results),
            "verify_seconds": statistics.median(self.verify_seconds),
            "committed_cells": results[0].committed_cells,
            "lookups": results[0].lookups,
        }


def timed_proofs(
    artifact: Artifact,
    sizes: Sequence[int],
    runs: int,
    step: Callable[[str], None] = lambda what: None,
) -> tuple[list[float], dict[int, Proofs], list[int]]:
    """The seconds that loading the weights takes, ``runs`` of them; as many proofs for each of the ``sizes``, which
    are tokens generated; and the generated text. ``step`` hears of each of (runs + 1)(len(sizes) + 1) + 1 steps."""
    needed, left = (runs + 1) * len(sizes), artifact.budget.proofs_left()
    if left is not None and needed > left:
        raise UserError(
            f"{runs} runs make {needed} proofs, but the masks of the weights serve {left}: lower --runs"
        )
    hiding = hides(artifact, Privacy())
    prompt = artifact.key.tokenize(PROMPT)[:1]
    step("generate")
    executor = Executor(artifact.key.circuit, artifact.program, artifact.params)
    text = executor.generate(prompt, max(sizes))
    loads: list[float] = []
    found = {size: Proofs() for size in sizes}
    prover = None
    for turn in range(runs + 1):
        step("load")
        prover = None  # Two would take twice the memory.
        start = time.perf_counter()
        prover = Prover(artifact.key, artifact.program, artifact.params, artifact.masks)
        loads.append(time.perf_counter() - start)
        for size in sizes:
            step(f"prove {size}")
            artifact.budget.spend()
            result = prover.prove(Request((*prompt, *text[:size]), 1, hiding), Clock(Silent()))
            start = time.perf_counter()
            verify(artifact.key, result.proof)
            if turn:
                found[size].made.append(result)
                found[size].verify_seconds.append(time.perf_counter() - start)
    return loads[1:], found, [int(token) for token in text]


def main() -> None:
    parser = argparse.ArgumentParser(description="Time proofs of one model.")
    parser.add_argument("model", type=Path)
    parser.add_argument("--generated", type=int, nargs="+", required=True)
    parser.add_argument("--runs", type=int, required=True)
    options = parser.parse_args()
    keep_freed_memory()
    artifact = load_artifact(options.model)
    loads, proofs, text = timed_proofs(artifact, options.generated, options.runs)
    circuit = artifact.key.circuit
    relations = (circuit.einsums, circuit.lookups, circuit.linears, circuit.gathers)
    report = {
        "load_seconds": statistics.median(loads),
        "proofs": {str(size): found.report for size, found in proofs.items()},
        "text": text,
        "relations": sum(map(len, relations)),
        "peak_rss_bytes": console.peak_rss_bytes(),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    measuring.script(main)
