"""What is pinned of a compile: digests of each stage, counts of the circuits, and proofs without hiding.

Weights are public, so that they have no masks, and proofs hide nothing, so that no random number enters: the
same checkpoint gives the same bytes at every run. Three checkpoints: the shipped one, and two with random
weights, one of a single layer, one of odd sizes.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from zklemma.compiler.module_text import print_module
from zklemma.compiler.modules import systems
from zklemma.compiler.running import Watch
from zklemma.compiler.transforms.circuit_stats import statistics
from zklemma.compiler.transforms.pack_columns import largest_shape
from zklemma.compiler.transforms.verify_legality import VerifyLegality
from zklemma.dialects import circuit
from zklemma.runtime.model.keys import Artifact
from zklemma.runtime.progress import Clock, Silent
from zklemma.runtime.proving.prover import Prover, Request
from zklemma.tools.compiling import compile
from zklemma.tools.random_checkpoint import random_checkpoint

PINS = Path(__file__).parent / "pins.json"
SHIPPED = Path(__file__).parents[2] / "checkpoints" / "tiny-gemma3"
RANDOM = {
    "one-layer": {"num_hidden_layers": 1},
    "odd": {"num_hidden_layers": 2, "hidden_size": 20, "intermediate_size": 28, "head_dim": 4},
}
TOKENS, PROMPT, GENERATED, BOUND = 16, (2, 5, 9, 11), 4, 6
KINDS = {"public": (), "private": ("prompt", "output")}
"""Of statements: what each keeps private."""

Pins = dict[str, dict[str, Any]]


def measure(folder: Path) -> Pins:
    """The pins of this compiler and prover, by checkpoint; random ones are made in ``folder``."""
    sources = {"shipped": SHIPPED}
    sources |= {name: random_checkpoint("gemma3-mini", folder, s) for name, s in RANDOM.items()}
    return {name: _of(source) for name, source in sources.items()}


def read() -> Pins:
    return json.loads(PINS.read_text())


def write(pins: Pins) -> None:
    PINS.write_text(json.dumps(pins, indent=1) + "\n")


def changes(wanted: Pins, found: Pins) -> list[str]:
    """A line for each pin that is missing, new, or of another value."""
    lines = []
    for checkpoint in (*wanted, *(name for name in found if name not in wanted)):
        before, after = wanted.get(checkpoint, {}), found.get(checkpoint, {})
        for name in (*before, *(name for name in after if name not in before)):
            old, new = before.get(name), after.get(name)
            if old != new:
                lines.append(f"{checkpoint}: {name} is {new}, it was {old}")
    return lines


class Stages(Watch):
    """Digests of the texts of both levels of circuits, and the final circuits' counts."""

    def __init__(self) -> None:
        super().__init__()
        self.pins: dict[str, Any] = {}

    def passed(self, before: ModulePass | None, module: ModuleOp) -> None:
        kind = {"circuit": "public", "private circuit": "private"}.get(self.part)
        stage = before.stage if isinstance(before, VerifyLegality) else ""
        if kind and stage in ("zk", "circuit"):
            self.pins[f"{kind} {stage}"] = _digest(print_module(module).encode())
        if kind and stage == "circuit":
            (system,) = systems(module, circuit.SystemOp)
            counts = statistics(system, largest_shape(system.greatest, None))
            self.pins |= {f"{kind} {name}": count for name, count in counts.items()}
        super().passed(before, module)


def _of(source: Path) -> dict[str, Any]:
    stages = Stages()
    compiled = compile(source, max_tokens=TOKENS, private=False, least_fidelity=None, watch=stages)
    artifact = compiled.artifact
    key = artifact.key
    pins: dict[str, Any] = {"model id": key.model_id, "quant": _digest(key.function_bytes)}
    pins["weights"] = _digest(
        b"".join(np.asarray(a, "<i4").tobytes() for _, a in sorted(artifact.params.items()))
    )
    pins |= stages.pins
    encoded = {
        "public": (key.circuit_bytes, artifact.program_bytes),
        "private": (key.private_circuit_bytes, artifact.private_program_bytes),
    }
    for kind, items in KINDS.items():
        for name, data in zip(("circuit", "program"), encoded[kind], strict=True):
            pins[f"{kind} {name} bytes"] = _digest(data)
        pins[f"{kind} proof"] = _digest(_prove(artifact, items))
    return pins


def _prove(artifact: Artifact, private: tuple[str, ...]) -> bytes:
    program = artifact.private_program if private else artifact.program
    prover = Prover(artifact.key, program, artifact.params, artifact.masks, bool(private))
    tokens = (*PROMPT, *prover.executor.generate(PROMPT, GENERATED))
    bound = BOUND if private else 0
    request = Request(tokens, len(PROMPT), hiding=False, private=private, bound=bound)
    return prover.prove(request, Clock(Silent())).proof


def _digest(data: object) -> str:
    return hashlib.sha256(memoryview(data)).hexdigest()[:16]  # type: ignore[arg-type]
