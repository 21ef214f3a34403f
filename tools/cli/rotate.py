"""``zklemma rotate``: the same model under fresh masks."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from .. import console
from .options import AsJson, Quiet, emit
from .outputs import check_model_outputs
from .warm import ready


def rotate(
    model: Annotated[Path, typer.Argument(help="The artifact (.zkl) whose masks run out.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The artifact to write (.zkl).")],
    vk: Annotated[
        Path | None, typer.Option(help="The verifying key to write. [default: beside the artifact]")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Commit the same weights under fresh masks, with a key that is linked to the old one."""
    from ...runtime.model.budget import files_beside
    from ...runtime.model.keys import load_artifact

    vk = vk or output.with_suffix(".vk")
    # Older proofs still need the older key.
    check_model_outputs(output, vk, [model, model.with_suffix(".vk"), *files_beside(model)])

    from ...runtime.kernels.memory import keep_freed_memory
    from ...runtime.proving import rotation
    from ..compiled import Compiled

    keep_freed_memory()
    ready(quiet)
    start = time.perf_counter()
    old = load_artifact(model)
    with console.Bar(list(rotation.STAGES), not quiet) as bar:
        artifact = rotation.rotate(old, bar)
    sizes = Compiled(artifact).save(output, vk)
    report = {
        "name": artifact.key.name,
        "model_id": artifact.key.model_id,
        "rotated_from": old.key.model_id,
        "ancestors": [ancestor.digest.hex() for ancestor in artifact.key.ancestors],
        **sizes,
        "proofs_left": artifact.budget.proofs_left(),
        "seconds": time.perf_counter() - start,
        "peak_rss_bytes": console.peak_rss_bytes(),
    }
    if as_json:
        return emit(report)
    if quiet:
        return None
    console.table(
        f"Rotated {console.quote(report['name'])}",
        {
            "model id": report["model_id"],
            "rotated from": report["rotated_from"],
            "proofs left": str(report["proofs_left"]),
            "artifact": f"{output} ({console.size(report['artifact_bytes'])})",
            "verifying key": f"{vk} ({console.size(report['vk_bytes'])})",
            "time": f"{report['seconds']:.1f} s",
        },
    )
