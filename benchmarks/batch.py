"""Many tokens in one proof against a proof for each: what batching saves.

One proof that a model generates T tokens after one token of prompt, against T proofs of the smallest statement
that there is: one generated token after one of prompt. (Proofs of a text one token at a time would have
ever longer prompts, and cost more.) All have the same key, made for the largest T, and are made in one
process with warm kernels, in turn; the first round is not counted. T small proofs are not made: they cost T times
the median of a few. The weights are loaded once and kept; the last ratio counts loading them for every proof
instead. Every proof is verified.

    python benchmarks/batch.py [--tokens T ...] [--runs N] [--checkpoint DIR | --model NAME [--cache DIR]]
        [--json] [--quiet]
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from zklemma.errors import UserError
from zklemma.runtime.kernels.memory import keep_freed_memory
from zklemma.runtime.model.keys import Artifact, load_artifact
from zklemma.runtime.progress import Clock, Silent
from zklemma.runtime.proving.answer import Privacy, hides
from zklemma.runtime.proving.prover import ProofResult, Prover, Request
from zklemma.runtime.verifying.verifier import verify
from zklemma.runtime.witness.executor import Executor
from zklemma.tools import bench, console
from zklemma.tools.random_checkpoint import random_checkpoint

SHIPPED = Path(__file__).parents[1] / "checkpoints" / "tiny-gemma3"
TOKENS = [8, 32, 128]
PROMPT = "Once"
# How many times faster one proof of this many tokens is to be.
TARGET = {32: 15}


def rounds(
    artifact: Artifact, sizes: Sequence[int], runs: int, step: Callable[[str], None]
) -> tuple[list[float], dict[int, list[ProofResult]]]:
    """The seconds that loading the weights takes, and the proofs for each size; both ``runs`` times, after
    one that is not counted."""
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
    loads, made, prover = [], {size: [] for size in sizes}, None
    for _ in range(runs + 1):
        step("load")
        prover = None  # Two would take twice the memory.
        start = time.perf_counter()
        prover = Prover(artifact.key, artifact.program, artifact.params, artifact.masks)
        loads.append(time.perf_counter() - start)
        for size in sizes:
            step(f"prove {size}")
            artifact.budget.spend()
            result = prover.prove(Request((*prompt, *text[:size]), 1, hiding), Clock(Silent()))
            verify(artifact.key, result.proof)
            made[size].append(result)
    return loads[1:], {size: results[1:] for size, results in made.items()}


def measure(checkpoint: Path, sizes: Sequence[int], runs: int, quiet: bool) -> dict[str, Any]:
    """The report; a bar on the terminal unless ``quiet``."""
    if runs < 1:
        raise UserError(f"--runs is {runs}: give at least 1")
    sizes = sorted(set(sizes))
    if sizes[0] < 2:
        raise UserError("--tokens: give at least 2; a proof of 1 is what others are compared with")
    with (
        tempfile.TemporaryDirectory(prefix="zklemma.batch.") as folder,
        bench.steps(12, quiet) as bar,
    ):
        task = bar.add_task("compile", total=2 + (runs + 1) * (len(sizes) + 2))

        def step(what: str) -> None:
            bar.update(task, description=what, advance=1)

        model = Path(folder) / "model.zkl"
        length = ("--max-tokens", str(1 + sizes[-1]))
        compiled = bench.run(
            "compile", str(checkpoint), "-o", str(model), *length, *bench.RANDOM, "--quiet"
        )
        keep_freed_memory()
        artifact = load_artifact(model)
        loads, made = rounds(artifact, (1, *sizes), runs, step)
    load = statistics.median(loads)
    proofs = {size: _medians(results) for size, results in made.items()}
    single = proofs.pop(1)
    return {
        "machine": console.machine(),
        "model": compiled["name"],
        "parameters": compiled["parameters"],
        "max_tokens": compiled["max_tokens"],
        "runs": runs,
        "hiding": made[1][0].hiding,
        "load_seconds": load,
        "single": single,
        "batches": [
            {
                "tokens": size,
                **proof,
                "singles_seconds": size * single["seconds"],
                "ratio": size * single["seconds"] / proof["seconds"],
                "ratio_with_load": size * (load + single["seconds"]) / (load + proof["seconds"]),
                "singles_proof_bytes": size * single["proof_bytes"],
            }
            for size, proof in proofs.items()
        ],
    }


def _medians(results: Sequence[ProofResult]) -> dict[str, Any]:
    stages = {s: statistics.median(r.seconds[s] for r in results) for s in results[0].seconds}
    return {
        "seconds": stages.pop("total"),
        "stages": stages,
        "seconds_each": [result.seconds["total"] for result in results],
        "proof_bytes": statistics.median(len(result.proof) for result in results),
    }


def show(report: Mapping[str, Any]) -> None:
    host, single = report["machine"], report["single"]
    table = Table(
        title=f"{report['model']} ({report['parameters']:,} parameters), hiding "
        f"{'on' if report['hiding'] else 'off'}, medians of {report['runs']} runs. {host['cpu']}, "
        f"{host['cores']} cores",
        title_justify="left",
    )
    headings = (
        "tokens\nT",
        "one proof\ns",
        "T proofs\ns",
        "ratio",
        "target",
        "ratio with\nloading",
    )
    for heading in (*headings, "one proof\nKiB", "T proofs\nKiB"):
        table.add_column(heading, justify="right")
    for row in report["batches"]:
        table.add_row(
            str(row["tokens"]),
            f"{row['seconds']:.2f}",
            f"{row['singles_seconds']:.2f}",
            f"{row['ratio']:.1f}",
            str(TARGET.get(row["tokens"], "")),
            f"{row['ratio_with_load']:.1f}",
            f"{row['proof_bytes'] / 2**10:,.0f}",
            f"{row['singles_proof_bytes'] / 2**10:,.0f}",
        )
    printed = Console()
    printed.print(table)
    printed.print(
        f"T proofs: T times {single['seconds']:.2f} s, the median for one token after a prompt of one. "
        f"Loading: {report['load_seconds']:.2f} s more for each proof. The key is for "
        f"{report['max_tokens']} tokens.",
        highlight=False,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare one proof of T tokens with T proofs.")
    parser.add_argument("--tokens", type=int, nargs="+", default=TOKENS)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--checkpoint", type=Path, default=SHIPPED)
    parser.add_argument("--model", help="instead: random weights in this shape, as gemma3-270m")
    parser.add_argument("--cache", type=Path, help="where such checkpoints are kept")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    options = parser.parse_args()
    checkpoint = options.checkpoint
    if options.model:
        checkpoint = random_checkpoint(options.model, options.cache or bench.default_cache())
    report = measure(checkpoint, options.tokens, options.runs, options.quiet)
    if options.json:
        print(json.dumps(report))
    else:
        show(report)


if __name__ == "__main__":
    bench.script(main)
