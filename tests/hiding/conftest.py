"""Keys and provers that the tests of hiding share; `tests/protocol/proving.py` makes them.

Their mask cells outnumber the columns that a proof opens, as those of every key that really hides do.
"""

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
def hidden() -> Any:
    code = proving.parameters(10, [2], pads=400)
    assert code.mask_columns >= code.queries and code.pads_masks >= code.pads_queries
    return proving.tiny_setting(code)


@pytest.fixture(scope="session")
def toy() -> Any:
    return proving.toy_setting()
