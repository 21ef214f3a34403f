"""The worked example of docs/extending-passes.md: its pass, as it stands there, runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser
from xdsl.universe import XDSL_UNIVERSE
from zklemma.compiler.module_text import print_module
from zklemma.compiler.modules import systems
from zklemma.compiler.pipelines import LowerToCircuit
from zklemma.compiler.running import run_passes
from zklemma.dialects.circuit import SystemOp
from zklemma.dialects.registry import dialect_factories

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "lowering" / "tiny.mlir"
SMALL = ROOT / "tests" / "tools" / "small.mlir"


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    page = (ROOT / "docs" / "extending-passes.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {"__name__": "example_package"}
    exec(code, names)
    return names


def parsed(path: Path, text: str | None = None) -> ModuleOp:
    context = Context()
    for name, factory in (XDSL_UNIVERSE.all_dialects | dialect_factories()).items():
        context.register_dialect(name, factory)
    return Parser(context, text or path.read_text()).parse_module()


def test_a_table_that_nothing_is_looked_up_in_is_dropped(example: dict[str, Any]) -> None:
    spare = '  circuit.table @spare [#zk.rows<["x"], 0 to 4>]\n  zk.compute'
    module = parsed(SMALL, SMALL.read_text().replace("  zk.compute", spare, 1))
    (system,) = systems(module, SystemOp)
    assert "spare" in system.tables
    found = example["UNIVERSE"].all_passes["drop-unused-tables"]()
    run_passes(Context(), module, (found(),))
    assert print_module(module) == print_module(parsed(SMALL))


def test_a_circuit_without_such_tables_stays(example: dict[str, Any]) -> None:
    module = parsed(TINY)
    run_passes(Context(), module, (LowerToCircuit(),))
    before = print_module(module)
    run_passes(Context(), module, (example["DropUnusedTables"](),))
    assert print_module(module) == before
