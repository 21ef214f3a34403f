"""The wheel: it holds the package and nothing else, and a light install of it can verify."""

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
HEAVY = ("torch", "transformers", "xdsl", "numba", "llvmlite", "sympy", "zklemma.compiler")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """A wheel built from a copy of the sources, so that the build leaves nothing behind."""
    folder = tmp_path_factory.mktemp("wheel")
    skip = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__", "checkpoints")
    shutil.copytree(ROOT, folder / "source", ignore=skip)
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, "."],
        cwd=folder / "source",
        check=True,
        capture_output=True,
    )
    (found,) = folder.glob("*.whl")
    return found


def test_wheel_holds_every_module_and_only_this_package(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in names}
    assert top == {"zklemma", f"zklemma-{PROJECT['project']['version']}.dist-info"}
    packages = PROJECT["tool"]["setuptools"]["packages"]
    for package in packages:
        for source in ROOT.joinpath(*package.split(".")[1:]).glob("*.py"):
            assert f"{package.replace('.', '/')}/{source.name}" in names
    folders = {
        path.parent.relative_to(ROOT)
        for top in ("compiler", "dialects", "runtime", "tools")
        for path in (ROOT / top).rglob("*.py")
    }
    scripts = Path("verifier", "js")
    declared = {Path(*package.split(".")[1:]) for package in packages} - {Path()}
    assert folders | {scripts} == declared
    assert f"zklemma/{scripts / 'index.js'}" in names
    program = scripts / "zklemma-verify.wasm"
    assert (f"zklemma/{program}" in names) == (ROOT / program).exists()
    texts = list((ROOT / "compiler").rglob("*.txt"))
    assert len(texts) == 14
    assert {f"zklemma/{text.relative_to(ROOT)}" for text in texts} <= set(names)
    assert {"zklemma/runtime/kernels/specialisations.json", "zklemma/py.typed"} <= set(names)


def light_python(code: str, wheel: Path, folder: Path) -> str:
    """Run code where only the wheel and the light dependencies can be imported."""
    blocked = f"""
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {[name for name in HEAVY if "." not in name]!r}:
            raise ModuleNotFoundError(f"blocked: {{name}}", name=name)
sys.meta_path.insert(0, Blocked())
sys.meta_path = [f for f in sys.meta_path if "editable" not in type(f).__module__ + str(f)]
sys.path.insert(0, {str(wheel)!r})
import zklemma
assert zklemma.__file__.startswith({str(wheel)!r}), zklemma.__file__
"""
    done = subprocess.run(
        [sys.executable, "-c", blocked + code], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_verifier_needs_only_the_light_install(wheel, tmp_path):
    code = """
import zklemma.runtime.verifying.verifier, zklemma.runtime.model.keys, zklemma.tools.cli.app
from zklemma import verify, load_key
print([name for name in sys.modules if name.startswith("zklemma.compiler")])
"""
    assert light_python(code, wheel, tmp_path).strip() == "[]"


@pytest.mark.parametrize("command", ["main", "zk_opt", "zk_translate"])
def test_commands_say_what_a_light_install_lacks(wheel, tmp_path, command):
    code = f"""
sys.argv = ["zklemma", "compile", "checkpoint", "-o", "model.zkl"]
from zklemma.tools.cli import {command}
try:
    {command}()
except SystemExit as end:
    assert end.code == 2
"""
    code = code.replace("from", "sys.stderr = sys.stdout\nfrom", 1)
    said = light_python(code, wheel, tmp_path)
    assert said.count("\n") == 1 and "pip install 'zklemma[compile]'" in said
    assert os.listdir(tmp_path) == []


def test_importing_the_verifier_imports_nothing_heavy():
    code = (
        "import sys, zklemma.runtime.verifying.verifier, zklemma.tools.cli.app; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert loaded.isdisjoint(HEAVY)
