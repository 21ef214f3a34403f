"""How prove time, memory, proof size and verify time grow with tokens, layers and width.

Each point is a seeded random checkpoint of a shape with one size replaced, and goes the way of a downloaded
one: compile, prove (one token is generated, the others are prompt) and verify, each in a process of its own,
hiding on. Width is the hidden size, with the MLP's in proportion. The points over tokens share a key, made
for the most of them. Figures are medians of several proofs, after one of each model that is not counted: it
may compile kernels. Prove seconds are the proof's, with loading the weights, without generating the text.

    python benchmarks/growth.py [--quick] [--tokens N ...] [--layers N ...] [--width N ...]
        [--shape NAME] [--runs N] [--cache DIR] [--plot FILE.svg|FILE.png] [--json] [--quiet]

An empty list leaves a sweep out. Checkpoints stay in the cache folder; the other files go at the end.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from zklemma.errors import UserError
from zklemma.runtime.model import files
from zklemma.tools import bench, console
from zklemma.tools.random_checkpoint import random_checkpoint, sizes_of

TOKENS = [8, 16, 32, 64, 128, 256, 512]
LAYERS = [1, 2, 4, 8, 13, 18, 26]
WIDTHS = [32, 64, 128, 256, 512]
QUICK = {"tokens": [8, 32, 128], "layers": [1, 6, 26], "width": [32, 128]}
# Of the proofs that are not about tokens.
FIXED_TOKENS = 64
# How much larger proof and verify time may be at the most layers than at the fewest.
TARGET = 1.5

FIGURES = ("prove_seconds", "peak_rss_bytes", "proof_bytes", "verify_seconds")


@dataclass(frozen=True)
class Point:
    """One proof's sizes: ``sizes`` replace the shape's, the key is for ``max_tokens``."""

    sweep: str
    value: int
    sizes: tuple[tuple[str, int], ...]
    tokens: int
    max_tokens: int


@dataclass
class Model:
    """A compiled checkpoint. ``proofs_left``: how many proofs its masks still serve."""

    checkpoint: Path
    file: Path
    report: dict[str, Any]
    proofs_left: int | None = None


def points_of(
    shape: str, tokens: Sequence[int], layers: Sequence[int], widths: Sequence[int]
) -> list[Point]:
    """The points of the three sweeps, each in rising order."""
    sizes = sizes_of(shape)
    if min(tokens, default=3) < 3:
        raise UserError("--tokens: give at least 3, two of prompt and one generated")
    found = [Point("tokens", n, (), n, max(tokens)) for n in sorted(set(tokens))]
    varied: list[tuple[str, int, dict[str, int]]] = [
        ("layers", n, {"num_hidden_layers": n}) for n in sorted(set(layers))
    ]
    for n in sorted(set(widths)):
        mlp = n * sizes["intermediate_size"] // sizes["hidden_size"]
        varied.append(("width", n, {"hidden_size": n, "intermediate_size": mlp}))
    for sweep, value, replaced in varied:
        sizes_of(shape, replaced)  # Refuses nonsense before any work.
        found.append(Point(sweep, value, tuple(replaced.items()), FIXED_TOKENS, FIXED_TOKENS))
    return found


class Measurements:
    """Measures points one after the other; ``step`` hears what is done next."""

    def __init__(self, shape: str, runs: int, cache: Path, folder: Path, step: Callable[..., None]):
        self._shape, self._runs = shape, runs
        self._cache, self._folder, self._step = cache, folder, step
        self._models: dict[tuple[tuple[tuple[str, int], ...], int], Model] = {}

    def measure(self, point: Point) -> dict[str, Any]:
        model, made = self._ready(point), []
        while len(made) < self._runs:
            model = self._ready(point)
            made.append(self._proof(model, point))
            self._step(point, "prove", done=1)
        sizes = sizes_of(self._shape, dict(point.sizes))
        exact = ("tokens", "committed_cells", "lookups", "security_bits", "hiding")
        timed = (*FIGURES, "prove_process_seconds", "verify_process_seconds")
        stages = {s: statistics.median(m["stages"][s] for m in made) for s in made[0]["stages"]}
        return {
            "sweep": point.sweep,
            "value": point.value,
            "layers": sizes["num_hidden_layers"],
            "hidden_size": sizes["hidden_size"],
            "intermediate_size": sizes["intermediate_size"],
            "parameters": model.report["parameters"],
            "max_tokens": model.report["max_tokens"],
            **{name: made[0][name] for name in exact},
            **{name: statistics.median(m[name] for m in made) for name in timed},
            "prove_stages": stages,
            "prove_seconds_each": [m["prove_seconds"] for m in made],
            "compile_seconds": model.report["process"]["seconds"],
        }

    def _ready(self, point: Point) -> Model:
        """The point's model, warm; compiled again when its masks are used up."""
        at = (point.sizes, point.max_tokens)
        model = self._models.get(at)
        if model is None or model.proofs_left == 0:
            self._step(point, "compile")
            checkpoint = random_checkpoint(self._shape, self._cache, dict(point.sizes))
            file = model.file if model else self._folder / f"{len(self._models)}.zkl"
            length = ("--max-tokens", str(point.max_tokens))
            report = bench.run(
                "compile", str(checkpoint), "-o", str(file), *length, *bench.RANDOM, "--quiet"
            )
            model = self._models[at] = Model(checkpoint, file, report)
            self._step(point, "prove")
            self._proof(model, point)
        return model

    def _proof(self, model: Model, point: Point) -> dict[str, Any]:
        proof = model.file.with_suffix(".proof")
        text = bench.prompt_of(model.checkpoint, point.tokens - 1)
        said = ("--prompt", text, "--max-new-tokens", "1", "--quiet")
        proved = bench.run("prove", str(model.file), *said, "-o", str(proof))
        verified = bench.run("verify", str(model.file.with_suffix(".vk")), str(proof))
        model.proofs_left = proved["proofs_left"]
        kept = ("tokens", "committed_cells", "lookups", "security_bits", "hiding")
        return {
            **{name: proved[name] for name in (*kept, "proof_bytes", "peak_rss_bytes")},
            "prove_seconds": proved["seconds"]["total"],
            "prove_process_seconds": proved["process"]["seconds"],
            "verify_seconds": verified["stages"]["check"],
            "verify_process_seconds": verified["process"]["seconds"],
            "stages": proved["seconds"],
        }


