"""Circuits, programs and proofs are those that were recorded, bit for bit."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent))
pinning: Any = import_module("pinning")


def test_nothing_changed(tmp_path: Path) -> None:
    lines = pinning.changes(pinning.read(), pinning.measure(tmp_path))
    advice = "if that is meant: python tests/pins/record.py"
    assert not lines, "\n".join([*lines, advice])


def test_changes_are_named() -> None:
    before = {"a": {"x": 1, "y": 2}, "b": {"x": 1}}
    after = {"a": {"x": 1, "y": 3, "z": 4}, "c": {"x": 1}}
    assert pinning.changes(before, before) == []
    assert pinning.changes(before, after) == [
        "a: y is 3, it was 2",
        "a: z is 4, it was None",
        "b: x is None, it was 1",
        "c: x is 1, it was None",
    ]
