"""The tables behind zk-opt, and what its users see when something is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from zklemma.compiler.transforms.registry import UNIVERSE
from zklemma.tools import zk_opt


def test_tables_name_what_they_hold() -> None:
    assert {name: make().name for name, make in UNIVERSE.all_passes.items()} == {
        name: name for name in UNIVERSE.all_passes
    }
    assert {name: make().name for name, make in UNIVERSE.all_dialects.items()} == {
        name: name for name in UNIVERSE.all_dialects
    }


NOT_RAISED = """
func.func @main() -> tensor<f32> {
  %0 = nn.constant 1.0 : tensor<f32>
  func.return %0 : tensor<f32>
}
"""


@pytest.mark.parametrize(
    ("file", "text", "arguments", "message"),
    [
        ("a.mlir", "nn.tokens", [], "Expected"),
        ("a.mlir", "%0 = nn.tokens : tensor<2x3xi64>", [], "tokens have shape (T) or (1, T)"),
        ("a.mlir", NOT_RAISED, ["-p", "raise-to-nn"], "nn.constant"),
        ("a.mlir", "", ["-p", "no-such-pass"], "no-such-pass"),
        ("a.mlir", "", ["-p", "raise-rope{depth=1}"], "depth"),
        ("a.mlir", "", ["-p", "raise-rope{"], "pass pipeline"),
        ("a.txt", "", [], "extension"),
    ],
)
def test_errors_are_messages(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    file: str,
    text: str,
    arguments: list[str],
    message: str,
) -> None:
    path = tmp_path / file
    path.write_text(text)
    monkeypatch.setattr("sys.argv", ["zk-opt", str(path), *arguments])
    with pytest.raises(SystemExit) as exit:
        zk_opt.main()
    error = capsys.readouterr().err
    assert exit.value.code == 1
    assert error.startswith("zk-opt: ")
    assert message in error
