"""The whole path at a real model's size, measured: compile, prove, verify, each in its own process.

The checkpoint is a random one in the model's shape (`random_checkpoint`), kept in a cache folder; from
there on everything is what happens to a downloaded one. Times are seconds of the whole process on the
wall and on the processors; a stage's own report has its parts. PyTorch does the same in fp32: one forward
pass over all tokens, and generating, which the integers are timed at beside it.

Last, with nothing else running, the ceilings of this machine are measured, and the proof's operations are
set against them and the prover's seconds (`breakdown`).
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from tokenizers import Tokenizer

from ..compiler.analysis.fidelity import pytorch_model
from ..compiler.frontend.checkpoint import load_checkpoint
from ..compiler.texts import HELD_OUT, kinds
from ..errors import UserError, ZklemmaError
from ..runtime.model.keys import load_artifact
from ..runtime.witness.executor import Executor
from . import console
from .breakdown import KINDS, STAGES, breakdown, kind_rows, stage_rows, works_of
from .ceilings import ceilings
from .random_checkpoint import random_checkpoint

# One token each: no text of the tokenizer's has two of them in a row.
FILLER = "~"
# Random weights predict near-ties, which rounding decides.
RANDOM = ("--least-fidelity", "0")


def default_cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "zklemma"


def bench(shape: str, tokens: int, generated: int, cache: Path, quiet: bool) -> dict[str, Any]:
    """Measure ``tokens`` tokens in one proof, of which ``generated`` are the model's."""
    if generated < 1 or tokens < generated + 2:
        raise UserError(f"{tokens} tokens with {generated} generated: give at least 2 as prompt")
    checkpoint = random_checkpoint(shape, cache)
    prompt = prompt_of(checkpoint, tokens - generated)
    model, proof = cache / f"{shape}.zkl", cache / f"{shape}.proof"
    more = ["--quiet"] if quiet else []
    files = ["-o", str(model), "--max-tokens", str(tokens)]
    compiled = run("compile", str(checkpoint), *files, *RANDOM, *more)
    files = ["-o", str(proof), "--max-new-tokens", str(generated)]
    proved = run("prove", str(model), "--prompt", prompt, *files, *more)
    if proved["tokens"] != tokens:
        raise UserError(f"{shape}: the text ended after {proved['tokens']} of {tokens} tokens")
    verified = run("verify", str(model.with_suffix(".vk")), str(proof))
    pytorch = pytorch_seconds(checkpoint, verified["token_ids"], generated)
    generating = integer_seconds(model, verified["token_ids"], generated)
    rates = ceilings()
    return {
        "model": shape,
        "tokens": tokens,
        "generated": generated,
        "machine": console.machine(),
        "compile": compiled,
        "prove": proved,
        "verify": verified,
        "pytorch_forward_seconds": pytorch["forward"],
        "pytorch_generate_seconds": pytorch["generate"],
        "generate_seconds": generating,
        "prove_seconds_per_token": proved["seconds"]["total"] / tokens,
        "prove_per_forward": proved["seconds"]["total"] / pytorch["forward"],
        "generate_per_pytorch": generating / pytorch["generate"],
        "ceilings": rates,
        "breakdown": breakdown(works_of(model, proof), proved["seconds"], rates),
    }


def prompt_of(checkpoint: Path, tokens: int) -> str:
    """A text of exactly that many tokens: words of held-out stories, filled up."""
    tokenizer = Tokenizer.from_file(str(checkpoint / "tokenizer.json"))
    words = kinds(HELD_OUT)["stories"].split()
    text, missing = "", tokens - len(tokenizer.encode("").ids)
    for end in range(1, len(words) + 1):
        longer = " ".join(words[:end])
        left = tokens - len(tokenizer.encode(longer).ids)
        if left < 0:
            break
        text, missing = longer, left
    text += FILLER * missing
    if (made := len(tokenizer.encode(text).ids)) != tokens:
        raise ZklemmaError(f"the text for measuring has {made} tokens, not {tokens}")
    return text


