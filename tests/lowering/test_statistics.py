"""What optimisations say that they did is what they did."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from zklemma.compiler.levels import OPTIMISATIONS
from zklemma.compiler.module_text import parse_module
from zklemma.compiler.pipelines import to_circuit
from zklemma.compiler.running import Watch, run_passes
from zklemma.compiler.statistics import STATISTICS
from zklemma.tools import zk_opt

TINY = Path(__file__).parent / "tiny.mlir"


class Counts(Watch):
    """Also keeps how many operations of each name there are before each pass."""

    def passed(self, before, module: ModuleOp) -> None:
        counts = Counter(op.name for op in module.walk())
        if before is not None:
            self.found[before.name] = (self.now, counts)
        self.now = counts
        super().passed(before, module)

    found: dict
    now: Counter


def test_counts_are_of_the_module() -> None:
    watch = Counts(counting=True)
    watch.found = {}
    module = parse_module(TINY.read_text())
    run_passes(Context(), module, to_circuit(False), watch, "circuit")
    said = {(name, what): count for _, name, what, count in watch.counted}
    before, after = watch.found["virtualize"]
    assert after["zk.define"] == 0
    assert said["virtualize", "columns no longer committed"] == before["zk.define"] > 0
    before, after = watch.found["merge-tables"]
    assert after["zk.range"] == 0
    tables = before["zk.range"] + before["zk.table"] - after["zk.table"]
    assert said["merge-tables", "tables fewer"] == tables > 0
    before, after = watch.found["dedup-lookups"]
    fewer = before["zk.range"] - after["zk.range"]
    assert said["dedup-lookups", "ranges no longer looked up"] == fewer
    assert "circuit: virtualize: " in watch.statistics()


def test_nothing_is_counted_unless_it_is_asked_for() -> None:
    watch = Watch()
    run_passes(Context(), parse_module(TINY.read_text()), to_circuit(False), watch)
    assert watch.counted == [] and watch.seconds


def test_every_optimisation_says_something() -> None:
    assert STATISTICS.keys() == OPTIMISATIONS.keys()


def test_zk_opt_prints_them_beside_the_module(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["zk-opt", str(TINY), "-p", "cse,canonicalize", "--statistics"]
    monkeypatch.setattr("sys.argv", arguments)
    zk_opt.main()
    out, error = capsys.readouterr()
    assert out.startswith("builtin.module {") and error == "cse: 0 operations fewer\n"
