"""Each known mistake can still be made; `benchmarks/mutate_traps.py` sees that it is noticed."""

from __future__ import annotations

import ast
from itertools import chain
from pathlib import Path

import pytest
from traps import ROOT, TRAPS, Trap, edited, trapped

EVERY = list(chain.from_iterable(TRAPS.values()))


@pytest.mark.parametrize("trap", EVERY, ids=[trap.name for trap in EVERY])
def test_a_mistake_that_can_be_made(trap: Trap) -> None:
    """Each edit fits once, what comes out is a program, and another one; the tests are there."""
    for file, text in trapped(trap).items():
        assert ast.dump(ast.parse(text)) != ast.dump(ast.parse((ROOT / file).read_text()))
    for test in trap.tests:
        path, _, name = test.partition("::")
        assert (ROOT / path).exists()
        assert not name or f"def {name}(" in (ROOT / path).read_text()


def test_names_tell_mistakes_apart() -> None:
    for traps in TRAPS.values():
        assert len({trap.name for trap in traps}) == len(traps)


SOURCE = """
def f(a, b):
    # A comment, and f(a).
    return g(
        a,
        "x, y",
        b,
    )
"""


def test_an_edit_finds_its_place_however_it_is_written() -> None:
    assert edited(SOURCE, 'g(a, "x, y", b)', "h(b)") == SOURCE.replace(SOURCE[52:-1], "h(b)")
    assert "return a" in edited(SOURCE, '    return g(a, "x, y", b)\n', "    return a\n")


@pytest.mark.parametrize("old", ["g(a)", "a", '"x,y"', "A comment"])
def test_an_edit_that_does_not_fit(old: str) -> None:
    with pytest.raises(ValueError, match=r"^\d times"):
        edited(SOURCE, old, "")


def test_the_sources_are_read_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text(SOURCE)
    trap = Trap("x", (("x.py", "return g", "return h"), ("x.py", "h(", "k(")), ())
    assert "return k(" in trapped(trap, tmp_path)["x.py"]
