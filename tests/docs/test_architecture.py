"""The picture of the architecture is what its script draws today, and is a picture."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest
from zklemma.compiler.levels import OPTIMISATIONS

SCRIPT = Path(__file__).parents[2] / "docs" / "architecture.py"


@pytest.fixture(scope="module")
def architecture() -> ModuleType:
    spec = importlib.util.spec_from_file_location("architecture", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_it_is_up_to_date(architecture: ModuleType) -> None:
    assert architecture.PICTURE.read_text() == architecture.drawn(), "run `make docs`"


def test_it_shows_every_optimisation(architecture: ModuleType) -> None:
    root = ElementTree.fromstring(architecture.drawn())
    words = " ".join(text for text in root.itertext()).replace(",", " ").split()
    assert {*OPTIMISATIONS, "batch-decode"} <= {*words}
    _, _, width, _ = map(int, root.attrib["viewBox"].split())
    assert width == architecture.WIDTH
