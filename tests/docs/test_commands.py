"""Every command of docs/passes.md does what the page says it does, in the order of the page."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner
from zklemma.runtime.model.keys import load_key
from zklemma.tools import zk_opt
from zklemma.tools.cli.app import app

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "passes.md"


def test_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    commands = re.findall(r"^\$ (.*)$", PAGE.read_text(), re.MULTILINE)
    assert len(commands) == 8
    said = []
    for command in commands:
        program, *arguments = shlex.split(command.replace("build/", f"{tmp_path}/"))
        if program == "zk-opt":
            monkeypatch.setattr("sys.argv", ["zk-opt", *arguments])
            zk_opt.main()
            said.append("".join(capsys.readouterr()))
        else:
            assert program == "zklemma"
            result = CliRunner().invoke(app, [*arguments, "--quiet"], catch_exceptions=False)
            assert result.exit_code == 0, result.stderr
            said.append(result.stderr)
    assert "virtualize" not in said[0] and ",virtualize," not in said[1]
    assert "stats = {" in (tmp_path / "virtual.mlir").read_text()
    assert re.search(r"\d s  convert-nn-to-quant  model\n", said[3])
    assert "choose-bits" not in said[3] and "// IR after virtualize\n" in said[4]
    assert (tmp_path / "again.mlir").read_text() == (tmp_path / "circuit.mlir").read_text()
    made, edited = load_key(tmp_path / "model.vk"), load_key(tmp_path / "edited.vk")
    # It was compiled without `cse`, which finds nothing, and says so in its function.
    assert edited.circuit_bytes == made.circuit_bytes
    assert bytes(made.function_bytes) != bytes(edited.function_bytes)
    folders = {path.name for path in (tmp_path / "ir").iterdir()}
    assert folders == {"import", "model", "circuit", "private-circuit"}
