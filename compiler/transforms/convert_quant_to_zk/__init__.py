"""`convert-quant-to-zk`: from integer operations (`quant`) to a witness program and relations (`zk`).

Input: a function of `quant` operations after `batch-decode`, its layers stacked or one after the
other; then the axis `layer` has one index, and names say the layer. Each operation has a pattern, which
replaces it by a step that computes and states what the step's columns have to be, in terms of a closed
set of primitives (`compiler.primitives`): by relations that check, never by computing again.

Values are virtual columns with definitions; only hints (limbs, remainders, outputs of tables) are
committed. Axes are named after what they mean. Prompt and output are inputs that relations read by
index or, with `private-tokens`, columns of the witness, of which the statement shows what is public.

Errors: `UserError` for a function of another form, with the module path.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
)
from xdsl.rewriter import Rewriter

from ....dialects import quant, zk
from ....dialects.nn import module_path
from ....errors import UserError
from ....runtime.circuit import generation
from ....runtime.circuit.function import BATCH, EXAMPLE
from ....runtime.circuit.generation import GENERATED, TOKENS, Generation
from ...analysis.head_axes import infer_axes
from ...analysis.stream_bounds import square_limits
from ...modules import main_function, takes_tensors
from ...primitives.builder import System
from . import (
    attention,
    ids,
    images,
    linear,
    norm,
    positions,
    private_tokens,
    stream,
    tokens_as_inputs,
)
from .conversion import Conversion, ConversionPattern, sole_user


class Refuse(ConversionPattern):
    """Stops at an operation that no pattern has converted and that waits for none."""

    def match_and_rewrite(self, op: Operation, rewriter: PatternRewriter) -> None:
        waits = op.results and isinstance(sole_user(op), quant.RequantizeOp)
        if not waits and not isinstance(op, quant.ParamOp | ReturnOp | zk.LayersOp):
            raise UserError(f"{module_path(op)}: {op.name} has no relations")


PATTERNS = (
    *linear.PATTERNS,
    *norm.PATTERNS,
    *attention.PATTERNS,
    *stream.PATTERNS,
    *images.PATTERNS,
    *positions.PATTERNS,
)
"""Of everything but prompt and output, for which there are two sets."""


@dataclass(frozen=True)
class ConvertQuantToZk(ModulePass):
    """Replaces a `quant` function by a `zk.system`."""

    name = "convert-quant-to-zk"
    private_tokens: bool = False

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        function = main_function(op)
        tokens = private_tokens if self.private_tokens else tokens_as_inputs
        of_tensors = takes_tensors(op)
        conversion = _tensors(function) if of_tensors else _generation(function)
        entering = ids.PATTERNS if of_tensors else tokens.PATTERNS
        kinds: tuple[type[ConversionPattern], ...] = (*PATTERNS, *entering, Refuse)
        patterns: list[RewritePattern] = [kind(conversion) for kind in kinds]
        PatternRewriteWalker(
            GreedyRewritePatternApplier(patterns, dce_enabled=False), apply_recursively=False
        ).rewrite_region(function.body)
        if of_tensors:
            images.outputs(conversion, function)
        else:
            conversion.reveals += tokens.reveals()
        Rewriter.replace_op(function, _system(function, conversion))


def _tensors(function: FuncOp) -> Conversion:
    """What is known of a function of tensors before its operations are converted."""
    inputs = [op for op in function.walk() if isinstance(op, quant.InputOp)]
    counts = {quant.type_of(op.result).shape[0] for op in inputs}
    if len(counts) != 1:
        raise UserError("convert-quant-to-zk needs inputs of one number of examples")
    sizes: dict[str, int | str] = {}
    axes = infer_axes(function.body.block, sizes)
    return Conversion(System({BATCH: max(counts)}, sizes | {EXAMPLE: BATCH}), axes, {})


def _generation(function: FuncOp) -> Conversion:
    """What is known of a decoder before its operations are converted."""
    block, ops = function.body.block, list(function.body.walk())
    tokens = [op for op in ops if isinstance(op, quant.TokensOp)]
    stacks = [op for op in ops if isinstance(op, quant.LayersOp)]
    embeds = [op for op in ops if isinstance(op, quant.EmbedOp)]
    if len(tokens) != 1 or len(embeds) != 1 or len(stacks) > 1:
        raise UserError(
            "convert-quant-to-zk needs one quant.tokens, one quant.embed and at most one quant.layers"
        )
    positions = quant.type_of(tokens[0].result).shape[0]
    if Generation(positions, 1).rows != positions:
        raise UserError(
            f"at most {positions} tokens: lengths are padded to three binary digits and "
            f"zeros, so use {Generation(positions, 1).rows}"
        )
    sizes: dict[str, int | str] = {}
    axes, layers = infer_axes(block, sizes), stacks[0].layers if stacks else 1
    sizes |= {"layer": layers, "token": TOKENS, "source": TOKENS, "generated": GENERATED}
    return Conversion(System(generation.extents(positions), sizes), axes, square_limits(block))


def _system(function: FuncOp, conversion: Conversion) -> zk.SystemOp:
    """The converted operations of a function as the compute side of what has been stated of them."""
    system, steps = conversion.system, []
    for op in list(function.body.block.ops):
        if not isinstance(op, quant.ParamOp | ReturnOp):
            op.detach()
            steps.append(op)
    return zk.SystemOp(
        system.extents,
        [
            *(zk.AxisOp(name, size) for name, size in system.sizes.items()),
            *system.columns.values(),
            *system.tables.values(),
            zk.ComputeOp(steps),
            zk.ConstrainOp([*system.relations, *conversion.reveals]),
        ],
    )
