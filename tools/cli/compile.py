"""``zklemma compile``: a checkpoint becomes an artifact for proving and a key for verifying."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from .. import console
from .options import AsJson, Quiet, Visibility, emit
from .outputs import check_model_outputs, checkpoint_files, save_model


def compile(
    checkpoint: Annotated[
        str, typer.Argument(help="A local Gemma-3 checkpoint in Hugging Face format, or a hub id.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The artifact to write (.zkl).")],
    vk: Annotated[
        Path | None, typer.Option(help="The verifying key to write. [default: beside the artifact]")
    ] = None,
    max_tokens: Annotated[
        int, typer.Option(help="The most tokens, prompt and output, of one proof.")
    ] = 256,
    weights: Annotated[
        Visibility, typer.Option(help="Whether proofs may show anything of the weights.")
    ] = Visibility.PRIVATE,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Compile a checkpoint into an artifact for proving and a key for verifying."""
    vk = vk or output.with_suffix(".vk")
    check_model_outputs(output, vk, checkpoint_files(checkpoint))

    from .. import compiling

    start = time.perf_counter()
    with console.Bar(list(compiling.STAGES), not quiet) as bar:
        artifact, report = compiling.compile(
            checkpoint, max_tokens, bar, weights is Visibility.PRIVATE
        )
    report |= save_model(artifact, output, vk)
    report["seconds"] = time.perf_counter() - start
    report["peak_rss_bytes"] = console.peak_rss_bytes()
    if as_json:
        return emit(report)
    if quiet:
        return None
    fidelity = report["fidelity"]
    console.table(
        f"Compiled {report['name']}",
        {
            "model id": report["model_id"],
            "parameters": f"{report['parameters']:,}",
            "tokens": f"at most {report['max_tokens']} in one proof",
            "fidelity": f"{fidelity['greedy_agreement']:.2%} of next tokens as in fp32 PyTorch, "
            f"{fidelity['delta_nats']:+.4f} nats a token ({fidelity['positions']} positions)",
            "artifact": f"{output} ({console.size(report['artifact_bytes'])})",
            "verifying key": f"{vk} ({console.size(report['vk_bytes'])})",
            "time": f"{report['seconds']:.1f} s",
        },
    )
