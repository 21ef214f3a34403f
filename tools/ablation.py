"""What each optimisation is worth: a model compiled without it, proved and verified.

The variants are the levels of optimisation and, of the highest one, what is left where one pass is left out. The
model is imported and calibrated once; where the pass that is left out comes after the choice of formats, formats
are chosen once as well. First all variants are compiled, each in a process of its own, and then each is proved in
another, whose memory is the one that is reported: what is timed is one short stretch of the machine's day. What is
proved is a text of one token of prompt and all others generated. All models are on the disk at once.

`batch-decode` is no pass that can be left out: the alternative to a causal pass over all positions is a proof
for each generated token. Its row has T proofs of one token after one of prompt, which is less than it would
take, as texts grow.

A variant that can not be compiled or proved has a row as well, which says why.

Errors: `UserError` where the model as it is compiled by default can not be measured, and for impossible sizes.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..compiler.calibrated import padded_length
from ..compiler.levels import HIGHEST, OPTIMISATIONS, Level
from ..compiler.pipelines import to_quant
from ..compiler.running import pipeline_text
from ..errors import UserError, ZklemmaError
from ..runtime.model import files
from . import console
from .measuring import RANDOM, steps

SHIPPED = Path(__file__).parents[1] / "checkpoints" / "tiny-gemma3"
BATCH = "batch-decode"
PANELS = {
    "committed_cells": "committed cells",
    "lookups": "lookups",
    "relations": "relations",
    "prove_seconds": "prove, s",
    "peak_rss_bytes": "memory, GiB",
    "proof_bytes": "proof, KiB",
    "verify_seconds": "verify, s",
}
UNITS = {"peak_rss_bytes": 1 << 30, "proof_bytes": 1 << 10}
HEADINGS = (*("variant", "cells", "lookups", "relations", "prove", "ratio"), *("memory", "proof"))
HEADINGS += ("verify", "as PyTorch")


@dataclass(frozen=True)
class Variant:
    """A compile: its row's name and the optimisations that run."""

    name: str
    level: Level

    @property
    def plans_anew(self) -> bool:
        """Whether its formats are not those of the highest level."""
        return pipeline_text(to_quant({}, self.level)[0]) != pipeline_text(to_quant({})[0])

    @property
    def options(self) -> list[str]:
        """Of `zklemma compile`."""
        left_out = [part for name in self.level.disabled for part in ("--disable-pass", name)]
        return ["-O", str(self.level.level), *left_out]


BASE = Variant(f"-O{HIGHEST}", Level())
"""What every other variant is compared with."""


def variants() -> list[Variant]:
    """The levels, highest first, and the highest one without each of the passes."""
    levels = [Variant(f"-O{n}", Level(n)) for n in range(HIGHEST, -1, -1)]
    return levels + [Variant(f"without {name}", Level(disabled=(name,))) for name in OPTIMISATIONS]


def shipped() -> str:
    """The checkpoint that is measured where none is given."""
    if not SHIPPED.is_dir():
        raise UserError("the shipped checkpoint is not installed: give a MODEL")
    return str(SHIPPED)


def ablation(source: str, tokens: int, runs: int, fidelity: bool, quiet: bool) -> dict[str, Any]:
    """Measure all variants on proofs of ``tokens`` tokens; times are medians of ``runs`` proofs.

    ``fidelity``: whether predictions are compared with PyTorch's, once for each choice of formats.
    """
    if tokens < 3:
        raise UserError(f"{tokens} tokens: give at least 3, of which two are generated")
    if runs < 1:
        raise UserError(f"--runs is {runs}: give at least 1")
    padded_length(tokens)
    every = variants()
    with (
        tempfile.TemporaryDirectory(prefix="zklemma.ablation.") as folder,
        steps(32, quiet) as bar,
    ):
        task = bar.add_task("calibrate", total=2 * len(every) + 2)
        bench = _Bench(Path(folder), source, tokens, runs, fidelity)
        bench.calibrate()
        rows: dict[str, dict[str, Any]] = {}
        for stage, measure in (("compile", bench.compile), ("prove", bench.prove)):
            for variant in every:
                bar.update(task, description=f"{stage} {variant.name}", advance=1)
                if variant.name in rows:
                    continue
                try:
                    found = measure(variant)
                except UserError as error:
                    if variant == BASE:
                        raise
                    found = {"variant": variant.name, "reason": str(error)}
                if found:
                    rows[variant.name] = found
        bar.update(task, description=f"prove without {BATCH}", advance=1)
        single = bench.single()
    return {
        "machine": console.machine(),
        "model": bench.base["name"],
        "parameters": bench.base["parameters"],
        "tokens": tokens,
        "generated": tokens - 1,
        "runs": runs,
        "rows": [*(rows[variant.name] for variant in every), single],
    }


