"""The table of this package's dialects, resolved only when one is used."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

from xdsl.ir import Dialect

PACKAGE = __name__.rpartition(".")[0]
DIALECTS = {
    "stablehlo": ".stablehlo:STABLEHLO",
    "chlo": ".chlo:CHLO",
    "nn": ".nn:NN",
    "quant": ".quant:QUANT",
    "zk": ".zk:ZK",
    "field": ".field:FIELD",
    "circuit": ".circuit:CIRCUIT",
}
"""Dialect name to "module:attribute", the module relative to this package."""


def dialect_factories() -> dict[str, Callable[[], Dialect]]:
    """What xDSL registers: for each name, a function that imports the dialect."""
    return {name: partial(resolve, target, PACKAGE) for name, target in DIALECTS.items()}


def resolve(target: str, package: str) -> Any:
    """The object that "module:attribute" names, imported now."""
    module, _, attribute = target.partition(":")
    return getattr(import_module(module, package), attribute)
