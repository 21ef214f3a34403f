"""``zklemma smt``: that inputs have one witness and no relation wraps, decided by a solver."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ...errors import UserError
from .. import console
from .guard import INVALID
from .options import AsJson, Quiet, emit


def smt(
    key: Annotated[Path, typer.Argument(help="The verifying key (.vk) of a model.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A directory to write the claims to, as SMT-LIB."),
    ] = None,
    solve: Annotated[
        bool | None,
        typer.Option("--solve/--no-solve", help="Decide the claims; by default without -o."),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Have a solver show that inputs have one witness and nothing wraps: exit status 0 if so, 1 if not."""
    from ...runtime.model.keys import load_key
    from ..uniqueness.examine import Examination, differing

    loaded = load_key(key)
    if loaded.kind == "function":
        circuits = {"function": loaded.circuit}
    else:
        circuits = {"public tokens": loaded.circuit, "private tokens": loaded.private_circuit}
    if output:
        _write(output, circuits)
    if solve is False or (output and not solve):
        return
    found = Examination()
    with console.Bar([*circuits], not quiet) as bar:
        for name, circuit in circuits.items():
            found.circuit(circuit, lambda done, name=name: bar.stage(name, done))
    failed = [
        {"claim": v.claim.kind, "about": v.claim.subject, "differ": differing(v)}
        for v in found.failures
    ]
    report: dict[str, Any] = {
        "model_id": loaded.model_id,
        "holds": not failed,
        "claims": found.counts,
        "failed": failed,
        "not_unique_and_not_read": found.free,
    }
    if as_json:
        emit(report)
    else:
        report["failed"] = [f"{v['about']} ({v['claim']})" for v in failed]
        console.table("Claims", {what: console.value(value) for what, value in report.items()})
    if failed:
        raise typer.Exit(INVALID)


def _write(folder: Path, circuits: Any) -> None:
    """One file for each circuit and kind of claim."""
    from ...runtime.model import files
    from ..uniqueness.examine import scripts

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot write: {error.strerror}") from None
    for name, circuit in circuits.items():
        for kind, text in scripts(circuit).items():
            with files.atomic_write(folder / f"{name.split()[0]}-{kind}.smt2") as file:
                file.write(text.encode())
