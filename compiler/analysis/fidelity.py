"""Fidelity: how often the integer function predicts the same next token as fp32 PyTorch.

Both run teacher-forced on windows of held-out text. Greedy agreement is the share of positions with
the same most likely next token; `delta_nats` is the mean increase in the negative log-likelihood of
the token that follows, in nats. The cosine of the logits says little about a language model and is
not reported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypedDict

import numpy as np
import torch
from transformers import Gemma3ForCausalLM
from transformers.initialization import no_init_weights
from xdsl.dialects.builtin import ModuleOp

from ...dialects import quant
from ...errors import UserError
from ..frontend.checkpoint import Checkpoint
from ..modules import main_function

Logits = Callable[[list[int]], np.ndarray]


# Positions compared at a time.
ROWS = 64
# Weights times positions that a report may take, and what reading the weights costs, in positions.
WORK = 1 << 38
READING = 32
# Positions that tell enough of a small model, for which the rows take the time and not the weights.
POSITIONS = 1 << 12


class Fidelity(TypedDict):
    greedy_agreement: float
    delta_nats: float
    positions: int


def fidelity(
    reference: Logits, integer: Logits, scale: float, windows: Sequence[Sequence[int]]
) -> Fidelity:
    """Compares two functions from ids to logits (n, vocab); `scale` makes integer ones real."""
    same, nats, positions = 0, 0.0, 0
    for window in windows:
        ids = list(window)
        if len(ids) < 2:
            continue
        all_expected, all_actual = reference(ids)[:-1], integer(ids)[:-1]
        for start in range(0, len(all_expected), ROWS):
            rows = slice(start, start + ROWS)
            expected = all_expected[rows].astype(np.float64)
            actual = all_actual[rows] * scale
            following = np.array(ids[1:][rows])
            same += int(np.sum(expected.argmax(-1) == actual.argmax(-1)))
            nats += float(np.sum(_nats(actual, following) - _nats(expected, following)))
            positions += len(following)
    if positions == 0:
        raise UserError("fidelity needs a window of at least two tokens")
    return {
        "greedy_agreement": same / positions,
        "delta_nats": nats / positions,
        "positions": positions,
    }


def affordable(windows: Sequence[list[int]], weights: int) -> list[list[int]]:
    """As many of the windows, one at least, as a report on a model of that size has time for."""
    chosen, work, positions = [], 0, 0
    for window in windows:
        work += weights * (READING + len(window))
        positions += len(window)
        if chosen and (work > WORK or positions > POSITIONS):
            break
        chosen.append(window)
    return chosen


def pytorch_model(checkpoint: Checkpoint) -> Gemma3ForCausalLM:
    """The checkpoint in PyTorch, in fp32."""
    config = checkpoint.config
    config._attn_implementation = "eager"
    with no_init_weights():  # Memory that nothing writes to before it is replaced is never taken.
        model = Gemma3ForCausalLM(config).eval().float()
    state = {name: torch.from_numpy(checkpoint.tensor(name)) for name in checkpoint.names}
    missing, unexpected = model.load_state_dict(state, strict=False, assign=True)
    tied = {"lm_head.weight"} if config.tie_word_embeddings else set()
    if unexpected or set(missing) - tied:
        raise UserError(f"PyTorch does not take the weights: {sorted({*missing, *unexpected})}")
    model.tie_weights()
    return model


def pytorch_logits(checkpoint: Checkpoint) -> Logits:
    """What PyTorch says after each token of a text."""
    model = pytorch_model(checkpoint)

    @torch.no_grad()
    def logits(ids: list[int]) -> np.ndarray:
        return model(torch.tensor([ids]), use_cache=False).logits[0].numpy()

    return logits


def logits_scale(module: ModuleOp) -> float:
    """What one unit of the integer logits is in real logits, before or after `batch-decode`."""
    end = main_function(module).body.block.last_op
    logits = None if end is None else end.operands[0].owner
    if not isinstance(logits, quant.MatmulOp | quant.ArgmaxOp):
        raise UserError("the module does not return logits or their greedy tokens")
    head = logits.operands[1].owner
    assert isinstance(head, quant.ParamOp)
    frac = sum(quant.type_of(operand).fraction for operand in logits.operands)
    return 2.0**-frac / head.factor.value.data


def _nats(logits: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Negative log-likelihood of `ids`, position by position."""
    top = logits.max(axis=-1, keepdims=True)
    log_sum = top[:, 0] + np.log(np.sum(np.exp(logits - top), axis=-1))
    return log_sum - logits[np.arange(len(ids)), ids]
