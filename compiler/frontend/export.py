"""`torch.export` of a language model at a static number of tokens, and of a network of tensors.

The language model is built on the meta device, so that nothing is allocated, with eager attention, which
traces to plain matmuls. The wrapper takes ids (1, T) only: positions and masks are buffers, because
their values are known in closed form and tracing them would add input-independent operations for each.
No decomposition table is run: the pre-dispatch graph already is the small, rigid set of operations that
the importer reads.

The traced graph lists nodes in an order that depends on the iteration of a Python set inside
transformers; the importer walks it from the output, so its result does not.
"""

from __future__ import annotations

import warnings
from threading import Lock
from typing import TYPE_CHECKING

import torch
from torch.export import ExportedProgram

from ..families.base import Family

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

# Tracing changes PyTorch's state.
_TRACING = Lock()
MODEL = "causal_lm"
POSITIONS = "positions"


class LogitsAtFixedPositions(torch.nn.Module):
    """ids (1, T) -> logits (1, T, vocab) at positions 0 .. T-1 with causal masks."""

    def __init__(self, family: Family, config: PreTrainedConfig, tokens: int):
        super().__init__()
        self.causal_lm = meta_model(family, config)
        self.masks = tuple(family.masks(config))
        self.one_mask = family.one_mask
        self.register_buffer(POSITIONS, torch.empty((1, tokens), dtype=torch.int64))
        for name in self.masks:
            self.register_buffer(name, torch.empty((1, 1, tokens, tokens)))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        masks = {name: self.get_buffer(name) for name in self.masks}
        return self.causal_lm(
            input_ids=ids,
            position_ids=self.get_buffer(POSITIONS),
            attention_mask=next(iter(masks.values())) if self.one_mask else masks,
            use_cache=False,
        ).logits


def meta_model(family: Family, config: PreTrainedConfig) -> PreTrainedModel:
    """The model without storage: shapes and structure only, fp32."""
    with torch.device("meta"):
        return family.build(config).eval().float()


def export_model(family: Family, config: PreTrainedConfig, tokens: int) -> ExportedProgram:
    """Traces the model for exactly `tokens` tokens; of several threads one at a time."""
    with _TRACING, torch.device("meta"), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        wrapper = LogitsAtFixedPositions(family, config, tokens).eval()
        ids = torch.empty((1, tokens), dtype=torch.int64)
        return torch.export.export(wrapper, (ids,), strict=False)


def export_function(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> ExportedProgram:
    """Traces a module for inputs of exactly these shapes. Nothing of its graph changes a value in place."""
    with _TRACING, torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return torch.export.export(module, inputs, strict=False).run_decompositions({})