def fit(points: Sequence[Mapping[str, Any]]) -> dict[str, float] | None:
    """Prove seconds as a constant and a cost for each token, by least squares; None of fewer than three
    points, which say nothing about a line."""
    if len(points) < 3:
        return None
    tokens = np.array([point["tokens"] for point in points], float)
    seconds = np.array([point["prove_seconds"] for point in points])
    slope, constant = np.polyfit(tokens, seconds, 1)
    residuals = np.abs(constant + slope * tokens - seconds) / seconds
    return {
        "constant_seconds": float(constant),
        "seconds_per_token": float(slope),
        "largest_relative_residual": float(residuals.max()),
    }


def ratios(points: Sequence[Mapping[str, Any]]) -> dict[str, float] | None:
    """The largest to the smallest; None of fewer than two points."""
    if len(points) < 2:
        return None
    names = ("proof_bytes", "verify_seconds", "verify_process_seconds")
    return {name: max(p[name] for p in points) / min(p[name] for p in points) for name in names}


def report_of(
    shape: str, points: Sequence[Point], runs: int, cache: Path, quiet: bool
) -> dict[str, Any]:
    """Measure the points, with a bar on the terminal."""
    if runs < 1:
        raise UserError(f"--runs is {runs}: give at least 1")
    if not points:
        raise UserError("there is nothing to measure: give --tokens, --layers or --width")
    cache.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix=".growth.", dir=cache) as folder,
        bench.steps(24, quiet) as bar,
    ):
        task = bar.add_task("", total=len(points) * runs)

        def step(point: Point, what: str, done: int = 0) -> None:
            bar.update(task, description=f"{point.sweep} {point.value}: {what}", advance=done)

        measurements = Measurements(shape, runs, cache, Path(folder), step)
        found = [measurements.measure(point) for point in points]
    return {
        "machine": console.machine(),
        "shape": shape,
        "sizes": sizes_of(shape),
        "runs": runs,
        "points": found,
        "fit": fit([p for p in found if p["sweep"] == "tokens"]),
        "ratios_over_layers": ratios([p for p in found if p["sweep"] == "layers"]),
    }


