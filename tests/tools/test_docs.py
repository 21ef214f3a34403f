"""The reference pages are what the docstrings and lit tests say today."""

import importlib.util
from pathlib import Path

GENERATE = Path(__file__).parents[2] / "docs" / "generate.py"


def test_reference_is_up_to_date():
    spec = importlib.util.spec_from_file_location("generate", GENERATE)
    assert spec and spec.loader
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    wanted = generate.pages()
    found = {path.name: path.read_text() for path in generate.REFERENCE.glob("*.md")}
    assert found.keys() == wanted.keys(), "run `make docs`"
    for name, text in wanted.items():
        assert found[name] == text, f"{name} is out of date: run `make docs`"
