"""``zklemma audit``: whether a key's circuits are those of a model, and of which."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from ...errors import UserError
from .. import console
from .compile import differences
from .guard import INVALID
from .options import AsJson, Quiet, emit

# Problems, and formats, that are printed; --json has them all.
LISTED, COARSEST = 20, 3
NUMBERS = ("bits", "fraction", "used")
UNUSUAL = "compiling with default options writes no such format"


def audit(
    key: Annotated[
        Path,
        typer.Argument(
            help="The verifying key (.vk) of the model, or its artifact (.zkl) to compare private weights too."
        ),
    ],
    model: Annotated[
        str | None,
        typer.Argument(
            help="The network that a function's key must be of: a file of ONNX, StableHLO or nn, or "
            "MODULE:FUNCTION, a function of Python that returns it and example inputs."
        ),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(
            help="The config.json (or a GGUF file) of the language model that it must be; needs PyTorch."
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="The directory with the model.safetensors of a network in nn."),
    ] = None,
    take: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TENSOR", help="A tensor of a graph of ONNX that was compiled; repeatable."
        ),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(help="A label of the first output, in order; repeatable."),
    ] = None,
    examples: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Inputs on which to compare the integers with the network: .npy, or .npz by name.",
        ),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Check that a key's circuits are a model's, and say which: exit status 0 if they are, 1 if not."""
    from .. import audit as auditing
    from .. import tensors

    if model and config:
        raise UserError("a key is of a network or of a language model: give one of both")
    stages = [*auditing.STAGES, *(auditing.MODEL_STAGES if config or model else [])]
    given: Any = tensors.load_examples(examples) if examples else None
    source: Any = config or model
    if model:
        from ..coverage import from_python

        if (called := from_python(model)) is not None:
            source, own = called
            given = own if given is None else given
    with console.Bar(stages, not quiet) as bar:
        report = auditing.audit(
            key,
            source,
            weights=weights,
            outputs=take or (),
            labels=label,
            example_inputs=given,
            progress=bar,
        )
    function = "tensors" in report
    for line in [] if as_json else report["coarse"][:LISTED]:
        usual = "; --examples tells what is left" if function else f"; {UNUSUAL}"
        console.warn(f"coarse: {line}{usual}")
    if as_json:
        emit(report)
    elif not report["valid"]:
        _print_problems(report["problems"])
    elif not quiet:
        (print_function if function else print_findings)(report)
    if not report["valid"]:
        raise typer.Exit(INVALID)


def _print_problems(problems: list[str]) -> None:
    print("FAILED")
    for problem in problems[:LISTED]:
        print(f"  {console.printable(problem)}")
    if len(problems) > LISTED:
        print(f"  and {len(problems) - LISTED} more, which --json lists")


def print_findings(report: dict[str, Any]) -> None:
    print("PASSED")
    _print_formats(report)
    found = {name: json.dumps(value) for name, value in report["configuration"].items()}
    if eps := report["eps_field"]:
        found[eps] += _eps_note(*report["eps_range"])
    console.table(f"The function is that of a {report['family']} model", found)
    config = report["config"]
    whose = f"as {config} has them" if config else "unchecked: --config config.json compares them"
    print(console.printable(f"An answer ends with one of these tokens, {whose}"))
    for line in console.token_lines(report["end_tokens"]) or ["(none)"]:
        print(f"    {line}")
    print(*console.sentence("The key of", report["name"], " holds its circuits"), sep="\n")
    console.print_rows(
        {
            "model id": report["model_id"],
            "coarsest formats": _coarsest(report["formats"]),
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


def print_function(report: dict[str, Any]) -> None:
    print("PASSED")
    _print_formats(report)
    console.grid(
        "Tensors",
        ["", "tensor", "shape", "bits", "of them fraction", "ids below", "labels"],
        [
            [
                *(t["role"], t["name"], " x ".join(map(str, t["shape"]))),
                *(str(t["bits"]), str(t["fraction_bits"]), str(t["ids"] or "")),
                ", ".join(map(console.quote, t["labels"])),
            ]
            for t in report["tensors"]
        ],
    )
    model, compared = report["model"], report["weights_compared"]
    whose = f", those of {model}" if compared is not None else ""
    fidelity = report["fidelity"]
    print(*console.sentence("The key of", report["name"], " holds its circuit"), sep="\n")
    console.print_rows(
        {
            "model id": report["model_id"],
            "network": f"as {model} computes it" if model else "not compared with any",
            "weights": f"{report['parameters']:,}, {report['weights']}, proved to be in their ranges{whose}",
            "fidelity": differences(fidelity) if fidelity else "not measured",
            "examples": f"at most {report['max_examples']} in one proof",
            "coarsest formats": _coarsest(report["formats"]),
            "circuit": f"lowered again, {report['bounds']:,} no-wrap bounds, equal byte for byte",
            "circuit digest": report["circuit_sha256"],
            "pipeline": report["pipeline"],
            "function": report["function_sha256"],
            "rotated from": ", ".join(report["ancestors"]) or "none",
            "not shown": "; ".join(report["unchecked"]),
            "time": f"{report['seconds']:.1f} s",
        },
    )


def _print_formats(report: dict[str, Any]) -> None:
    console.grid(
        "Formats",
        ["value", "kind", "bits", "of them fraction", "used at most", ""],
        [
            [*(str(f[x]) for x in ("module", "kind", *NUMBERS)), "coarse" * bool(f["coarse"])]
            for f in report["formats"]
        ],
    )


def _eps_note(low: float, high: float) -> str:
    """What integers tell of the configuration's eps, which they round."""
    if low:
        return f" (integers tell it to be from {low:.7g} to {high:.7g})"
    return (
        f" (any up to {high:.2g} makes the least integer that there is, as the norms of the residual stream "
        "have it; the others tell it up to a power of four at most)"
    )


def _coarsest(formats: list[dict[str, Any]]) -> str:
    least = min(found["used"] for found in formats)
    places = [f"{found['module']} ({found['kind']})" for found in formats if found["used"] == least]
    more = [f"{len(places) - COARSEST} more"] * (len(places) > COARSEST)
    return f"{least} bit{'s' * (least != 1)}: {', '.join(places[:COARSEST] + more)}"
