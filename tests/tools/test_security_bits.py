"""The bits of security, counted a second time by a script that shares no code with the package.

``keys`` has reports of `zklemma security --json`: of a key of Gemma-3 270M for 512 tokens, and of the 1B for 128,
whose circuit is the same over larger axes. `test_end_to_end` counts those of the shipped checkpoint.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "security_bits.py"
REPORTS = Path(__file__).parent / "keys"


def count(*reports: str) -> subprocess.CompletedProcess[str]:
    """Isolated, so that the package can not be imported."""
    command = [sys.executable, "-I", "-S", str(SCRIPT)]
    return subprocess.run(command, input="\n".join(reports), capture_output=True, text=True)


def read(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (REPORTS / f"{name}.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("name", ["gemma3-270m", "gemma3-1b"])
def test_large_keys(name: str) -> None:
    reports = read(name)
    assert [report["tokens"] for report in reports] == ["public", "private"]
    for report in reports:
        done = count(json.dumps(report))
        assert done.returncode == 0 and done.stdout.endswith("the same\n"), (
            done.stdout + done.stderr
        )
        assert report["sum_bits"] >= 100 and len(report["terms"]) >= 20


@pytest.mark.parametrize("private", [False, True])
def test_a_key(toy: Any, run: Any, private: bool) -> None:
    options = ["--private"] if private else []
    report = run("security", toy.key, "--json", *options).stdout
    assert count(report).returncode == 0


@pytest.mark.parametrize("wrong", ["sum_bits", "terms", "queries", "pads", "claims", "private"])
def test_a_count_that_differs_is_noticed(wrong: str) -> None:
    """A term or the sum, by a tenth of a bit; one query or one product less."""
    report = read("gemma3-270m")[1]
    numbers = report["numbers"]
    if wrong == "sum_bits":
        report["sum_bits"] -= 0.1
    elif wrong == "terms":
        report["terms"]["einsum rounds"] += 0.1
    elif wrong == "queries":
        numbers["parameters"]["queries"] -= 1
    elif wrong == "pads":
        numbers["parameters"]["pads_log_code"] -= 1
    elif wrong == "claims":
        numbers["products"] = numbers["products"][: len(numbers["products"]) // 2]
    else:
        numbers["private"] = {}
    done = count(json.dumps(report))
    assert done.returncode == 1 and done.stdout.endswith("DIFFERENT\n")
