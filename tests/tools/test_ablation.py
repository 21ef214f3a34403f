"""Each optimisation left out in turn: which compiles and proofs are made, and what the table says of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from zklemma.compiler.levels import OPTIMISATIONS
from zklemma.compiler.running import pipeline_of
from zklemma.errors import UserError, ZklemmaError
from zklemma.tools import ablation

PLANNED = (
    "// configuration: -p 'convert-nn-to-quant,stack-layers,batch-decode'\nbuiltin.module {}\n"
)
TEXT = [5, 6, 7]


class Commands:
    """Stands for the processes; keeps their arguments and what compiles start from."""

    def __init__(self) -> None:
        self.made: list[tuple[str, ...]] = []
        self.starts: dict[tuple[str, ...], str] = {}
        self.text: dict[tuple[str, ...], list[int]] = {}
        self.refused: tuple[str, ...] = ()
        self.models: dict[str, tuple[str, ...]] = {}

    def __call__(self, what: str, module: str, *arguments: str) -> str:
        self.made.append(arguments)
        if arguments[0] == "export":
            Path(arguments[arguments.index("-o") + 1]).write_text("builtin.module {}\n")
            return ""
        if module == "timed_proofs":
            count = int(arguments[arguments.index("--generated") + 1])
            proof = {"seconds": 2.0 + count, "proof_bytes": 100 + count, "verify_seconds": 0.5}
            proof |= {"committed_cells": 10 * count, "lookups": 8 * count}
            report = {"proofs": {str(count): proof}, "relations": 4, "peak_rss_bytes": 1 << 30}
            return json.dumps(report | {"text": self.text.get(self.models[arguments[0]], TEXT)})
        start = arguments.index("-O")
        end = next(i for i, a in enumerate(arguments) if a == "--quiet")
        options = arguments[start:end]
        self.starts[options] = Path(arguments[arguments.index("--from-ir") + 1]).read_text()
        if "--print-ir-tree" in arguments:
            folder = Path(arguments[arguments.index("--print-ir-tree") + 1]) / "model"
            folder.mkdir(parents=True)
            (folder / "06-choose-bits.mlir").write_text(PLANNED)
        if options == self.refused:
            raise UserError("the tables have too many cells")
        model = arguments[arguments.index("-o") + 1]
        Path(model).touch()
        self.models[model] = options
        measured = "--no-fidelity" not in arguments
        fidelity = {"greedy_agreement": 0.5 if options == ("-O", "1") else 1.0}
        report = {"name": "small", "parameters": 3, "seconds": 1.5}
        return json.dumps(report | {"fidelity": fidelity if measured else None})


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    found = Commands()
    monkeypatch.setattr(ablation, "_call", found)
    return found


def test_every_level_and_every_pass_has_a_row(commands: Commands, tmp_path: Path, capsys) -> None:
    commands.refused = ("-O", "0")
    report = json.loads(json.dumps(ablation.ablation("model", 4, 2, True, quiet=True)))
    rows = {row["variant"]: row for row in report["rows"]}
    left_out = [f"without {name}" for name in OPTIMISATIONS]
    assert list(rows) == ["-O2", "-O1", "-O0", *left_out, "without batch-decode"]
    assert report["generated"] == 3 and report["runs"] == 2
    base = rows["-O2"]
    assert (base["prove_seconds"], base["committed_cells"], base["proofs"]) == (5.0, 30, 1)
    # Three proofs of one token each.
    batch = rows["without batch-decode"]
    assert (batch["prove_seconds"], batch["committed_cells"], batch["proofs"]) == (9.0, 30, 3)
    assert batch["proof_bytes"] == 303 and batch["verify_seconds"] == 1.5
    assert rows["-O0"]["reason"] == "the tables have too many cells"
    # What comes after the choice of formats keeps the function.
    assert rows["-O1"]["greedy_agreement"] == 0.5
    assert rows["without virtualize"]["greedy_agreement"] == base["greedy_agreement"] == 1.0

    ablation.print_rows(report)
    said = capsys.readouterr().out
    assert "3 x 4" in said and "  -O0: the tables have too many cells\n" in said
    pytest.importorskip("matplotlib")
    for suffix, start in ((".svg", b"<?xml"), (".png", b"\x89PNG")):
        file = tmp_path / f"ablation{suffix}"
        ablation.plot(report, file)
        assert file.read_bytes().startswith(start)


def test_formats_are_chosen_once_where_they_are_the_same(commands: Commands) -> None:
    ablation.ablation("model", 4, 1, False, quiet=True)
    starts = {options: pipeline_of(text) for options, text in commands.starts.items()}
    anew = {name for name, level in OPTIMISATIONS.items() if level == 2}
    for name in OPTIMISATIONS:
        found = starts["-O", "2", "--disable-pass", name]
        if name in anew:
            assert found is None, name
        else:
            assert found and found.startswith("convert-nn-to-quant,"), name
            assert ("stack-layers" in found) == (name != "stack-layers")
    assert starts["-O", "1"] is None and starts["-O", "0"] is None


def test_a_pass_that_changes_what_is_said_is_a_fault(commands: Commands) -> None:
    commands.text["-O", "2", "--disable-pass", "virtualize"] = [5, 6, 8]
    with pytest.raises(ZklemmaError, match="without virtualize: the model says something else"):
        ablation.ablation("model", 4, 1, False, quiet=True)


def test_what_can_not_be_measured_at_all_is_refused(commands: Commands) -> None:
    commands.refused = ("-O", "2")
    with pytest.raises(UserError, match="too many cells"):
        ablation.ablation("model", 4, 1, False, quiet=True)


def test_a_process_ends_in_one_line() -> None:
    with pytest.raises(UserError, match=r"^nowhere\.zkl: "):
        ablation._call(
            "the prover", "timed_proofs", "nowhere.zkl", "--generated", "1", "--runs", "1"
        )
    with pytest.raises(ZklemmaError, match="the prover failed: "):
        ablation._call("the prover", "timed_proofs", "--nothing")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--ablation", "--tokens", 2), "2 tokens: give at least 3"),
        (("--ablation", "--runs", 0), "--runs is 0"),
        (("--ablation", "--generated", 2), "not for --ablation"),
        (("--ablation", "--plot", "table.pdf"), "table.pdf: a plot is an .svg or a .png file"),
        (("gemma3-270m",), "give a MODEL and --tokens, or --ablation"),
        (("gemma3-270m", "--tokens", 8, "--plot", "a.png"), "--plot is for --ablation"),
    ],
)
def test_bench_refuses(run, arguments, said) -> None:
    done = run("bench", *arguments)
    assert done.returncode == 2 and done.stderr.startswith("error: ")
    assert said in done.stderr and done.stderr.count("\n") == 1
