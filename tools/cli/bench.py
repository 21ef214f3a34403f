"""``zklemma bench``: what a model of a real one's shape costs, or what each optimisation of a model is worth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...errors import UserError
from .. import console
from .options import AsJson, Quiet, emit
from .outputs import check_outputs, checkpoint_files

# Tokens of an ablation's proofs.
TOKENS = 32


def bench(
    model: Annotated[
        str | None,
        typer.Argument(
            help="gemma3-270m or gemma3-1b. With --ablation whatever compile takes. [default: the "
            "shipped checkpoint]",
            show_default=False,
        ),
    ] = None,
    tokens: Annotated[
        int | None,
        typer.Option(help=f"Tokens of one proof, prompt and output. [--ablation: {TOKENS}]"),
    ] = None,
    generated: Annotated[
        int | None, typer.Option(help="How many of them are generated. [default: 1]")
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(help="Where models are kept. [default: ~/.cache/zklemma]"),
    ] = None,
    ablation: Annotated[
        bool,
        typer.Option("--ablation", help="Leave each optimisation out in turn, and compare."),
    ] = False,
    runs: Annotated[
        int, typer.Option(help="With --ablation: proofs of each, of which times are medians.")
    ] = 3,
    fidelity: Annotated[
        bool,
        typer.Option(
            "--fidelity/--no-fidelity", help="With --ablation: whether to compare with PyTorch."
        ),
    ] = True,
    plot: Annotated[
        Path | None, typer.Option(help="With --ablation: a picture (.svg or .png) of its table.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Measure compile, prove and verify on random weights in a real model's shape, or what passes are worth."""
    if ablation:
        if generated is not None or cache is not None:
            raise UserError("--generated and --cache are not for --ablation")
        return _ablation(model, tokens or TOKENS, runs, fidelity, plot, as_json, quiet)
    if plot:
        raise UserError("--plot is for --ablation")
    if model is None or tokens is None:
        raise UserError("give a MODEL and --tokens, or --ablation")

    from ..bench import bench as measure
    from ..bench import print_breakdown, rows
    from ..measuring import default_cache

    generated = 1 if generated is None else generated
    report = measure(model, tokens, generated, cache or default_cache(), quiet)
    if as_json:
        return emit(report)
    if quiet:
        return None
    host = report["machine"]
    title = f"{model}, {tokens} tokens, {generated} generated, {host['cpu']}, {host['cores']} cores"
    console.table(title, rows(report))
    print_breakdown(report)


def _ablation(
    model: str | None,
    tokens: int,
    runs: int,
    fidelity: bool,
    picture: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    from ..ablation import ablation, plot, print_rows, shipped

    source = model or shipped()
    if picture:
        if picture.suffix not in (".svg", ".png"):
            raise UserError(f"{picture}: a plot is an .svg or a .png file")
        check_outputs({picture: None}, checkpoint_files(source))
    report = ablation(source, tokens, runs, fidelity, quiet)
    if picture:
        plot(report, picture)
    if as_json:
        return emit(report)
    return None if quiet else print_rows(report)
