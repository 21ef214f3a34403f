"""`torch.export` of a Gemma-3 language model at a static number of tokens.

The model is built on the meta device, so that nothing is allocated, with eager attention, which
traces to plain matmuls. The wrapper takes ids (1, T) only: positions and the two masks are
buffers, because their values are known in closed form and tracing them would add input-independent
operations for each. No decomposition table is run: the pre-dispatch graph already is the small,
rigid set of operations that the importer reads.

The traced graph lists nodes in an order that depends on the iteration of a Python set inside
transformers; the importer walks it from the output, so its result does not.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import torch
from torch.export import ExportedProgram
from transformers import Gemma3ForCausalLM

if TYPE_CHECKING:
    from transformers import Gemma3TextConfig

MODEL = "causal_lm"
POSITIONS = "positions"
LAYER_TYPES = ("full_attention", "sliding_attention")


class LogitsAtFixedPositions(torch.nn.Module):
    """ids (1, T) -> logits (1, T, vocab) at positions 0 .. T-1 with causal masks."""

    def __init__(self, causal_lm: Gemma3ForCausalLM, tokens: int):
        super().__init__()
        self.causal_lm = causal_lm
        self.register_buffer(POSITIONS, torch.empty((1, tokens), dtype=torch.int64))
        for layer_type in LAYER_TYPES:
            self.register_buffer(layer_type, torch.empty((1, 1, tokens, tokens)))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.causal_lm(
            input_ids=ids,
            position_ids=self.get_buffer(POSITIONS),
            attention_mask={name: self.get_buffer(name) for name in LAYER_TYPES},
            use_cache=False,
        ).logits


def meta_model(config: Gemma3TextConfig) -> Gemma3ForCausalLM:
    """The model without storage: shapes and structure only, fp32."""
    config._attn_implementation = "eager"
    with torch.device("meta"):
        return Gemma3ForCausalLM(config).eval().float()


def export_model(config: Gemma3TextConfig, tokens: int) -> ExportedProgram:
    """Traces the model for exactly `tokens` tokens."""
    with torch.device("meta"), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        wrapper = LogitsAtFixedPositions(meta_model(config), tokens).eval()
        ids = torch.empty((1, tokens), dtype=torch.int64)
        return torch.export.export(wrapper, (ids,), strict=False)
