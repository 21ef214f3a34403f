"""Packages of the examples, installed where nothing else sees them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

ROOT = Path(__file__).parents[2]
Run: TypeAlias = Callable[..., subprocess.CompletedProcess[str]]
"""Runs a command of the package, `zk_opt` or `zk_translate`, with arguments."""


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Run]:
    """Installs an example by pip, without the network, and gives what runs commands that see it."""

    def install(name: str) -> Run:
        # What is built is left beside the sources.
        source = tmp_path_factory.mktemp("source") / name
        shutil.copytree(ROOT / "examples" / name, source)
        target = str(tmp_path_factory.mktemp("installed"))
        options = ["--no-deps", "--no-build-isolation", "--no-index", "--target", target]
        made = _run([sys.executable, "-m", "pip", "install", *options, str(source)], os.environ)
        assert not made.returncode, made.stderr
        paths = filter(None, (target, os.environ.get("PYTHONPATH")))
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}

        def run(command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
            code = f"from zklemma.tools.cli import {command}; {command}()"
            return _run([sys.executable, "-c", code, *arguments], environment)

        return run

    return install


def _run(
    command: list[str], environment: os._Environ[str] | dict[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