class _Bench:
    """The files of an ablation, all in one folder, and what compiles said."""

    def __init__(self, folder: Path, source: str, tokens: int, runs: int, fidelity: bool):
        self.source, self.tokens, self.runs, self.fidelity = source, tokens, runs, fidelity
        self.calibrated, self.planned = folder / "calibrated.mlir", folder / "planned.mlir"
        self.folder, self.tree = folder, folder / "tree"
        self.compiled: dict[Variant, dict[str, Any]] = {}
        self.text: list[int] = []

    @property
    def base(self) -> dict[str, Any]:
        """What the compile of `BASE` said."""
        return self.compiled[BASE]

    def calibrate(self) -> None:
        length = ("--max-tokens", str(self.tokens))
        _call("zklemma export", "cli", "export", self.source, "-o", str(self.calibrated), *length)

    def compile(self, variant: Variant) -> None:
        options = [*variant.options, "--quiet", "--json"]
        start = self.calibrated
        if variant == BASE:
            options += ["--print-ir-tree", str(self.tree)]
        elif not variant.plans_anew:
            start = self._resumed(variant.level)
        measured = self.fidelity and (variant == BASE or variant.plans_anew)
        options += RANDOM if measured else ["--no-fidelity"]
        files = ("-o", str(self._model(variant)), "--from-ir", str(start))
        said = _call("zklemma compile", "cli", "compile", self.source, *files, *options)
        self.compiled[variant] = json.loads(said)
        if variant == BASE:
            self._keep_plan()

    def prove(self, variant: Variant) -> dict[str, Any]:
        """The row of a variant."""
        count = self.tokens - 1
        proved = self._proofs(variant, count)
        if variant == BASE:
            self.text = proved["text"]
        elif not variant.plans_anew and proved["text"] != self.text:
            raise ZklemmaError(f"{variant.name}: the model says something else than with the pass")
        if variant != BASE:
            self._model(variant).unlink()  # It is large.
        return self._row(variant.name, variant, _figures(proved, count, 1))

    def single(self) -> dict[str, Any]:
        """The row of batch-decode."""
        count = self.tokens - 1
        return self._row(f"without {BATCH}", BASE, _figures(self._proofs(BASE, 1), 1, count))

    def _row(self, name: str, variant: Variant, figures: Mapping[str, Any]) -> dict[str, Any]:
        # Where formats are the same, so is the integer function.
        fidelity = (self.compiled[variant] if variant.plans_anew else self.base)["fidelity"]
        return {
            "variant": name,
            **figures,
            "greedy_agreement": fidelity["greedy_agreement"] if fidelity else None,
            "compile_seconds": self.compiled[variant]["seconds"],
            "reason": None,
        }

    def _model(self, variant: Variant) -> Path:
        return self.folder / f"{variant.name}.zkl"

    def _proofs(self, variant: Variant, generated: int) -> dict[str, Any]:
        options = ("--generated", str(generated), "--runs", str(self.runs))
        return json.loads(_call("the prover", "timed_proofs", str(self._model(variant)), *options))

    def _keep_plan(self) -> None:
        """The module with chosen formats, from the files that the compile left for each pass."""
        last = to_quant({})[0][-1].name
        (found,) = (self.tree / "model").glob(f"*-{last}.mlir")
        self.planned.write_text(found.read_text(encoding="utf-8"), encoding="utf-8")

    def _resumed(self, level: Level) -> Path:
        """That module, to be converted with the passes of a level."""
        rest, path = pipeline_text(to_quant({}, level)[1]), self.planned.with_name("resumed.mlir")
        _, _, body = self.planned.read_text(encoding="utf-8").partition("\n")
        path.write_text(f"// configuration: -p '{rest}'\n{body}", encoding="utf-8")
        return path


