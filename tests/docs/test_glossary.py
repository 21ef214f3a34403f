"""Each word of the glossary is one sentence, and at home where the page says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "docs" / "glossary.py"


@pytest.fixture(scope="module")
def glossary() -> ModuleType:
    spec = importlib.util.spec_from_file_location("glossary", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_links_are_up_to_date(glossary: ModuleType) -> None:
    page = glossary.PAGE.read_text()
    assert glossary.linked(page) == page, "run python docs/glossary.py"


def test_rows_are_sentences_in_order(glossary: ModuleType) -> None:
    page = glossary.PAGE.read_text()
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    rows = [line for line in lines if not line.startswith("| word ")]
    found = glossary.ROW.findall(page)
    assert len(found) == len(rows) > 80
    assert all(sentence[0].isupper() and sentence.endswith(".") for _, sentence, _ in found)
    assert len({word for word, *_ in found}) == len(found)


@pytest.mark.parametrize(
    ("symbol", "said"), [("Nowhere", "no file"), ("Claim", "runtime/.*, tools/")]
)
def test_a_symbol_is_defined_once(glossary: ModuleType, symbol: str, said: str) -> None:
    with pytest.raises(SystemExit, match=f"{symbol} is defined in {said}"):
        glossary.linked(f"| word | It is one. | `{symbol}` |\n")
