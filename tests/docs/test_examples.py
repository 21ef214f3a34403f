"""Every example of the reference runs through `zk-opt` as it is shown, and gives what it says."""

from __future__ import annotations

import io
import re
import shlex
from pathlib import Path

import pytest
from filecheck.matcher import Matcher
from filecheck.options import parse_argv_options
from zklemma.tools.zk_opt import ZkOpt

ROOT = Path(__file__).parents[2]
EXAMPLES = [
    pytest.param(match[1] or "", match[2], id=f"{page.stem}-{number}")
    for page in sorted((ROOT / "docs" / "reference").glob("*.md"))
    for number, match in enumerate(
        re.finditer(r"(?:From `(\S+)`:\n\n)?```mlir\n(.*?)```", page.read_text(), re.DOTALL)
    )
]


@pytest.mark.parametrize(("source", "text"), EXAMPLES)
def test_example_runs(
    source: str,
    text: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "example.mlir"
    path.write_text(text)
    commands = re.findall(r"^// RUN: (.*)$", text, re.MULTILINE) or ["zk-opt %s"]
    for command in commands:
        command = command.replace("%S", str((ROOT / source).parent)).replace("%s", str(path))
        printed = ""
        for part in command.split(" | "):
            program, *arguments = shlex.split(part)
            if program == "zk-opt":
                monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(printed.encode())))
                ZkOpt(args=arguments).run()
                printed = capsys.readouterr().out
            else:
                assert program == "filecheck"
                (tmp_path / "printed").write_text(printed)
                options = ["filecheck", *arguments, "--input-file", str(tmp_path / "printed")]
                assert Matcher.from_opts(parse_argv_options(options)).run() == 0


def test_examples_are_found() -> None:
    assert len(EXAMPLES) > 100
