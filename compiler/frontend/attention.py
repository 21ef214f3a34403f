"""Attention of functions: which positions a constant mask hides, and where the scale of scores is.

A mask that is added to scores hides a position by a number far below all scores, of which PyTorch, ONNX and
transformers take -inf or the least of a format. What is left of one, where it is causal, within a window or not, or
hides nothing, is the kind of softmax.
"""

from __future__ import annotations

import torch
from xdsl.ir import Block, SSAValue
from xdsl.rewriter import Rewriter

from ...dialects import nn
from ..transforms.matching import either_order
from .fold_norms import Weights
from .graph import only

HIDDEN = -1e4
"""What is added to a score that counts for nothing is this or less: exp(-1e4) is 0 in fp32."""
Softmax = nn.SoftmaxOp | nn.MaskedSoftmaxOp


def causality(mask: torch.Tensor, shape: nn.Shape) -> tuple[bool, int | None]:
    """Whether a mask for scores (N, H, T, S), by booleans of what is seen or by numbers that are added, is causal,
    and the window within which it is; if not, it hides nothing. Others are not supported."""
    if mask.dtype == torch.bool:
        seen = mask
    else:
        seen = mask == 0
        only(bool((seen | (mask <= HIDDEN)).all()), "a mask that changes scores")
    if bool(seen.all()):
        return False, None
    rows, sources = shape[-2:]
    seen = seen.expand(shape)
    window = int(seen[..., -1, :].sum(-1).max())
    every = torch.ones(rows, sources, dtype=torch.bool, device=mask.device)
    causal = every.tril() & every.triu(1 - window)
    fits = rows == sources and window > 0 and bool((seen == causal).all())
    only(fits, "a mask that is neither causal nor of everything")
    return True, None if window == rows else window


def softmax(
    scores: SSAValue, causal: bool, factor: float = 1.0, window: int | None = None
) -> Softmax:
    """Of what attention has for scores, times a factor."""
    others: dict[str, int | float] = {} if factor == 1 else {"scale": factor}
    if window is not None:
        others["window"] = window
    return (nn.MaskedSoftmaxOp if causal else nn.SoftmaxOp)(scores, **others)


def raise_masks(block: Block, weights: Weights) -> None:
    """Makes a softmax of what a constant is added to one of what is seen. Others stay as they are."""
    for op in [*block.ops]:
        if not isinstance(op, nn.SoftmaxOp) or not isinstance(masked := op.x.owner, nn.AddOp):
            continue
        for scores, mask in either_order(masked):
            if isinstance(mask.owner, nn.ParamOp) and len(nn.shape_of(scores)) == 4:
                numbers = weights.recipes[mask.owner.param_name]()
                causal, window = causality(numbers, nn.shape_of(scores))
                made = softmax(scores, causal, op.factor, window)
                Rewriter.replace_op(op, nn.inherit_path(made, op))
                break


def scale_in_softmax(block: Block) -> None:
    """Moves the scale of scores to each softmax of them, whose table of exponentials has room for it."""
    for op in [*block.ops]:
        if isinstance(op, nn.ScoresOp) and (scale := op.scale.value.data) != 1:
            readers = [use.operation for use in op.result.uses]
            if not all(isinstance(reader, Softmax) for reader in readers):
                continue
            plain = nn.inherit_path(nn.ScoresOp(op.q, op.k, scale=1.0), op)
            Rewriter.replace_op(op, plain)
            for reader in readers:
                factor = scale * reader.factor  # type: ignore[union-attr]
                causal = isinstance(reader, nn.MaskedSoftmaxOp)
                window = reader.window.value.data if causal and reader.window else None
                made = softmax(plain.result, causal, factor, window)
                Rewriter.replace_op(reader, nn.inherit_path(made, reader))
