"""What `benchmarks/mutants.py` takes out: what counts as a check or an item; and the cheap ones are noticed."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from copy import deepcopy
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import sites
from sites import ROOT, Site

MUTANTS = ROOT / "benchmarks" / "mutants.py"

SOURCE = """
def check(a, b, c, name):
    if a < 1 or not 0 <= b < 2 or any(x for x in c if x):
        raise ValueError("several")
    if not (a and b):
        raise ValueError("both")
    if a and b:
        raise ValueError("joined so that both must hold")
    fits = a == 1 and all(x < 3 for x in c)
    if not fits:
        raise ValueError("by name")
    if a:
        b = 2
    check_more(b)
    verify(name)
    c.append(a)
    return a if a else stop(b)

def stop(x) -> NoReturn:
    raise ValueError(x)

def talk(channel, what):
    identity = (("key", a), ("root", b))
    channel.raw("root", 32)
    masked_round(channel, "round", 2)
    channel.clear(f"{what} values")
    channel.transcript.absorb(what, b"")
"""

ATOMS = [
    "a < 1", "0 <= b", "b < 2", "x", "a", "b", "a and b", "not fits", "a == 1", "x < 3", "a (2)",
]  # fmt: skip


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Site, ...]:
    """The sites of one module."""
    (tmp_path / "one.py").write_text(SOURCE)
    monkeypatch.setattr(sites, "ROOT", tmp_path)
    monkeypatch.setattr(sites, "ENTRIES", ("one",))
    monkeypatch.setattr(sites, "PROVER", "one")
    for function in (sites.module, sites.modules, sites.sites, sites._speakers):
        monkeypatch.setattr(sites, function.__name__, function.__wrapped__)
    return sites.sites()


def test_what_is_found(found: tuple[Site, ...]) -> None:
    texts = {kind: [s.text for s in found if s.kind == kind] for kind in ("atom", "call", "item")}
    assert texts["atom"] == ATOMS
    assert texts["call"] == ["check_more(b)", "verify(name)"]
    values = ["prompt values", "output values", "tensor values"]
    assert texts["item"] == ["root", "round", *values, "key", "root (2)"]
    assert len({site.name for site in found}) == len(found)


def test_what_is_taken_out(found: tuple[Site, ...]) -> None:
    def without(text: str) -> str:
        (site,) = (s for s in found if s.text == text)
        changed = sites.Module("one")
        sites._without(site, changed.functions[site.targets[0][1]])
        return sites.ast.unparse(changed.tree)

    assert "if False or not 0 <= b < 2 or any(" in without("a < 1")
    assert "not (True and b < 2)" in without("0 <= b")
    assert "any((False for x in c if x))" in without("x")
    assert "if not (True and b)" in without("a")
    assert "if False:\n        raise ValueError('joined" in without("a and b")
    assert "fits = a == 1 and all((True for x in c))" in without("x < 3")
    assert "return a if True else stop(b)" in without("a (2)")
    assert "check_more" not in without("check_more(b)")
    assert "identity = (('root', b),)" in without("key")
    assert "if what != 'round':\n        channel.transcript.absorb(what, b'')" in without("round")


def test_every_site_of_the_verifier_can_be_taken_out() -> None:
    found = sites.sites()
    kinds = {kind: sum(s.kind == kind for s in found) for kind in ("atom", "call", "item")}
    assert kinds["atom"] > 150 and kinds["call"] > 30 and kinds["item"] > 30
    for site in found:
        name, function = site.targets[0]
        node = deepcopy(sites.module(name).functions[function])
        before = sites.ast.dump(node)
        sites._without(site, node)
        assert sites.ast.dump(node) != before


def test_no_condition_that_refuses_is_overlooked() -> None:
    """Each `raise` under an ``if`` in the verifier's modules is what some site guards, however it is written."""
    guarded = {(s.module, s.function, s.reached) for s in sites.sites()}
    for name in sites.modules():
        for function, node in sites.module(name).functions.items():
            above = {path: part for part, path in sites._walk(node)}
            for path, part in above.items():
                outer = [above[path[:end]] for end in range(len(path))]
                if (
                    isinstance(part, sites.ast.Raise)
                    and part.exc
                    and any(isinstance(o, sites.ast.If) for o in outer)
                    and not any(isinstance(o, sites.ast.ExceptHandler) for o in outer)
                    and f"{name}:{function}" not in sites.LEFT_OUT
                ):
                    assert (name, function, path) in guarded, sites.ast.unparse(part)


def test_what_is_listed_as_redundant_exists_and_has_a_reason() -> None:
    redundant = tomllib.loads((ROOT / "tests" / "mutation" / "redundant.toml").read_text())
    assert set(redundant) <= {site.name for site in sites.sites()}
    assert all(len(reason) > 20 for reason in redundant.values())


def test_the_conversation_needs_every_check_and_item() -> None:
    """The group of messages and openings; the others are for the benchmark."""
    command = [sys.executable, MUTANTS, "--only", "conversation"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(": tests/") > 45


def test_what_is_unknown_is_taken_out_by_the_last_group() -> None:
    """Every site is in a group, a site of a new module, too."""
    spec = spec_from_file_location("mutants", MUTANTS)
    assert spec and spec.loader
    mutants = module_from_spec(spec)
    spec.loader.exec_module(mutants)
    groups = {mutants.group_of(site) for site in sites.sites()}
    assert groups == set(mutants.GROUPS)
    new = Site("runtime.protocol.new", "f", "atom", "a", (("runtime.protocol.new", "f"),))
    assert mutants.group_of(new) == "conversation"
    for _, tests in mutants.GROUPS.values():
        for test in tests:
            path, _, name = test.partition("::")
            assert f"def {name}" in (ROOT / path).read_text()


SURVIVES = """
import sys
sys.path.append(sys.argv[1])
import killing, sites
for text, test in (argument.split(" by ") for argument in sys.argv[2:]):
    (site,) = (s for s in sites.sites() if s.text == text)
    print(killing.kill([site], [test])[site.name] or "SURVIVED")
"""


def test_what_nobody_notices_survives() -> None:
    """The path of an opening is not checked: one test sees it, another one does not. Nor is the size of a key's
    file, which a test with fixtures sees, though it is the first one and the last."""
    blind = "tests/protocol/test_merkle.py::test_siblings_are_the_fewest"
    seeing = "tests/protocol/test_merkle.py::test_leaves_do_not_move"
    fixtures = "tests/formats/test_keys.py::test_a_file_that_is_too_large_is_not_copied"
    path, size = "known[0] != root", "identify(KEY, data, str(path))"
    cases = f"{path} by {blind}", f"{path} by {seeing}", f"{size} by {fixtures}"
    command = [sys.executable, "-c", SURVIVES, str(Path(__file__).parent), *cases]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    verdicts = [line for line in done.stdout.splitlines() if line.startswith(("SURV", "tests/"))]
    assert verdicts == ["SURVIVED", seeing, fixtures], done.stdout + done.stderr
