"""Fidelity: how much the integer function predicts what fp32 PyTorch predicts.

Both run teacher-forced on windows of held-out text. At each position

    greedy_agreement   whether the most likely next token is the same
    top5_overlap       the share of the five most likely tokens that both have
    kl                 the Kullback-Leibler divergence of the integers' distribution from PyTorch's, nats
    delta_nats         the increase of the negative log-likelihood of the token that follows
    perplexity         exp of that negative log-likelihood's mean

are averaged. Where the most likely tokens differ, `margins` has the difference in PyTorch of its two
best logits, in nats: a near-tie is decided by rounding anywhere. The cosine of logits says little about
a language model and is not reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypedDict

import numpy as np
import torch
from transformers import PreTrainedModel
from transformers.initialization import no_init_weights
from xdsl.dialects.builtin import ModuleOp

from ...dialects import quant
from ...errors import UserError, expect
from ..frontend.checkpoint import Checkpoint
from ..modules import main_function

Logits = Callable[[list[int]], np.ndarray]


# Positions compared at a time.
ROWS = 64
# Weights times positions that a report may take, and what reading the weights costs, in positions.
WORK = 1 << 38
READING = 32
# Positions that a report has at most.
POSITIONS = 1 << 12
BEST = 5


class Window(NamedTuple):
    """Tokens of a text, and of which kind it is."""

    kind: str
    ids: list[int]


class Margin(TypedDict):
    """A position where the most likely tokens differ."""

    kind: str
    position: int
    expected: int
    actual: int
    nats: float


class Fidelity(TypedDict):
    greedy_agreement: float
    top5_overlap: float
    kl: float
    delta_nats: float
    perplexity: float
    pytorch_perplexity: float
    positions: int


@dataclass
class Comparison:
    """What windows showed: for each position and measure a number, by kind of text."""

    measures: dict[str, list[np.ndarray]] = field(default_factory=dict)
    """By kind: arrays (5, n) of same, overlap, divergence, and both likelihoods in nats."""
    margins: list[Margin] = field(default_factory=list)

    def add(self, kind: str, ids: Sequence[int], expected: np.ndarray, actual: np.ndarray) -> None:
        """Compare logits (n, vocabulary) after each of the n ids that another one follows."""
        for start in range(0, len(ids) - 1, ROWS):
            following = np.array(ids[start + 1 : start + 1 + ROWS])
            rows = slice(start, start + len(following))
            p, q = (_log_softmax(each[rows]) for each in (expected, actual))
            best = p.argmax(-1), q.argmax(-1)
            same = best[0] == best[1]
            top = (np.argpartition(each, -BEST, axis=-1)[:, -BEST:] for each in (p, q))
            overlap = [len({*a} & {*b}) / BEST for a, b in zip(*top, strict=True)]
            divergence = np.sum(np.exp(p) * (p - q), axis=-1)
            nats = (-each[np.arange(len(following)), following] for each in (p, q))
            self.measures.setdefault(kind, []).append(np.stack([same, overlap, divergence, *nats]))
            for row in np.flatnonzero(~same):
                two = np.partition(p[row], -2)[-2:]
                self.margins.append(
                    {
                        "kind": kind,
                        "position": start + int(row),
                        "expected": int(best[0][row]),
                        "actual": int(best[1][row]),
                        "nats": float(two[1] - two[0]),
                    }
                )

    def kinds(self) -> dict[str, Fidelity]:
        """Averages by kind of text."""
        return {kind: _averages(arrays) for kind, arrays in self.measures.items()}

    def whole(self) -> Fidelity:
        """Averages over all positions; `UserError` where there are none."""
        arrays = [array for found in self.measures.values() for array in found]
        if not arrays:
            raise UserError("fidelity needs a window of at least two tokens")
        return _averages(arrays)


def compare(
    reference: Logits,
    integer: Logits,
    scale: float,
    windows: Iterable[Window],
    progress: Callable[[float], None] = lambda done: None,
    cap: float | None = None,
) -> Comparison:
    """Compares two functions from ids to logits (n, vocabulary); ``scale`` makes integer ones real, and ``cap`` is
    `Family.logits_cap`."""
    result, chosen = Comparison(), [window for window in windows if len(window.ids) > 1]
    for number, (kind, ids) in enumerate(chosen):
        logits = integer(ids) * scale
        if cap is not None:
            logits = cap * np.tanh(logits / cap)
        result.add(kind, ids, reference(ids), logits)
        progress((number + 1) / len(chosen))
    return result


def fidelity(
    reference: Logits, integer: Logits, scale: float, windows: Sequence[Sequence[int]]
) -> Fidelity:
    """The averages over windows of one kind."""
    texts = (Window("text", list(ids)) for ids in windows)
    return compare(reference, integer, scale, texts).whole()


def affordable(windows: Sequence[Window], weights: int) -> list[Window]:
    """As many of the windows, one at least, as a report on a model of that size has time for."""
    chosen, work, positions = [], 0, 0
    for window in windows:
        work += weights * (READING + len(window.ids))
        positions += len(window.ids)
        if chosen and (work > WORK or positions > POSITIONS):
            break
        chosen.append(window)
    return chosen


def _averages(arrays: Sequence[np.ndarray]) -> Fidelity:
    found = np.concatenate(arrays, axis=1)
    same, overlap, divergence, expected, actual = map(float, found.mean(axis=1))
    return {
        "greedy_agreement": same,
        "top5_overlap": overlap,
        "kl": divergence,
        "delta_nats": actual - expected,
        "perplexity": float(np.exp(actual)),
        "pytorch_perplexity": float(np.exp(expected)),
        "positions": found.shape[1],
    }


def pytorch_model(checkpoint: Checkpoint) -> PreTrainedModel:
    """The checkpoint in PyTorch, in fp32."""
    config = checkpoint.config
    with no_init_weights():  # Memory that nothing writes to before it is replaced is never taken.
        model = checkpoint.family.build(config).eval().float()
    state = {name: torch.from_numpy(array) for name, array in checkpoint.state().items()}
    missing, unexpected = model.load_state_dict(state, strict=False, assign=True)
    tied = {checkpoint.family.head} if config.tie_word_embeddings else set()
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
    head = expect(logits.operands[1].owner, quant.ParamOp)
    frac = sum(quant.type_of(operand).fraction for operand in logits.operands)
    return 2.0**-frac / head.factor.value.data


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    """Row by row, in float64."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))
