"""What of a model can be compiled, before anything is: `zklemma coverage`."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from ..compiler.coverage import Coverage, model_coverage, network_coverage
from ..errors import UserError

PYTHON = re.compile(r"([A-Za-z_][\w.]*):([A-Za-z_]\w*)")


def coverage(source: str) -> Coverage:
    """``source`` is a language model as `compile` takes it, its config.json, or MODULE:FUNCTION, a function of a
    module of Python that returns a network and example inputs."""
    if (called := from_python(source)) is not None:
        network, examples = called
        return network_coverage(type(network).__name__, network, examples)
    return model_coverage(source)


def from_python(source: str) -> tuple[torch.nn.Module, Any] | None:
    """The network and the example inputs that MODULE:FUNCTION returns; None for another source."""
    place = PYTHON.fullmatch(source)
    if not place or Path(source).exists():
        return None
    sys.path.insert(0, "")
    try:
        network, examples = getattr(import_module(place[1]), place[2])()
    except Exception as error:  # Of code that is not ours.
        raise UserError(f"{source}: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove("")
    if not isinstance(network, torch.nn.Module):
        raise UserError(f"{source} returns {type(network).__name__}, not a module and its inputs")
    return network, examples