def _figures(proved: Mapping[str, Any], generated: int, count: int) -> dict[str, Any]:
    """Those of ``count`` proofs like the one that was measured."""
    proof = proved["proofs"][str(generated)]
    return {
        "proofs": count,
        "committed_cells": count * proof["committed_cells"],
        "lookups": count * proof["lookups"],
        "relations": proved["relations"],
        "prove_seconds": count * proof["seconds"],
        "peak_rss_bytes": proved["peak_rss_bytes"],
        "proof_bytes": count * proof["proof_bytes"],
        "verify_seconds": count * proof["verify_seconds"],
    }


def _call(what: str, module: str, *arguments: str) -> str:
    """What a program of this package prints; `UserError` with its one line where it refuses."""
    command = [sys.executable, "-m", f"{__package__}.{module}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode < 0:
        by = signal.Signals(-done.returncode).name
        raise UserError(f"{what} was ended by {by}, which too little memory may be the cause of")
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [""])[-1]
        if not last.startswith("error: "):
            raise ZklemmaError(f"{what} failed: {last or f'status {done.returncode}'}")
        raise UserError(last.removeprefix("error: "))
    return done.stdout


def print_rows(report: Mapping[str, Any]) -> None:
    """The table, and under it why some of the variants have no figures."""
    host = report["machine"]
    title = (
        f"{console.quote(report['model'])} ({report['parameters']:,} parameters), {report['tokens']} "
        f"tokens, {report['generated']} generated, medians of {report['runs']}, {host['cpu']}, "
        f"{host['cores']} cores"
    )
    rows = report["rows"]
    base = rows[0]["prove_seconds"]
    console.grid(title, HEADINGS, [_cells(row, base) for row in rows if not row["reason"]])
    for row in rows:
        if row["reason"]:
            print(console.printable(f"  {row['variant']}: {row['reason']}"))


def _cells(row: Mapping[str, Any], base: float) -> list[str]:
    agreement = row["greedy_agreement"]
    return [
        row["variant"],
        f"{row['committed_cells']:,}",
        f"{row['lookups']:,}",
        f"{row['relations']:,}"
        if row["proofs"] == 1
        else f"{row['proofs']} x {row['relations']:,}",
        f"{row['prove_seconds']:.2f} s",
        f"{row['prove_seconds'] / base:.2f}",
        console.size(row["peak_rss_bytes"]),
        console.size(int(row["proof_bytes"])),
        f"{row['verify_seconds']:.3f} s",
        "" if agreement is None else f"{agreement:.2%}",
    ]


def plot(report: Mapping[str, Any], path: Path) -> None:
    """A panel for each figure, and in it a bar for each variant; what has no figures is crossed out."""
    from matplotlib.figure import Figure

    rows = report["rows"][::-1]
    figure = Figure(figsize=(3 + 2 * len(PANELS), 1 + 0.3 * len(rows)), layout="constrained")
    axes = figure.subplots(1, len(PANELS), sharey=True)
    places = range(len(rows))
    for panel, (name, title) in zip(axes, PANELS.items(), strict=True):
        unit = UNITS.get(name, 1)
        values = [row.get(name, 0) / unit for row in rows]
        panel.barh(places, values)
        missing = [place for place, row in enumerate(rows) if row["reason"]]
        panel.plot([0] * len(missing), missing, "x", color="black", clip_on=False)
        panel.axvline(values[-1], color="black", linewidth=0.8)
        panel.set_title(title)
    axes[0].set_yticks(places, [row["variant"] for row in rows])
    host = report["machine"]
    figure.suptitle(
        f"{report['model']}, {report['tokens']} tokens, {host['cpu']}, {host['cores']} cores"
    )
    with files.atomic_write(path) as file:
        figure.savefig(file, format=path.suffix[1:])
