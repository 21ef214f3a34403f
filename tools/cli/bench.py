"""``zklemma bench``: what a model of a real one's shape costs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import console
from .options import AsJson, Quiet, emit


def bench(
    model: Annotated[str, typer.Argument(help="gemma3-270m or gemma3-1b.")],
    tokens: Annotated[int, typer.Option(help="Tokens of one proof, prompt and output.")],
    generated: Annotated[int, typer.Option(help="How many of them are generated.")] = 1,
    cache: Annotated[
        Path | None,
        typer.Option(help="Where models are kept. [default: ~/.cache/zklemma]"),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Measure compile, prove and verify on random weights in a real model's shape."""
    from ..bench import bench as measure
    from ..bench import default_cache, print_breakdown, rows

    report = measure(model, tokens, generated, cache or default_cache(), quiet)
    if as_json:
        return emit(report)
    if quiet:
        return None
    host = report["machine"]
    title = f"{model}, {tokens} tokens, {generated} generated, {host['cpu']}, {host['cores']} cores"
    console.table(title, rows(report))
    print_breakdown(report)
