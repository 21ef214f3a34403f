"""The benchmarks of growth and of batching, on the smallest shape with one layer."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from zklemma.errors import UserError
from zklemma.tools import measuring
from zklemma.tools.random_checkpoint import random_checkpoint

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SHAPE = "gemma3-mini"


def program(name):
    spec = importlib.util.spec_from_file_location(f"benchmarks_{name}", BENCHMARKS / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


growth, batch = program("growth"), program("batch")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def commands(monkeypatch, run):
    """Run commands in this process, which has PyTorch loaded; returns the list of them."""
    found = []

    def here(*arguments):
        found.append(arguments)
        done = run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) | {"process": {"seconds": 1.0}}

    monkeypatch.setattr(measuring, "run", here)
    return found


def test_growth_measures_every_point(commands, cache, tmp_path, capsys):
    points = growth.points_of(SHAPE, [3, 4], [1], [])
    assert [(p.sweep, p.value, p.tokens) for p in points] == [
        *(("tokens", 3, 3), ("tokens", 4, 4), ("layers", 1, growth.FIXED_TOKENS))
    ]
    report = growth.report_of(SHAPE, points[-1:], 2, cache, quiet=True)
    [point] = json.loads(json.dumps(report))["points"]
    assert (point["sweep"], point["value"], point["layers"], point["tokens"]) == (
        "layers",
        1,
        1,
        64,
    )
    assert point["hiding"] is True and point["security_bits"] >= 100
    assert all(point[name] > 0 for name in growth.FIGURES)
    assert len(point["prove_seconds_each"]) == 2 and report["fit"] is None
    # One proof is not counted.
    assert [a[0] for a in commands] == ["compile", *["prove", "verify"] * 3]
    assert [path.name for path in cache.iterdir()] == [f"{SHAPE}-num_hidden_layers-1"]
    growth.show(report)
    assert "layers 1" in capsys.readouterr().out

    pytest.importorskip("matplotlib")
    for suffix, start in ((".svg", b"<?xml"), (".png", b"\x89PNG")):
        file = tmp_path / f"growth{suffix}"
        growth.require_plot(file)
        growth.plot(report, file)
        assert file.read_bytes().startswith(start)


def test_growth_compiles_again_when_masks_are_used_up(monkeypatch, cache, tmp_path):
    made = []

    def answers(name, *_):
        made.append(name)
        left = made.count("prove") % 2
        found = {"proofs_left": left, "proof_bytes": 1, "peak_rss_bytes": 1, "tokens": 4}
        found |= {"committed_cells": 1, "lookups": 1, "security_bits": 100, "hiding": True}
        found |= {"parameters": 1, "max_tokens": 4, "process": {"seconds": 1.0}}
        return found | (
            {"stages": {"check": 1.0}} if name == "verify" else {"seconds": {"total": 1.0}}
        )

    monkeypatch.setattr(measuring, "run", answers)
    [point] = growth.points_of(SHAPE, [4], [], [])
    growth.report_of(SHAPE, [point], 2, cache, quiet=True)
    assert "".join(name[0] for name in made) == "cpvpv" * 2


def test_growth_fits_a_line_and_compares_layers():
    points = [{"tokens": n, "prove_seconds": 2 + n / 4} for n in (8, 64, 512)]
    line = growth.fit(points)
    assert line["constant_seconds"] == pytest.approx(2)
    assert line["seconds_per_token"] == pytest.approx(0.25)
    assert line["largest_relative_residual"] < 1e-9
    points[0]["prove_seconds"] = 8
    assert growth.fit(points)["largest_relative_residual"] > 0.1
    assert growth.fit(points[:2]) is None
    sizes = [
        {"proof_bytes": n, "verify_seconds": 1 / n, "verify_process_seconds": 1} for n in (2, 3)
    ]
    assert growth.ratios(sizes) == {
        **{"proof_bytes": 1.5, "verify_seconds": pytest.approx(1.5)},
        "verify_process_seconds": 1,
    }
    assert growth.ratios(sizes[:1]) is None


def test_growth_interrupted_leaves_checkpoints_only(monkeypatch, tmp_path):
    def interrupted(name, _, option, file, *more):
        assert (name, option) == ("compile", "-o")
        Path(file).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(measuring, "run", interrupted)
    points = growth.points_of(SHAPE, [4], [], [])
    with pytest.raises(KeyboardInterrupt):
        growth.report_of(SHAPE, points, 1, tmp_path, quiet=True)
    assert [path.name for path in tmp_path.iterdir()] == [SHAPE]


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("--tokens", "2"), "--tokens: give at least 3"),
        (("--layers", "0"), "num_hidden_layers is 0: give at least 1"),
        (("--width", "1", "--shape", "gemma3-9b"), "gemma3-9b: unknown shape"),
        (("--runs", "0"), "--runs is 0"),
        (("--tokens", "--layers", "--width"), "nothing to measure"),
        (("--plot", "growth.pdf"), "growth.pdf: a plot is an .svg or a .png file"),
    ],
)
def test_growth_refuses(monkeypatch, capsys, arguments, said):
    monkeypatch.setattr(sys, "argv", ["growth.py", *arguments])
    with pytest.raises(SystemExit) as ended:
        measuring.script(growth.main)
    error = capsys.readouterr().err
    assert ended.value.code == 2 and error.startswith("error: ")
    assert said in error and error.count("\n") == 1


def test_batch_compares_with_single_proofs(commands, cache, capsys):
    checkpoint = random_checkpoint(SHAPE, cache, {"num_hidden_layers": 1})
    report = json.loads(json.dumps(batch.measure(checkpoint, [4, 2], 1, quiet=True)))
    assert [c[0] for c in commands] == ["compile"] and report["hiding"] is True
    single, load = report["single"]["seconds"], report["load_seconds"]
    assert single > 0 and load > 0
    assert [row["tokens"] for row in report["batches"]] == [2, 4]
    for row in report["batches"]:
        assert row["singles_seconds"] == row["tokens"] * single
        assert row["ratio"] == pytest.approx(row["singles_seconds"] / row["seconds"])
        with_load = row["tokens"] * (load + single) / (load + row["seconds"])
        assert row["ratio_with_load"] == pytest.approx(with_load)
    batch.show(report)
    assert "gemma3-mini" in capsys.readouterr().out


@pytest.mark.parametrize(
    "sizes, runs, said",
    [([1, 8], 1, "at least 2"), ([8], 0, "--runs is 0"), ([8], 99, "200 proofs")],
)
def test_batch_refuses(commands, cache, sizes, runs, said):
    checkpoint = random_checkpoint(SHAPE, cache, {"num_hidden_layers": 1})
    with pytest.raises(UserError, match=said):
        batch.measure(checkpoint, sizes, runs, quiet=True)
