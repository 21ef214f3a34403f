"""The table of families, each resolved only when it is asked for, and those of other packages.

A package adds a family by an entry point of the group `zklemma.families`, whose name is the model type and
whose object is the family:

    [project.entry-points."zklemma.families"]
    example = "example_package:EXAMPLE"

Errors: `UserError` for an entry point that can not be loaded or is no family of that name.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from ...dialects.registry import resolve
from ...errors import UserError
from .base import Family

PACKAGE = __name__.rpartition(".")[0]
GROUP = "zklemma.families"
FAMILIES = {
    "gemma3_text": ".gemma3:GEMMA3",
    "llama": ".llama:LLAMA",
    "mistral": ".mistral:MISTRAL",
    "qwen2": ".qwen2:QWEN2",
    "qwen3": ".qwen3:QWEN3",
    "gemma": ".gemma:GEMMA",
    "gemma2": ".gemma2:GEMMA2",
    "granite": ".granite:GRANITE",
    "olmo2": ".olmo2:OLMO2",
    "phi3": ".phi3:PHI3",
    "smollm3": ".smollm3:SMOLLM3",
    "gpt2": ".gpt2:GPT2",
    "opt": ".opt:OPT",
    "gpt_neox": ".gpt_neox:GPT_NEOX",
}
"""Model type to "module:object", the module relative to this package."""


def names() -> tuple[str, ...]:
    """The model types that are known; those of this package first."""
    return *FAMILIES, *sorted({point.name for point in _points()} - {*FAMILIES})


def family(model_type: str) -> Family:
    """The family of a name that `names` has."""
    return resolve(FAMILIES[model_type], PACKAGE) if model_type in FAMILIES else _load(model_type)


def families() -> Iterator[Family]:
    """All of them."""
    return map(family, names())


@cache
def _load(name: str) -> Family:
    points = [point for point in _points() if point.name == name]
    if len(points) > 1:
        raise UserError(f"several packages have a family for the model type {name}")
    try:
        found = points[0].load()
    except Exception as error:  # whatever a foreign module raises when it is imported
        raise UserError(f"{points[0].value}: can not load this family: {error}") from error
    if not isinstance(found, Family) or found.model_type != name:
        raise UserError(f"{points[0].value} is no family for the model type {name}")
    return found


def _points() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=GROUP))
