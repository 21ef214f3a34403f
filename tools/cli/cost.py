"""``zklemma cost``: what a proof will take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import console
from .options import AsJson, emit


def cost(
    model: Annotated[Path, typer.Argument(help="The artifact (.zkl).")],
    tokens: Annotated[
        int | None,
        typer.Option(help="Of the proof, prompt and output. [default: all that the model takes]"),
    ] = None,
    generated: Annotated[
        int | None, typer.Option(help="How many of them are generated. [default: 1]")
    ] = None,
    examples: Annotated[
        int | None,
        typer.Option(help="Of a function. [default: all that one proof takes]"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Predict what a proof takes on this machine, and which module takes what of it."""
    from ..cost import cost as predict

    report = predict(model, tokens, generated, examples)
    if as_json:
        return emit(report)
    stages = ", ".join(f"{name} {taken:.1f}" for name, taken in report["stages"].items())
    size = (
        f"{report['examples']} examples"
        if "examples" in report
        else f"{report['tokens']} tokens, {report['generated']} generated"
    )
    console.table(
        f"{console.quote(report['model'])}, {size}",
        {
            "prove": f"{report['seconds']:.1f} s ({stages})",
            "memory": console.size(report["peak_bytes"]),
            "proof": console.size(report["proof_bytes"]),
            "committed": f"{report['committed_cells']:,} cells, {report['lookups']:,} lookups",
        },
    )
    console.grid(
        "By module",
        ("module", "seconds", "share", "cells", "lookups"),
        [
            (
                name.replace("{layer}", "*"),
                f"{row['seconds']:.3f}",
                f"{row['seconds'] / report['seconds']:.1%}",
                f"{row['cells']:,}",
                f"{row['lookups']:,}",
            )
            for name, row in report["modules"].items()
        ],
    )
