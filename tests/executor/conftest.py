"""Puts the miniature model and its checker on the import path of the tests here."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
