"""Lets the tests import what `benchmarks/hostile.py` runs, and how the fuzzer bounds memory."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path += [str(HERE), str(HERE.parent / "fuzz")]
