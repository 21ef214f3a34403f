"""A model of transformers in memory as a checkpoint.

Errors: `UserError` for a configuration that is not supported, or a tokenizer that keys can not hold.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .checkpoint import Checkpoint, checked
from .config import checked_config, inner_config, token_ids
from .tensors import InnerTensors, Shapes, Tensors
from .tokenizer import canonical

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class ModuleTensors:
    """The weights of a module."""

    def __init__(self, module: torch.nn.Module):
        self._state = module.state_dict()
        self.shapes: Shapes = {name: tuple(each.shape) for name, each in self._state.items()}

    def rows(self, name: str, count: int) -> Iterator[np.ndarray]:
        for chunk in self._state[name].detach().split(count):
            yield chunk.float().cpu().numpy()


def module_checkpoint(model: PreTrainedModel, tokenizer: Any) -> Checkpoint:
    """The checkpoint that saving a model and its tokenizer would make."""
    name = Path(model.name_or_path or "").name or type(model).__name__
    where = Path(name)
    wrapper, fields = inner_config(where, json.loads(model.config.to_json_string(use_diff=False)))
    family, config = checked_config(where, fields)
    tensors: Tensors = ModuleTensors(model)
    if wrapper:
        tensors = InnerTensors(tensors, wrapper.prefixes, wrapper.others)
    generation = getattr(model, "generation_config", None) or config
    ends = token_ids(where, "eos_token_id", generation.eos_token_id), where
    return checked(where, name, family, config, canonical(tokenizer), ends, tensors)
