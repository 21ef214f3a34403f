"""``zklemma fidelity``: how much a compiled model predicts what PyTorch predicts, and where it departs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import console
from .options import AsJson, Quiet, emit
from .outputs import check_outputs


def fidelity(
    model: Annotated[Path, typer.Argument(help="The artifact (.zkl) that compile wrote.")],
    text: Annotated[
        list[Path] | None,
        typer.Option(help="Text to measure on instead of the shipped held-out texts; repeatable."),
    ] = None,
    checkpoint: Annotated[
        str | None, typer.Option(help="The model in PyTorch. [default: what was compiled]")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="A picture (.png) of the error of each value in each layer.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Compare a compiled model with fp32 PyTorch: predictions, and the error of each value."""
    if plot:
        check_outputs({plot: None}, [model, *(text or ())])

    from ...runtime.model import files
    from ...runtime.model.keys import load_artifact
    from .. import fidelity_report

    artifact = load_artifact(model)
    artifact.key.require("language model")
    with console.Bar(list(fidelity_report.STAGES), not quiet) as bar:
        report = fidelity_report.report(artifact, checkpoint, text or (), bar)
    if plot:
        with files.atomic_write(plot) as file:
            fidelity_report.plot(report["errors"], Path(file.name))
    if as_json:
        return emit(report)
    if quiet:
        return None
    print_report(report)


def print_report(report: dict[str, Any]) -> None:
    from ..fidelity_report import LISTED, worst

    whole = report["fidelity"]
    console.grid(
        f"{console.quote(report['name'])} against fp32 PyTorch",
        [
            "text",
            "same token",
            "of best five",
            "divergence",
            "nats",
            "perplexity",
            "PyTorch's",
            "at",
        ],
        [_row(kind, found) for kind, found in report["kinds"].items()] + [_row("all", whole)],
    )
    differences = report["differences"]
    console.grid(
        f"Where the most likely tokens differ: {len(differences)} positions",
        ["text", "position", "PyTorch", "integers", "margin in PyTorch"],
        [
            [
                d["kind"],
                str(d["position"]),
                str(d["expected"]),
                str(d["actual"]),
                f"{d['nats']:.4f}",
            ]
            for d in differences[:LISTED]
        ],
    )
    console.grid(
        "Values of the largest relative error",
        ["error", "kind", "module"],
        [
            [f"{e['error']:.1e}", e["kind"], e["module"].replace("{layer}", str(e["layer"]))]
            for e in worst(report["errors"])
        ],
    )


def _row(kind: str, found: dict[str, Any]) -> list[str]:
    return [
        kind,
        f"{found['greedy_agreement']:.2%}",
        f"{found['top5_overlap']:.2%}",
        f"{found['kl']:.1e}",
        f"{found['delta_nats']:+.5f}",
        f"{found['perplexity']:.3f}",
        f"{found['pytorch_perplexity']:.3f}",
        str(found["positions"]),
    ]
