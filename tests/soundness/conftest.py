"""Keys and provers that several tests share; `tests/protocol/proving.py` makes them."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

sys.path += [str(Path(__file__).parents[1] / name) for name in ("executor", "protocol")]
sys.path.append(str(Path(__file__).parent))

proving = import_module("proving")


@pytest.fixture(scope="session")
def toy() -> Any:
    return proving.toy_setting()


@pytest.fixture(scope="session")
def tiny() -> Any:
    return proving.tiny_setting()
