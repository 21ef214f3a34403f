"""The worked example of docs/extending-targets.md is a target that zk-translate can call."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from xdsl.universe import Universe
from zklemma.compiler.transforms.registry import TARGETS, UNIVERSE
from zklemma.tools import zk_opt, zk_translate

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "extending-targets.md"
SMALL = ROOT / "tests" / "tools" / "small.mlir"


def test_the_example_is_built_and_called(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (source,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    module = ModuleType("widths")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(source, str(PAGE), "exec"), module.__dict__)
    factories = {"circuit-widths": lambda: module.CircuitWidths}
    universe = Universe(all_targets=factories)
    found = [("zklemma", UNIVERSE), ("widths", universe)]
    monkeypatch.setattr(zk_opt, "universes", lambda warn: found)
    arguments = ["zk-translate", str(SMALL), "--to", "circuit-widths{least=8}"]
    monkeypatch.setattr("sys.argv", arguments)
    zk_translate.main()
    assert capsys.readouterr().out == " 16  y\n  8  d\n"


def test_every_target_has_a_row() -> None:
    rows = re.findall(r"^\| `(circuit-\w+)` \|", PAGE.read_text(), re.MULTILINE)
    assert rows == [*TARGETS, *zk_translate.MORE]
