"""Writes docs/coverage.md: which operations small models of many kinds have, and which are refused.

Only graphs are made, so that it takes seconds. ``python docs/coverage.py`` (or ``make docs``) writes the page; a
test checks that it is what this would write.
"""

from __future__ import annotations

import importlib.util
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from transformers import CONFIG_MAPPING
from zklemma.compiler.coverage import Coverage, Operation, model_coverage, network_coverage
from zklemma.compiler.families.registry import FAMILIES

FOLDER = Path(__file__).parent
PAGE = FOLDER / "coverage.md"
NO_FAMILY = "no family of this `model_type`"
HEAD = """# Coverage

Which small models of many kinds compile, and what stops the others: operations of PyTorch, by their names
in ATen, and how often a model has them. All this is told by graphs alone. `python docs/coverage.py` writes this
page; `zklemma coverage` tells the same of a model of yours.
"""


def models() -> ModuleType:
    spec = importlib.util.spec_from_file_location("coverage_models", FOLDER / "coverage_models.py")
    assert spec and spec.loader
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def decoders(zoo: ModuleType) -> Iterator[Coverage]:
    for kind, config in zoo.DECODERS.items():
        if kind not in FAMILIES:
            yield Coverage(f"`{kind}`", (), NO_FAMILY)
            continue
        known = CONFIG_MAPPING[kind]()
        common = {name: value for name, value in zoo.COMMON.items() if hasattr(known, name)}
        with tempfile.TemporaryDirectory() as folder:
            type(known).from_dict(common | {"model_type": kind} | config).save_pretrained(folder)
            yield replace(model_coverage(Path(folder) / "config.json"), name=f"`{kind}`")


def networks(zoo: ModuleType) -> Iterator[Coverage]:
    for name, network, examples in zoo.networks():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Of tracing recurrent networks.
            yield network_coverage(name, network, examples)


def row(found: Coverage) -> str:
    has = ", ".join(f"{each.name} {each.count}" for each in found.operations)
    stops = "; ".join(map(stop, (each for each in found.operations if each.refused)))
    verdict = "yes" if not found.refusal else stops or found.refusal
    return f"| {found.name} | {has} | {verdict} |"


def stop(each: Operation) -> str:
    more = f", and {len(each.why) - 1} more" if len(each.why) > 1 else ""
    why = f" ({each.why[0]}{more})" if each.why else ""
    return f"**{each.name}**{why}"


def table(title: str, what: str, found: list[Coverage]) -> str:
    takes = sum(not each.refusal for each in found)
    lines = [f"## {title}\n", f"{takes} of {len(found)} {what}.\n"]
    lines += ["| model | operations | compiles, or stops at |", "|---|---|---|", *map(row, found)]
    return "\n".join(lines) + "\n"


def refused(found: list[Coverage]) -> str:
    """What is refused, of how many models, and what is there instead."""
    stops = [each for model in found for each in model.operations if each.refused]
    lines = ["## What is refused\n", "| operation | models | nearest |", "|---|---|---|"]
    for name in sorted({each.name for each in stops}):
        count = sum(name == each.name for each in stops)
        (nearest,) = {each.nearest for each in stops if each.name == name}
        lines.append(f"| {name} | {count} | {nearest} |")
    return "\n".join(lines) + "\n"


def page() -> str:
    zoo = models()
    language, tensors = [*decoders(zoo)], [*networks(zoo)]
    return "\n".join(
        [
            HEAD,
            table("Decoders", "model types of transformers, in one small size each", language),
            table("Networks of tensors", "networks", tensors),
            refused([*language, *tensors]),
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
