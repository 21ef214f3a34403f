"""``zklemma inspect``: what a file is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import console
from .options import AsJson, emit


def inspect(
    path: Annotated[Path, typer.Argument(help="A .zkl, .vk, proof or opening file.")],
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Verify a key's proof that its weights are in range, its links, and its relations' bounds.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what a file is: digests, sizes, statistics."""
    from ..inspection import describe

    report = describe(path, check)
    if as_json:
        return emit(report)
    title = f"{report.pop('file')}: {report.pop('kind')}"
    unchecked = report.pop("unchecked")
    rows = {name: console.value(found) for name, found in report.items()}
    if "name" in rows:
        rows["name"] = console.quote(rows["name"])
    console.table(title, {n: f"{r} (unchecked)" if n in unchecked else r for n, r in rows.items()})
