"""What a proof is predicted to cost, against one."""

import json

import pytest
from typer.testing import CliRunner
from zklemma.errors import UserError
from zklemma.runtime.model.keys import save_artifact
from zklemma.runtime.progress import Clock, Silent
from zklemma.runtime.proving.prover import Prover, Request
from zklemma.runtime.witness.executor import Executor
from zklemma.tools import cost as costs
from zklemma.tools.cli.app import app

PROMPT, GENERATED = [2, 4, 5, 6, 7, 8, 9], 2


@pytest.fixture(scope="module")
def artifact(make):
    return make()


@pytest.fixture(scope="module")
def path(artifact, tmp_path_factory):
    found = tmp_path_factory.mktemp("cost") / "model.zkl"
    save_artifact(found, artifact)
    return found


@pytest.fixture(autouse=True)
def rates(monkeypatch):
    """Of no machine."""
    units = ("multiplications", "butterflies", "hash bytes", "small MACs", "field MACs")
    units = (*units, "integer MACs", "random bytes", "bytes moved")
    monkeypatch.setattr(costs, "ceilings", lambda: dict.fromkeys(units, 1e9))


def test_bytes_cells_and_memory_are_those_of_a_proof(artifact, path):
    tokens = [
        *PROMPT,
        *Executor(artifact.key.circuit, artifact.program, artifact.params).generate(
            PROMPT, GENERATED
        ),
    ]
    prover = Prover(artifact.key, artifact.program, artifact.params, artifact.masks)
    proved = prover.prove(Request(tuple(tokens), len(PROMPT), True), Clock(Silent()))
    found = costs.cost(path, len(tokens), GENERATED)
    # Which nodes of a tree are sent depends on what is opened.
    assert found["proof_bytes"] == pytest.approx(len(proved.proof), rel=0.02)
    assert found["peak_bytes"] == proved.predicted_bytes
    assert found["committed_cells"] == proved.committed_cells
    assert found["lookups"] == proved.lookups


def test_modules_add_up(path):
    found = costs.cost(path)
    modules = found["modules"].values()
    assert sum(row["cells"] for row in modules) == found["committed_cells"]
    assert sum(row["lookups"] for row in modules) == found["lookups"]
    assert sum(row["seconds"] for row in modules) == pytest.approx(found["seconds"])
    assert sum(found["stages"].values()) == pytest.approx(found["seconds"])
    assert set(found["stages"]) == set(costs.EXPLAINED)
    assert any("mlp.up" in name and row["lookups"] for name, row in found["modules"].items())


def test_longer_proofs_take_more(path):
    short, long = costs.cost(path, 4), costs.cost(path)
    for name in ("seconds", "committed_cells", "lookups"):
        assert short[name] < long[name]


@pytest.mark.parametrize("tokens, generated", [(1, 1), (4, 4), (4, 0), (1 << 20, 1)])
def test_what_no_proof_has(path, tokens, generated):
    with pytest.raises(UserError, match="this model takes 2 to"):
        costs.cost(path, tokens, generated)


def test_it_is_printed(path):
    said = CliRunner().invoke(app, ["cost", str(path), "--tokens", "4"])
    assert said.exit_code == 0 and "mlp.up" in said.stdout
    said = CliRunner().invoke(app, ["cost", str(path), "--json"])
    assert json.loads(said.stdout)["proof_bytes"] > 0
