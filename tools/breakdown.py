"""Where a proof's time goes: its operations against what the machine can do, stage by stage.

The *floor* of some work is its operations over the ceiling of their unit; of a stage, the sum of the floors of its
arithmetic, as its kernels do one thing after the other. Memory traffic goes on meanwhile, so its floor stands
apart. A stage has one measured time: what it reaches of a unit, operations over that whole time, is a lower
bound of what the kernel reaches, and the floor over the time is the part that the counted work explains.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..runtime.model import files
from ..runtime.model.keys import load_artifact
from ..runtime.model.subjects import subject_of
from ..runtime.protocol.statement import Statement
from ..runtime.protocol.statements import read_any_statement
from .operations import Work, operations

MEMORY = "bytes moved"
# Kinds with less of a stage's floor than this are one line in a table for people.
LEAST = 0.02
REST = "the rest"


def works_of(model: Path, proof: Path) -> list[Work]:
    """The operations of a proof, from the artifact that made it."""
    artifact = load_artifact(model)
    _, content = files.decode_proof(files.read(proof), str(proof))
    statement = read_any_statement(content)
    in_columns = isinstance(statement, Statement) and statement.digests
    program = artifact.private_program if in_columns else artifact.program
    subject = subject_of(artifact.key, statement)
    return operations(subject, program, artifact.masks.tree is not None)


def breakdown(
    works: Iterable[Work], seconds: Mapping[str, float], ceilings: Mapping[str, float]
) -> dict[str, Any]:
    """By stage: measured seconds, floors, and the work by unit and by kind of relation."""
    found: dict[str, Any] = {}
    for work in works:
        taken, ceiling = seconds[work.stage], ceilings[work.unit]
        floor = work.count / ceiling
        stage = found.setdefault(
            work.stage,
            {
                "seconds": taken,
                "floor_seconds": 0.0,
                "memory_floor_seconds": 0.0,
                "units": {},
                "kinds": {},
            },
        )
        stage["memory_floor_seconds" if work.unit == MEMORY else "floor_seconds"] += floor
        empty = {"operations": 0, "floor_seconds": 0.0}
        unit = stage["units"].setdefault(work.unit, {**empty, "ceiling": ceiling})
        kind = stage["kinds"].setdefault(work.kind, {"floor_seconds": 0.0, "operations": {}})
        unit["operations"] += work.count
        unit["floor_seconds"] += floor
        kind["operations"][work.unit] = kind["operations"].get(work.unit, 0) + work.count
        kind["floor_seconds"] += floor * (work.unit != MEMORY)
    for stage in found.values():
        stage["fraction"] = stage["floor_seconds"] / stage["seconds"]
        for unit in stage["units"].values():
            unit["achieved"] = unit["operations"] / stage["seconds"]
            unit["fraction"] = unit["achieved"] / unit["ceiling"]
    return found


STAGES = ("stage", "work", "operations", "seconds", "rate", "ceiling", "floor", "fraction")


def stage_rows(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A line for each stage, and under it one for each unit; columns as `STAGES`."""
    lines = []
    for name, stage in found.items():
        floor, part = f"{stage['floor_seconds']:.3f}", f"{stage['fraction']:.0%}"
        lines.append((name, "", "", f"{stage['seconds']:.3f}", "", "", floor, part))
        for unit, work in stage["units"].items():
            lines.append(
                (
                    "",
                    unit,
                    count(work["operations"]),
                    "",
                    f"{count(work['achieved'])}/s",
                    f"{count(work['ceiling'])}/s",
                    f"{work['floor_seconds']:.3f}",
                    f"{work['fraction']:.0%}",
                )
            )
    return lines


KINDS = ("stage", "kind", "operations", "floor", "share")


def kind_rows(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A line for each kind of relation, largest floor first; columns as `KINDS`."""
    lines = []
    for name, stage in found.items():
        kinds = sorted(stage["kinds"].items(), key=lambda item: -item[1]["floor_seconds"])
        whole = stage["floor_seconds"] or 1.0
        rest = {"floor_seconds": 0.0, "operations": {}}
        for kind, work in kinds:
            if work["floor_seconds"] >= LEAST * whole:
                lines.append(_kind_row(name, kind, work, whole))
                continue
            rest["floor_seconds"] += work["floor_seconds"]
            for unit, counts in work["operations"].items():
                rest["operations"][unit] = rest["operations"].get(unit, 0) + counts
        if rest["operations"]:
            lines.append(_kind_row(name, REST, rest, whole))
    return lines


def _kind_row(stage: str, kind: str, work: Mapping[str, Any], whole: float) -> tuple[str, ...]:
    counts = ", ".join(f"{count(n)} {u}" for u, n in work["operations"].items() if u != MEMORY)
    floor = work["floor_seconds"]
    return stage, kind, counts, f"{floor:.4f}", f"{floor / whole:.0%}"


def count(number: float) -> str:
    """A large number in short: 1.2 G."""
    for power, name in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= power:
            return f"{number / power:.1f} {name}"
    return f"{number:.0f}"