def run(*arguments: str) -> dict[str, Any]:
    """A command's report, with ``process``: what the whole process took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", f"{__package__}.cli", *arguments, "--json"], stdout=subprocess.PIPE
    )
    wall = time.perf_counter() - start
    if done.returncode:
        raise UserError(f"zklemma {arguments[0]} ended with status {done.returncode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = {
        "seconds": wall,
        "user_seconds": after.ru_utime - before.ru_utime,
        "system_seconds": after.ru_stime - before.ru_stime,
    }
    return json.loads(done.stdout) | {"process": process}


def steps(width: int, quiet: bool) -> Progress:
    """A benchmark's bar: what it is doing, in ``width`` characters, and how many steps are done."""
    columns = (
        TextColumn(f"{{task.description:<{width}}}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    hidden = quiet or not sys.stderr.isatty()
    return Progress(*columns, console=Console(stderr=True), transient=True, disable=hidden)


def script(main: Callable[[], None]) -> None:
    """Run a benchmark's program: expected errors and an interrupt end it as they end a command."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)  # So that temporary files go.
    try:
        main()
    except (ZklemmaError, OSError) as error:
        console.fail(error)
        sys.exit(2)
    except KeyboardInterrupt:
        console.fail("interrupted")
        sys.exit(130)


def integer_seconds(model: Path, tokens: list[int], generated: int) -> float:
    """Generating the last tokens greedily in exact integers, the second time of two."""
    artifact = load_artifact(model)
    executor = Executor(artifact.key.circuit, artifact.program, artifact.params)
    return _second(lambda: executor.generate(tokens[:-generated], generated))


@torch.no_grad()
def pytorch_seconds(checkpoint: Path, tokens: list[int], generated: int) -> dict[str, float]:
    """fp32 PyTorch, each time the second of two: one forward pass over all tokens, and generating the last
    ones greedily with cached keys and values."""
    model: Any = pytorch_model(load_checkpoint(checkpoint))  # By its types it can not generate.
    ids = torch.tensor([tokens])
    prompt = ids[:, :-generated]
    options: dict[str, Any] = {"max_new_tokens": generated, "min_new_tokens": generated}
    options |= {"do_sample": False, "attention_mask": torch.ones_like(prompt)}
    work = {
        "forward": lambda: model(ids, use_cache=False),
        "generate": lambda: model.generate(prompt, **options),
    }
    return {name: _second(call) for name, call in work.items()}


def _second(call: Callable[[], object]) -> float:
    """Seconds of the second call of two."""
    call()
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def rows(report: Mapping[str, Any]) -> dict[str, str]:
    """The report for people."""
    compiled, proved, verified = (report[name] for name in ("compile", "prove", "verify"))
    return {
        "compile": _seconds(compiled["process"], compiled["stages"]),
        "compile memory": console.size(compiled["peak_rss_bytes"]),
        "artifact": console.size(compiled["artifact_bytes"]),
        "verifying key": console.size(compiled["vk_bytes"]),
        "prove": _seconds(proved["process"], proved["seconds"]),
        "prove, a token": f"{report['prove_seconds_per_token']:.3f} s",
        "prove memory": f"{console.size(proved['peak_rss_bytes'])} "
        f"(predicted {console.size(proved['predicted_bytes'])})",
        "proof": console.size(proved["proof_bytes"]),
        "committed": f"{proved['committed_cells']:,} cells, {proved['lookups']:,} lookups",
        "verify": f"{verified['process']['seconds']:.2f} s ({verified['stages']['check']:.2f} s inside)",
        "security": f"{verified['security_bits']} bits, hiding {verified['hiding']}",
        "prove / PyTorch": f"{report['prove_per_forward']:.0f} "
        f"(one fp32 forward pass {report['pytorch_forward_seconds']:.2f} s)",
        "generate / PyTorch": f"{report['generate_per_pytorch']:.1f} "
        f"({report['generate_seconds']:.2f} s and {report['pytorch_generate_seconds']:.2f} s in fp32, "
        "cached keys and values)",
    }


def print_breakdown(report: Mapping[str, Any]) -> None:
    """The tables that say where the prover's time goes."""
    found = report["breakdown"]
    console.grid("Stages of the prover", STAGES, stage_rows(found))
    console.grid("Kinds of relation, by what they take at least", KINDS, kind_rows(found))


def _seconds(process: Mapping[str, float], parts: Mapping[str, float]) -> str:
    named = ", ".join(f"{name} {taken:.1f}" for name, taken in parts.items())
    return f"{process['seconds']:.1f} s, {process['user_seconds']:.1f} s of processors ({named})"
