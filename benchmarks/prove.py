"""How long a proof takes: 64 tokens of the shipped checkpoint, prompt and output together.

Prints the medians of several runs with warm kernels, each proof made with and without hiding in turn,
the verifier as a whole process, the size of the proof, and the first run of all, which compiles the
kernels. ``--json`` prints one object.

    python benchmarks/prove.py [--runs N] [--tokens N] [--checkpoint DIR] [--cold] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from zklemma.runtime.kernels.memory import keep_freed_memory
from zklemma.runtime.model import files
from zklemma.runtime.model.keys import Artifact, load_artifact
from zklemma.runtime.proving import answer
from zklemma.tools import console

ROOT = Path(__file__).parents[1]
PROMPT = "Once upon a time, there was a little fox who lived near the river."
COMMAND = [sys.executable, "-m", "zklemma.tools.cli"]


def timed(arguments: list[str], **environment: str) -> float:
    """Seconds that a whole process takes."""
    start = time.perf_counter()
    subprocess.run(
        [*COMMAND, *arguments],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | environment,
    )
    return time.perf_counter() - start


def compiled(checkpoint: Path, folder: Path) -> Path:
    """The checkpoint's artifact."""
    folder.mkdir(parents=True, exist_ok=True)
    model = folder / "model.zkl"
    timed(["compile", str(checkpoint), "-o", str(model)])
    return model


def prove_times(artifact: Artifact, total: int, runs: int) -> dict[bool, tuple[dict, Any]]:
    """The median seconds of each stage over ``runs`` proofs after one to warm up, and the last proof,
    with hiding and without."""
    size = total - len(artifact.key.tokenize(PROMPT))
    prompt, generated = answer.generate(artifact, PROMPT, size)
    if len(prompt) + len(generated) != total:
        raise SystemExit("the model ended its text early: choose another prompt")
    found: dict[bool, list[Any]] = {True: [], False: []}
    for _ in range(runs + 1):
        for hiding, made in found.items():
            made.append(answer.prove_tokens(artifact, prompt, generated, hiding))
    return {
        hiding: (
            {s: statistics.median(x.seconds[s] for x in made[1:]) for s in made[0].seconds},
            made[-1],
        )
        for hiding, made in found.items()
    }


def measure(checkpoint: Path, tokens: int, runs: int, cold: bool) -> dict[str, Any]:
    model = compiled(checkpoint, ROOT / "build" / "bench")
    key, proof = model.with_suffix(".vk"), model.with_suffix(".proof")
    artifact = load_artifact(model)
    keep_freed_memory()
    found = prove_times(artifact, tokens, runs)
    seconds, result = found[True]
    clear_seconds, clear = found[False]
    data = files.encode_proof(artifact.key.digest, result.proof)
    with files.atomic_write(proof) as file:
        file.write(data)
    report = {
        "machine": console.machine(),
        "tokens": tokens,
        "runs": runs,
        "prove_seconds": seconds,
        "verify_process_seconds": statistics.median(
            timed(["verify", str(key), str(proof)]) for _ in range(runs)
        ),
        "proof_bytes": len(data),
        "price_of_hiding": {
            "time_ratio": seconds["total"] / clear_seconds["total"],
            "extra_proof_bytes": len(result.proof) - len(clear.proof),
        },
        "committed_cells": result.committed_cells,
        "lookups": result.lookups,
        "peak_rss_bytes": console.peak_rss_bytes(),
    }
    if cold:
        size = str(tokens - len(artifact.key.tokenize(PROMPT)))
        prove = ["prove", str(model), "--prompt", PROMPT, "--max-new-tokens", size]
        with tempfile.TemporaryDirectory() as cache:
            report["first_run_process_seconds"] = timed(
                [*prove, "-o", f"{cache}/first.proof"],
                NUMBA_CACHE_DIR=cache,
            )
    return report


def show(report: dict[str, Any]) -> None:
    host = report["machine"]
    table = Table(
        title=f"{report['tokens']} tokens, median of {report['runs']} runs, {host['cpu']}, "
        f"{host['cores']} cores",
        title_justify="left",
    )
    table.add_column("figure")
    table.add_column("value", justify="right")
    for stage, seconds in report["prove_seconds"].items():
        table.add_row(f"prove: {stage}", f"{seconds:.3f} s")
    price = report["price_of_hiding"]
    table.add_row("price of hiding: time", f"{price['time_ratio']:.2f} times")
    table.add_row("price of hiding: proof", f"{price['extra_proof_bytes']:+,} bytes")
    table.add_row("verify, whole process", f"{report['verify_process_seconds']:.3f} s")
    if "first_run_process_seconds" in report:
        first = report["first_run_process_seconds"]
        table.add_row("first run, kernels compiled", f"{first:.1f} s")
    table.add_row("proof", console.size(report["proof_bytes"]))
    table.add_row("committed cells", f"{report['committed_cells']:,}")
    table.add_row("lookups", f"{report['lookups']:,}")
    table.add_row("peak memory", console.size(report["peak_rss_bytes"]))
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time proofs of a checkpoint.")
    parser.add_argument("--checkpoint", type=Path, default=ROOT / "checkpoints" / "tiny-gemma3")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--cold", action="store_true", help="also time the first run of all")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    report = measure(options.checkpoint, options.tokens, options.runs, options.cold)
    if options.json:
        print(json.dumps(report))
    else:
        show(report)


if __name__ == "__main__":
    main()
