"""The package's own names: lazy, and complete."""

import subprocess
import sys

import pytest
import zklemma


def test_every_public_name_resolves():
    for name in zklemma.__all__:
        assert getattr(zklemma, name) and name in dir(zklemma)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = zklemma.nonsense


def test_importing_the_package_imports_nothing():
    code = "import zklemma, sys; print('numpy' in sys.modules, 'typer' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
