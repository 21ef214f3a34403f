"""examples/foreign_target, installed as the package that it is, is a target that zk-translate has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SMALL = Path(__file__).parents[1] / "tools" / "small.mlir"


@pytest.fixture(scope="module")
def run(installed: Callable[[str], Any]) -> Any:
    return installed("foreign_target")


def test_what_it_writes(run: Any) -> None:
    made = run("zk_translate", str(SMALL), "--to", "circuit-csv")
    assert not made.returncode, made.stderr
    assert made.stdout.splitlines() == [
        "kind,relation,module,columns",
        "einsum,product,,y x c",
        "lookup,small,,x",
        "lookup,squared,,z q",
        "linear,sum,,x z d",
        "gather,rows,,at x w",
    ]


def test_its_option(run: Any) -> None:
    made = run("zk_translate", str(SMALL), "--to", "circuit-csv{kind=linear}")
    assert made.stdout.splitlines()[1:] == ["linear,sum,,x z d"]
    refused = run("zk_translate", str(SMALL), "--to", "circuit-csv{kind=sum}")
    assert refused.returncode == 1 and refused.stdout == ""
    assert "there is no kind sum" in refused.stderr and refused.stderr.count("\n") == 1
