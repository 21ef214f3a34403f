"""``zklemma security``: what the soundness of a key's proofs consists of."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .. import console
from .options import AsJson, emit


def security(
    key: Annotated[Path, typer.Argument(help="The verifying key (.vk) of a model.")],
    prompt_tokens: Annotated[int | None, typer.Option(help="Tokens of the prompt.")] = None,
    new_tokens: Annotated[int | None, typer.Option(help="Generated tokens.")] = None,
    private: Annotated[
        bool,
        typer.Option(
            "--private",
            help="Of proofs that show neither prompt nor output, or digests of all tensors.",
        ),
    ] = False,
    examples: Annotated[int | None, typer.Option(help="Examples of a function.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print every soundness term of a key's proofs, their sum, and what hiding rests on; with --json also the
    numbers that they are counted from."""
    from ...runtime.model.keys import load_key
    from ..security import security as terms

    report = terms(load_key(key), prompt_tokens, new_tokens, private, examples)
    if as_json:
        return emit(report)
    bits = report.pop("terms")
    del report["numbers"]
    console.table(
        "Soundness terms, in bits", {name: f"{value:.2f}" for name, value in bits.items()}
    )
    console.table("Altogether", {name: console.value(found) for name, found in report.items()})
