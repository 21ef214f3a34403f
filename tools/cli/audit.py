"""``zklemma audit``: whether a key's circuits are those of a model, and of which."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from .. import console
from .guard import INVALID
from .options import AsJson, Quiet, emit

# Problems that are printed; --json has them all.
LISTED = 20


def audit(
    key: Annotated[Path, typer.Argument(help="The verifying key (.vk) of the model.")],
    config: Annotated[
        str | None,
        typer.Option(
            help="The config.json (or a GGUF file) of the model that it must be; needs PyTorch."
        ),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Check that a key's circuits are a model's, and say which: exit status 0 if they are, 1 if not."""
    from ...runtime.keys import load_key

    found = load_key(key)

    from .. import audit as auditing

    stages = [*auditing.STAGES, *([auditing.CONFIG_STAGE] if config else [])]
    with console.Bar(stages, not quiet) as bar:
        report = auditing.audit(found, config, bar)
    if as_json:
        emit(report)
    elif not report["valid"]:
        _print_problems(report["problems"])
    elif not quiet:
        _print_findings(report)
    if not report["valid"]:
        raise typer.Exit(INVALID)


def _print_problems(problems: list[str]) -> None:
    print("FAILED")
    for problem in problems[:LISTED]:
        print(f"  {console.printable(problem)}")
    if len(problems) > LISTED:
        print(f"  and {len(problems) - LISTED} more, which --json lists")


def _print_findings(report: dict[str, Any]) -> None:
    print("PASSED")
    console.grid(
        "Formats",
        ["value", "kind", "bits", "of them fraction"],
        [[f["module"], f["kind"], str(f["bits"]), str(f["fraction"])] for f in report["formats"]],
    )
    console.table(
        f"The function is that of a {report['family']} model",
        {name: json.dumps(value) for name, value in report["configuration"].items()},
    )
    config = report["config"]
    console.table(
        f"The key of {report['name']} holds its circuits",
        {
            "model id": report["model_id"],
            "tokens": f"at most {report['max_tokens']} in one proof",
            "parameters": f"{report['parameters']:,}, {report['weights']}, proved to be in their ranges",
            "circuits": f"both lowered again, {report['bounds']:,} no-wrap bounds, equal byte for byte",
            "circuit": report["circuit_sha256"],
            "private circuit": report["private_circuit_sha256"],
            "pipeline": report["pipeline"],
            "function": report["function_sha256"],
            "tokenizer": report["tokenizer_sha256"],
            "rotated from": ", ".join(report["ancestors"]) or "none",
            "configuration": f"as PyTorch runs {config}"
            if config
            else "as zklemma knows the family; --config config.json compares with PyTorch",
            "not shown": "; ".join(report["unchecked"]),
            "time": f"{report['seconds']:.1f} s",
        },
    )
