"""``zklemma compile``: a checkpoint becomes an artifact for proving and a key for verifying."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ...errors import UserError
from .. import console
from .options import AsJson, Checkpoint, Quiet, Visibility, emit
from .outputs import check_model_outputs, checkpoint_files

OWN = "zklemma"
"""The name of our own target, which alone writes keys and counts."""


def assignments(settings: Iterable[str]) -> dict[str, str]:
    """The values that PASS.OPTION=VALUE texts give to options."""
    found: dict[str, str] = {}
    for setting in settings:
        place, equals, value = setting.partition("=")
        if not equals or not value:
            raise UserError(f"--set {setting}: give PASS.OPTION=VALUE")
        found[place.strip()] = value.strip()
    return found


def short(fidelity: Mapping[str, Any] | None) -> str:
    """A fidelity report in one line."""
    if fidelity is None:
        return "not measured"
    return (
        f"{fidelity['greedy_agreement']:.2%} of next tokens as in fp32 PyTorch, "
        f"{fidelity['delta_nats']:+.4f} nats a token, divergence {fidelity['kl']:.1e} "
        f"({fidelity['positions']} positions)"
    )


def differences(fidelity: Mapping[str, Any]) -> str:
    """A fidelity report of a function in one line."""
    parts = [
        f"{name}: relative error {found['relative_error']:.1e}, {found['greedy_agreement']:.2%} of largest elements"
        for name, found in fidelity["outputs"].items()
    ]
    return f"{'; '.join(parts)} as in fp32 ({fidelity['examples']} examples)"


def compile(
    checkpoint: Checkpoint,
    output: Annotated[Path, typer.Option("--output", "-o", help="The artifact to write (.zkl).")],
    vk: Annotated[
        Path | None, typer.Option(help="The verifying key to write. [default: beside the artifact]")
    ] = None,
    max_tokens: Annotated[
        int, typer.Option(help="The most tokens, prompt and output, of one proof.")
    ] = 256,
    target: Annotated[
        str, typer.Option(help="The proof system to compile for: one of `zklemma targets`.")
    ] = OWN,
    weights: Annotated[
        Visibility | None,
        typer.Option(
            help="Whether proofs may show anything of the weights. [default: private, if the target hides them]"
        ),
    ] = None,
    calibration: Annotated[
        list[Path] | None,
        typer.Option(help="Text to calibrate ranges on, beside the shipped texts; repeatable."),
    ] = None,
    headroom: Annotated[
        float | None,
        typer.Option(help="How many times larger than calibrated a value may be. [default: 1.75]"),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PASS.OPTION=VALUE", help="Set a pass's option; repeatable."),
    ] = None,
    least_fidelity: Annotated[
        float, typer.Option(help="Refuse a model that predicts fewer next tokens as PyTorch does.")
    ] = 0.99,
    fidelity: Annotated[
        bool, typer.Option("--fidelity/--no-fidelity", help="Whether to compare with PyTorch.")
    ] = True,
    from_ir: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Go on from a model's text (export, --print-ir-tree), with the checkpoint's weights.",
        ),
    ] = None,
    examples: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Examples of a network's inputs: .npy of its one input, or .npz with arrays by name.",
        ),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(help="The most examples of one proof of a network's outputs. [default: 1]"),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(
            help="What the next place along the last axis of a network's first output means; repeatable, in order."
        ),
    ] = None,
    take: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TENSOR",
            help="A tensor of a network's graph to prove in the place of its outputs; repeatable.",
        ),
    ] = None,
    level: Annotated[
        int, typer.Option("-O", metavar="LEVEL", help="How much is optimised: 0, 1 or 2.")
    ] = 2,
    disable_pass: Annotated[
        list[str] | None,
        typer.Option(metavar="PASS", help="Leave an optimisation out; repeatable."),
    ] = None,
    print_ir_after: Annotated[
        list[str] | None,
        typer.Option(metavar="PASS", help="Print the module after a pass on stderr; repeatable."),
    ] = None,
    print_ir_tree: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write the module after each pass to a file there."),
    ] = None,
    time_passes: Annotated[
        bool, typer.Option("--time-passes", help="Say on stderr how long each pass took.")
    ] = False,
    statistics: Annotated[
        bool,
        typer.Option(
            "--statistics", help="Say on stderr what each optimisation did (and in --json)."
        ),
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Compile a checkpoint, or a network in a file, into an artifact for proving and a key for verifying."""
    chosen = assignments(settings or ())
    vk = vk or output.with_suffix(".vk")
    used = [*checkpoint_files(checkpoint), *(calibration or ())]
    used += [path for path in (from_ir, examples) if path]
    check_model_outputs(output, vk, used, target != OWN)

    from ...compiler.levels import Level
    from ...compiler.pipelines import compile_passes
    from ...compiler.running import Watch, check_running
    from .. import compiling, tensors

    start = time.perf_counter()
    optimised = Level(level, tuple(disable_pass or ()))
    printed = print_ir_after or ()
    check_running(printed, compile_passes(optimised))
    reproducers = Path(tempfile.gettempdir())
    watch = Watch(printed, print_ir_tree, reproducers, statistics or as_json)
    with console.Bar(list(compiling.STAGES), not quiet and not printed) as bar:
        compiled = compiling.compile(
            checkpoint if from_ir is None else from_ir,
            weights=None if from_ir is None else checkpoint,
            max_tokens=max_tokens,
            target=target,
            private=None if weights is None else weights is Visibility.PRIVATE,
            calibration=calibration or (),
            headroom=headroom,
            least_fidelity=least_fidelity if fidelity else None,
            settings=chosen,
            level=optimised,
            progress=bar,
            watch=watch,
            example_inputs=tensors.load_examples(examples) if examples else None,
            batch=batch,
            labels=label or (),
            outputs=take or (),
        )
    report = compiled.report
    if time_passes:
        print(watch.report(), file=sys.stderr)
    if statistics:
        print(watch.statistics(), file=sys.stderr)
    report["statistics"] = [
        dict(zip(("part", "pass", "what", "count"), each, strict=True)) for each in watch.counted
    ]
    report |= compiled.save(output, vk)
    report["seconds"] = time.perf_counter() - start
    report["peak_rss_bytes"] = console.peak_rss_bytes()
    if as_json:
        return emit(report)
    if quiet:
        return None
    function, found = "batch" in report, report.get("vk_bytes")
    most = report["batch"] if function else report["max_tokens"]
    console.table(
        f"Compiled {console.quote(report['name'])}",
        {
            "model id": report["model_id"],
            "parameters": f"{report['parameters']:,}",
            "examples" if function else "tokens": f"at most {most} in one proof",
            "fidelity": (differences if function else short)(report["fidelity"]),
            "artifact": f"{output} ({console.size(report['artifact_bytes'])})",
            **({"verifying key": f"{vk} ({console.size(found)})"} if found else {}),
            "time": f"{report['seconds']:.1f} s",
        },
    )
