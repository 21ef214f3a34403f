"""What finds and makes mistakes lies beside its tests."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
