"""``zklemma smt``: that inputs have one witness and no relation wraps, decided by a solver."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import console
from .guard import INVALID
from .options import AsJson, Quiet, emit


def smt(
    key: Annotated[Path, typer.Argument(help="The verifying key (.vk) of a model.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A directory for the claims as SMT-LIB files."),
    ] = None,
    solve: Annotated[
        bool | None,
        typer.Option("--solve/--no-solve", help="Decide the claims; so without --output."),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show by a solver that a key's circuits have one witness for each input, and that nothing wraps."""
    from ...runtime.keys import load_key
    from ..bars import bar
    from ..uniqueness.examine import Examination, differing, scripts

    loaded = load_key(key)
    circuits = {"public": loaded.circuit, "private": loaded.private_circuit}
    if output:
        for name, circuit in circuits.items():
            _write(output, name, scripts(circuit))
    if solve is False or (output and not solve):
        return
    found = Examination()
    with bar(quiet) as progress:
        for name, circuit in circuits.items():
            found.circuit(circuit, lambda done, name=name: progress.stage(name, done))
    report: dict[str, Any] = {
        "model_id": loaded.model_id,
        "claims": len(found.verdicts),
        "failed": [
            {"kind": v.claim.kind, "subject": v.claim.subject, "differ": differing(v)}
            for v in found.failures
        ],
        "undetermined": found.free,
    }
    if as_json:
        emit(report)
    else:
        report["failed"] = [f"{f['subject']} ({f['kind']})" for f in report["failed"]]
        console.table("Claims", {what: console.value(value) for what, value in report.items()})
    if found.failures:
        raise typer.Exit(INVALID)