def show(report: Mapping[str, Any]) -> None:
    sizes, host, points = report["sizes"], report["machine"], report["points"]
    table = Table(
        title=f"{report['shape']}: {sizes['num_hidden_layers']} layers, hidden size "
        f"{sizes['hidden_size']}, MLP {sizes['intermediate_size']}; {FIXED_TOKENS} tokens; each unless "
        f"varied. Hiding on, medians of {report['runs']} proofs. {host['cpu']}, {host['cores']} cores",
        title_justify="left",
    )
    headings = ("varied", "weights\nM", "prove\ns", "a token\nms", "memory\nMiB", "proof\nKiB")
    for heading in (*headings, "verify\ns", "process\ns"):
        table.add_column(heading, justify="right")
    for at, point in enumerate(points):
        table.add_row(
            f"{point['sweep']} {point['value']}",
            f"{point['parameters'] / 1e6:.2f}",
            f"{point['prove_seconds']:.2f}",
            f"{point['prove_seconds'] / point['tokens'] * 1e3:.1f}",
            f"{point['peak_rss_bytes'] / 2**20:.0f}",
            f"{point['proof_bytes'] / 2**10:.0f}",
            f"{point['verify_seconds']:.2f}",
            f"{point['verify_process_seconds']:.2f}",
            end_section=points[at : at + 2][-1]["sweep"] != point["sweep"],
        )
    printed = Console()
    printed.print(table)
    if line := report["fit"]:
        printed.print(
            f"prove seconds = {line['constant_seconds']:.2f} + {line['seconds_per_token']:.4f} * tokens, "
            f"within {line['largest_relative_residual']:.1%} of what was measured",
            highlight=False,
        )
    if found := report["ratios_over_layers"]:
        layers = [point["value"] for point in points if point["sweep"] == "layers"]
        printed.print(
            f"{layers[0]} to {layers[-1]} layers, largest to smallest: proof {found['proof_bytes']:.2f}, "
            f"verify {found['verify_seconds']:.2f}, its whole process "
            f"{found['verify_process_seconds']:.2f} (target: at most {TARGET})",
            highlight=False,
        )


def require_plot(path: Path) -> None:
    """Stop now, rather than after long work, if the plot cannot be made."""
    if path.suffix not in (".svg", ".png"):
        raise UserError(f"{path}: a plot is an .svg or a .png file")
    if not find_spec("matplotlib"):
        raise UserError("matplotlib is not installed: pip install 'zklemma[dev]'")
    files.require_writable(path)


def plot(report: Mapping[str, Any], path: Path) -> None:
    """A column of axes for each sweep, a row for each figure."""
    from matplotlib.figure import Figure

    sweeps = list(dict.fromkeys(point["sweep"] for point in report["points"]))
    labels = ("prove, s", "prove memory, MiB", "proof, KiB", "verify, s")
    units = (1, 1 << 20, 1 << 10, 1)
    figure = Figure(figsize=(4 * len(sweeps), 10), layout="constrained")
    axes = figure.subplots(len(FIGURES), len(sweeps), squeeze=False, sharex="col")
    for column, sweep in enumerate(sweeps):
        points = [point for point in report["points"] if point["sweep"] == sweep]
        values = [point["value"] for point in points]
        for ax, name, label, unit in zip(axes[:, column], FIGURES, labels, units, strict=True):
            heights = [point[name] / unit for point in points]
            ax.plot(values, heights, "o-")
            ax.set_ylim(0, 1.1 * max(heights))
            ax.set_ylabel(label)
            ax.grid(alpha=0.3)
        if sweep == "tokens" and (line := report["fit"]):
            fitted = [line["constant_seconds"] + line["seconds_per_token"] * n for n in values]
            axes[0, column].plot(values, fitted, "--", label="constant + cost of a token")
            axes[0, column].legend()
        axes[-1, column].set_xlabel(sweep)
    host = report["machine"]
    figure.suptitle(f"{report['shape']}, {host['cpu']}, {host['cores']} cores")
    with files.atomic_write(path) as file:
        figure.savefig(file, format=path.suffix[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure growth with tokens, layers and width.")
    parser.add_argument("--quick", action="store_true", help="fewer points")
    parser.add_argument("--tokens", type=int, nargs="*")
    parser.add_argument("--layers", type=int, nargs="*")
    parser.add_argument("--width", type=int, nargs="*")
    parser.add_argument("--shape", default="gemma3-small", help="what is varied")
    parser.add_argument("--runs", type=int, default=3, help="proofs a point")
    parser.add_argument("--cache", type=Path, help="where checkpoints are kept")
    parser.add_argument("--plot", type=Path, help="the .svg or .png file to draw")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    options = parser.parse_args()
    sweeps = QUICK if options.quick else {"tokens": TOKENS, "layers": LAYERS, "width": WIDTHS}
    given = {name: vars(options)[name] for name in sweeps}
    chosen = {name: sweeps[name] if n is None else n for name, n in given.items()}
    points = points_of(options.shape, chosen["tokens"], chosen["layers"], chosen["width"])
    if options.plot:
        require_plot(options.plot)
    cache = options.cache or bench.default_cache()
    report = report_of(options.shape, points, options.runs, cache, options.quiet)
    if options.plot:
        plot(report, options.plot)
    if options.json:
        print(json.dumps(report))
    else:
        show(report)


if __name__ == "__main__":
    bench.script(main)
