"""Chunks cover the range once and in order, whatever the sizes."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from zklemma.runtime.kernels.operand import operand
from zklemma.runtime.kernels.pool import chunks


@pytest.mark.parametrize("n", [0, 1, 7, 100, 12345])
@pytest.mark.parametrize("grain", [1, 10, 10**6])
def test_partition(n: int, grain: int) -> None:
    pieces = chunks(lambda lo, hi: (lo, hi), n, grain)
    assert pieces[0][0] == 0 and pieces[-1][1] == n
    assert all(a[1] == b[0] for a, b in pairwise(pieces))
    assert len(pieces) == 1 or min(hi - lo for lo, hi in pieces) >= grain


def test_errors_propagate() -> None:
    def fail(lo: int, hi: int) -> None:
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        chunks(fail, 100, 1)


def test_operands_have_one_type() -> None:
    strided = np.arange(10, dtype=np.uint64)[::2]
    frozen = np.frombuffer(bytes(40), np.uint64)
    for x in (strided, frozen, np.arange(5, dtype=np.uint64)):
        view = operand(x)
        assert view.flags.c_contiguous and not view.flags.writeable and (view == x).all()
    assert strided.flags.writeable


def test_cache_falls_back_when_the_package_is_read_only(tmp_path: Path) -> None:
    """Compiled code goes to the user's cache directory if __pycache__ cannot be written."""
    package = tmp_path / "readonly"
    package.mkdir()
    source = "from numba import njit\n@njit(cache=True)\ndef one():\n    return 1\n"
    (package / "leaf.py").write_text(source)
    (package / "__pycache__").write_text("a file: no directory can be made here, even by root")
    home = tmp_path / "home"
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}
    environment |= {"XDG_CACHE_HOME": str(home), "HOME": str(home), "PYTHONPATH": str(package)}
    environment |= {"PYTHONDONTWRITEBYTECODE": "1"}
    code = "import leaf; leaf.one()"
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert list(home.rglob("*.nbi"))


def test_freed_memory_is_kept() -> None:
    """A large array that was freed costs no page faults to make again."""
    code = """
import resource
import numpy as np
from zklemma.runtime.kernels.memory import keep_freed_memory

keep_freed_memory()
np.ones(1 << 23)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(1 << 23)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    run = [sys.executable, "-c", code]
    faults = int(subprocess.run(run, check=True, capture_output=True, text=True).stdout)
    if sys.platform == "linux":
        assert faults < 16
