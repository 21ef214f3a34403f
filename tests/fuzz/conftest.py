"""Lets the tests import what `benchmarks/fuzz.py` runs."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
