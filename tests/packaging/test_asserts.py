"""Nothing in the package is guarded by what `python -O` leaves out."""

import ast
import tomllib
from pathlib import Path

import zklemma

ROOT = Path(zklemma.__file__ or "").parent


def guards(text: str) -> list[int]:
    """The lines of asserts, and of what asks whether Python leaves them out."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Assert) or (isinstance(node, ast.Name) and node.id == "__debug__"):
            found.append(node.lineno)
    return found


def test_no_assert_guards_anything():
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = [ROOT.joinpath(*name.split(".")[1:]) for name in known]
    files = [path for folder in folders for path in folder.glob("*.py")]
    assert len(files) > 100 and ROOT / "runtime" / "verifying" / "verifier.py" in files
    assert {str(path): guards(path.read_text()) for path in files if guards(path.read_text())} == {}


def test_asserts_are_found():
    assert guards("x = 1\nif x:\n    assert x\nif __debug__: pass\n") == [3, 4]
