"""``zklemma coverage``: the operations of a model, and which of them can be compiled."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from .. import console
from .options import AsJson, emit


def coverage(
    model: Annotated[
        str,
        typer.Argument(
            help="A language model or its config.json, or MODULE:FUNCTION, a function of Python that returns "
            "a network and example inputs."
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Print which operations a model has and which can be compiled, from its graph alone."""
    from ..coverage import coverage as look

    found = look(model)
    if as_json:
        return emit({**asdict(found), "supported": not found.refusal})
    console.grid(
        f"Operations of {console.quote(found.name)}",
        ["operation", "times", "refused", "why", "nearest"],
        [
            [each.name, str(each.count), str(each.refused or ""), "; ".join(each.why), each.nearest]
            for each in found.operations
        ],
    )
    verdict = f"It can not be compiled: {found.refusal}" if found.refusal else "It can be compiled."
    print(console.printable(verdict))
    return None
