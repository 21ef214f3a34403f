"""Kernels are compiled ahead: in processes of their own, once, and with nothing half-written if that is stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from inspect import signature
from pathlib import Path

import psutil
import pytest
from zklemma.runtime.kernels import warm
from zklemma.runtime.kernels.signatures import from_data, named, to_data

FEW = {
    "lift._lift_columns": [
        [1.0, ["int16:1Cr", *["int64"] * 4, "uint64:2C", "int64", "int64"]],
        [1.0, ["int64:1Cr", *["int64"] * 4, "uint64:2C", "int64", "int64"]],
    ],
    "tensor._double": [[1.0, ["uint64:2C", "int64", "uint64:1C", "uint64:1C", "int64", "int64"]]],
}
# Compiles few kernels, and prints how many, the fractions that were reported, and whether more are needed.
CODE = f"""
import json, sys
from zklemma.runtime.kernels import pool, warm
warm.listed = lambda: {FEW}
warm.cores = lambda: 2
EXTRA
fractions = []
print(json.dumps([warm.warm(fractions.append), fractions, warm.needed()]))
"""


def in_cache(folder: Path, code: str) -> subprocess.Popen[str]:
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder)}
    return subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=-1, text=True)


def warmed(folder: Path, extra: str = "") -> tuple[int, list[float], bool]:
    done = in_cache(folder, CODE.replace("EXTRA", extra))
    said, _ = done.communicate()
    assert done.returncode == 0
    return json.loads(said)


def compiled(folder: Path) -> set[str]:
    return {path.name.partition("-")[0] for path in folder.rglob("*.nbc")}


def test_the_list_is_of_kernels_that_there_are() -> None:
    for name, own in warm.listed().items():
        assert named(name).stats.cache_path, name
        assert len({json.dumps(kinds) for _, kinds in own}) == len(own), name
        for seconds, kinds in own:
            assert seconds >= 0
            assert [to_data(from_data(kind)) for kind in kinds] == kinds
            assert len(kinds) == len(signature(named(name).py_func).parameters), name


def test_what_was_compiled_once_is_not_again(tmp_path: Path) -> None:
    count, fractions, more = warmed(tmp_path)
    assert count == 3 and not more
    assert fractions == pytest.approx([1 / 3, 2 / 3, 1])
    assert compiled(tmp_path) == set(FEW)
    assert warmed(tmp_path) == [0, [], False]
    (stamp,) = tmp_path.rglob("*.warm")
    stamp.unlink()
    # They are in numba's cache still.
    assert warmed(tmp_path) == [0, pytest.approx([1 / 3, 2 / 3, 1]), False]


@pytest.mark.parametrize("python", ["'/nonexistent'", "'/bin/false'", "None"])
def test_without_processes_this_one_does_it(tmp_path: Path, python: str) -> None:
    environment = "import os; os.environ['PATH'] = ''; "
    count, fractions, more = warmed(tmp_path, f"{environment}sys.executable = {python}")
    assert count == 3 and fractions[-1] == 1 and not more
    assert compiled(tmp_path) == set(FEW)


def test_nothing_is_compiled_where_nothing_is_to_be(tmp_path: Path) -> None:
    code = "import os; os.environ['NUMBA_DISABLE_JIT'] = '1'\n"
    code += "from zklemma.runtime.kernels import warm; print(warm.warm(print))"
    assert in_cache(tmp_path, code).communicate()[0] == "0\n"
    code = "import os; os.environ['NUMBA_DISABLE_JIT'] = '1'\nfrom zklemma.tools.cli import main\n"
    code += "import sys; sys.argv = ['zklemma', 'warm']; main()"
    process = in_cache(tmp_path, code)
    assert process.communicate()[0] == "" and process.returncode == 2
    assert not list(tmp_path.rglob("*"))


def workers(process: subprocess.Popen[str]) -> Iterator[psutil.Process]:
    for child in psutil.Process(process.pid).children():
        if warm.__name__ in child.cmdline():
            yield child


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_all_and_leaves_nothing_half_written(
    tmp_path: Path, number: signal.Signals
) -> None:
    """With all kernels, which take long enough to be interrupted."""
    code = "from zklemma.tools.cli import main; import sys; sys.argv = ['zklemma', 'warm', '-q']; main()"
    process = in_cache(tmp_path, code)
    end = time.monotonic() + 120
    while not compiled(tmp_path) and time.monotonic() < end:
        time.sleep(0.05)
    others = list(workers(process))
    assert others
    process.send_signal(number)
    process.communicate()
    assert process.returncode == 130
    assert not any(other.is_running() for other in others)
    # Nothing but whole files of numba's, and nothing that says that all is done.
    suffixes = {path.suffix for path in tmp_path.rglob("*") if path.is_file()}
    assert suffixes <= {".nbi", ".nbc", ".lock"} and ".nbc" in suffixes
    for index in tmp_path.rglob("*.nbi"):
        assert list(index.parent.glob(f"{index.stem}.*.nbc"))
