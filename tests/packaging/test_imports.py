"""Which part of the package may import which, by its import statements, those inside functions included."""

import ast
from pathlib import Path

import pytest
import zklemma

ROOT = Path(zklemma.__file__ or "").parent
TOPS = ("compiler", "dialects", "runtime", "tools")
# Whatever is imported must begin with one of these; the rest of each part is its own.
ALLOWED = {
    "dialects": ("dialects", "errors", "runtime.circuit"),
    "compiler": ("compiler", "dialects", "errors", "runtime.circuit", "turns"),
    "runtime": ("runtime", "errors", "turns"),
    "runtime.circuit": ("runtime.circuit", "errors"),
    "runtime.kernels": ("runtime.kernels", "runtime.field", "errors"),
    "runtime.witness": (
        "runtime.witness",
        "runtime.circuit",
        "runtime.kernels",
        "runtime.field",
        "errors",
    ),
    "runtime.protocol": (
        "runtime.protocol",
        "runtime.witness",
        "runtime.circuit",
        "runtime.kernels",
        "runtime.field",
        "runtime.randomness",
        "errors",
    ),
}
# Rooms of the runtime that those named first import, and not the other way round.
ABOVE = (
    ("runtime.proving", "runtime.model"),
    ("runtime.verifying", "runtime.model"),
    ("runtime.model", "runtime.protocol"),
    ("runtime.protocol", "runtime.witness"),
    ("runtime.witness", "runtime.circuit"),
    ("runtime.witness", "runtime.kernels"),
)


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path) -> set[str]:
    """The modules of the package that a file imports."""
    package = [*path.relative_to(ROOT).parts[:-1]]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        base = [*package[: len(package) + 1 - node.level], *(node.module or "").split(".")]
        base = [part for part in base if part]
        for alias in node.names:
            whole = [*base, alias.name]
            file = ROOT.joinpath(*whole)
            is_module = file.with_suffix(".py").exists() or (file / "__init__.py").exists()
            found.add(".".join(whole if is_module else base))
    return found


IMPORTS = {
    module_of(path): imported(path) for top in TOPS for path in sorted((ROOT / top).rglob("*.py"))
}


def within(module: str, *parts: str) -> bool:
    return any(module == part or module.startswith(part + ".") for part in parts)


@pytest.mark.parametrize("part", ALLOWED)
def test_a_part_imports_what_it_may(part):
    own = {module: found for module, found in IMPORTS.items() if within(module, part)}
    assert own
    assert not {
        (module, name)
        for module, found in own.items()
        for name in found
        if not within(name, *ALLOWED[part])
    }


def test_rooms_are_above_one_another():
    for above, below in ABOVE:
        assert any(within(m, above) and within(n, below) for m in IMPORTS for n in IMPORTS[m])
        found = {
            (m, n) for m in IMPORTS for n in IMPORTS[m] if within(m, below) and within(n, above)
        }
        assert not found


def test_sides_of_the_protocol_are_apart():
    """No prover.py imports a verifier.py, no verifier.py a prover.py, and what both use neither, but for the whole
    conversation."""
    sides = {"prover", "verifier"}
    parts = {m: n for m, n in IMPORTS.items() if within(m, "runtime.protocol")}
    assert sum(m.endswith((".prover", ".verifier")) for m in parts) == 12
    for module, found in parts.items():
        own = module.rsplit(".", 1)[-1]
        for name in found:
            other = name.rsplit(".", 1)[-1]
            assert other not in sides or own == other or own in ("conversation", "verification")


def reached(start: str) -> set[str]:
    """All that importing a module imports in the end."""
    found, todo = set(), [start]
    while todo:
        module = todo.pop()
        if module not in found:
            found.add(module)
            todo += IMPORTS.get(module, ())
    return found


def test_the_verifier_reaches_no_prover():
    found = reached("runtime.verifying.verifier")
    assert "runtime.protocol.opening.verifier" in found
    assert not {m for m in found if m.endswith(".prover") or within(m, "runtime.kernels")}
    assert not {m for m in found if within(m, "runtime.proving", "runtime.witness", "compiler")}


def test_names_of_files_are_told_apart():
    """Two files of the runtime have one name only where they are sides of a part of the protocol."""
    names = [path.stem for path in (ROOT / "runtime").rglob("*.py")]
    several = {name for name in names if names.count(name) > 1}
    assert several == {"__init__", "prover", "shared", "verifier"}
