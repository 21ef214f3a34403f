"""Keys and provers that several tests share."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1] / "executor")]

from proving import Setting, tiny_setting, toy_setting


@pytest.fixture(scope="session")
def toy() -> Iterator[Setting]:
    yield toy_setting()


@pytest.fixture(scope="session")
def tiny() -> Iterator[Setting]:
    yield tiny_setting()
