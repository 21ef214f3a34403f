"""The `nn` dialect: a decoder-only language model, or another network of tensors, as f32 tensor operations.

Two strata share the dialect. *Imported* operations mirror what `torch.export` records, one for one,
with a leading batch axis of size 1: element-wise arithmetic with broadcasting, `matmul`, `softmax`,
`view`, `permute`, `slice`, ... *Raised* operations (`RAISED`) have no batch axis and name what the
model does; they are what quantisation consumes (`interfaces.Quantised`):

    tokens, param, embedding, position_embedding, linear, rms_norm, center, split_heads, merge_heads, rope,
    scores, masked_softmax, attend, mul, add, and the activations: gelu_tanh, gelu, silu, relu

Shapes are static: T tokens, h hidden width, H query heads, KV key/value heads, D head width. The
module is one function without arguments that returns the logits, tensor<T x vocab x f32>.

A network of tensors has `input` instead of `tokens` and `embedding`. The first axis of each value is that of the
examples, which nothing mixes, and the function returns one value or several. It is made of these:

    input, param, conv2d, linear, max_pool2d, avg_pool2d, flatten, mul, add, the activations, rms_norm, center,
    image_positions, add_positions, position, mean_positions, split_heads, merge_heads, scores, softmax,
    masked_softmax, attend

Weights never enter the IR: `nn.param` holds a name and the SHA-256 of the tensor's fp32 bytes.
Every operation made from a PyTorch module carries that module's path ("model.layers.7.mlp") in the
discardable attribute `module`; unlike a location it survives printing, and passes that rewrite an
operation copy it (`inherit_path`). Read it with `module_path`.

Errors: a wrong shape, and a number that is not a normal f32, is a `VerifyException` of the
operation.
"""

from __future__ import annotations

from xdsl.ir import Dialect, Operation

from ..interfaces import Quantised
from .activations import (
    ActivationOp,
    EluOp,
    GeluOp,
    GeluTanhOp,
    HardsigmoidOp,
    HardswishOp,
    MishOp,
    RectifierOp,
    Relu6Op,
    ReluOp,
    SeluOp,
    SigmoidOp,
    SiluOp,
    SoftplusOp,
    TanhOp,
    erf,
)
from .attention import (
    ROPE_FRAC,
    AttendOp,
    MaskedSoftmaxOp,
    MergeHeadsOp,
    RopeOp,
    ScoresOp,
    SoftmaxOp,
    SplitHeadsOp,
    require_rotated,
)
from .base import (
    FUNCTIONAL,
    HUGE,
    MOST_ELEMENTS,
    TINIEST,
    F32Tensor,
    Float,
    I64Tensor,
    Int,
    Ints,
    LeafOp,
    NNOp,
    Shape,
    inherit_path,
    module_path,
    require,
    require_normal,
    require_positive,
    shape_of,
    with_path,
)
from .elementwise import (
    AddOp,
    BinaryOp,
    CastOp,
    CosOp,
    ErfOp,
    MulOp,
    NegOp,
    PowOp,
    RsqrtOp,
    SinOp,
    UnaryOp,
)
from .images import (
    AvgPool2dOp,
    Conv2dOp,
    FlattenOp,
    MaxPool2dOp,
)
from .linear import (
    LinearOp,
    MatmulOp,
)
from .norm import (
    SQUARES_BITS,
    CenterOp,
    LayerNormOp,
    MeanOp,
    RMSNormOp,
)
from .positions import (
    AddPositionsOp,
    ImagePositionsOp,
    MeanPositionsOp,
    PositionOp,
)
from .probabilities import ProbabilitiesOp
from .shapes import (
    ConcatOp,
    ExpandOp,
    PermuteOp,
    SliceOp,
    ViewOp,
)
from .sources import (
    INPUT_NAME,
    CausalMaskOp,
    ConstantOp,
    EmbeddingOp,
    InputOp,
    ParamOp,
    PositionEmbeddingOp,
    PositionsOp,
    RopeFrequenciesOp,
    TokensOp,
    constant,
)

NN = Dialect(
    "nn",
    [
        TokensOp,
        InputOp,
        ParamOp,
        EmbeddingOp,
        PositionEmbeddingOp,
        LinearOp,
        Conv2dOp,
        MaxPool2dOp,
        AvgPool2dOp,
        FlattenOp,
        ImagePositionsOp,
        AddPositionsOp,
        PositionOp,
        MeanPositionsOp,
        RMSNormOp,
        CenterOp,
        SplitHeadsOp,
        MergeHeadsOp,
        RopeOp,
        ScoresOp,
        MaskedSoftmaxOp,
        AttendOp,
        ProbabilitiesOp,
        GeluTanhOp,
        GeluOp,
        SiluOp,
        ReluOp,
        Relu6Op,
        SigmoidOp,
        TanhOp,
        EluOp,
        SeluOp,
        SoftplusOp,
        MishOp,
        HardswishOp,
        HardsigmoidOp,
        MulOp,
        AddOp,
        ConstantOp,
        PositionsOp,
        RopeFrequenciesOp,
        CausalMaskOp,
        NegOp,
        RsqrtOp,
        CosOp,
        SinOp,
        ErfOp,
        SoftmaxOp,
        CastOp,
        PowOp,
        MeanOp,
        LayerNormOp,
        MatmulOp,
        ViewOp,
        ExpandOp,
        PermuteOp,
        SliceOp,
        ConcatOp,
    ],
    [],
)

RAISED: tuple[type[Operation], ...] = tuple(op for op in NN.operations if issubclass(op, Quantised))
ACTIVATIONS: tuple[type[ActivationOp], ...] = tuple(
    op for op in NN.operations if issubclass(op, ActivationOp)
)

__all__ = [
    "ACTIVATIONS",
    "FUNCTIONAL",
    "HUGE",
    "INPUT_NAME",
    "MOST_ELEMENTS",
    "NN",
    "RAISED",
    "ROPE_FRAC",
    "SQUARES_BITS",
    "TINIEST",
    "ActivationOp",
    "AddOp",
    "AddPositionsOp",
    "AttendOp",
    "AvgPool2dOp",
    "BinaryOp",
    "CastOp",
    "CausalMaskOp",
    "CenterOp",
    "ConcatOp",
    "ConstantOp",
    "Conv2dOp",
    "CosOp",
    "EluOp",
    "EmbeddingOp",
    "ErfOp",
    "ExpandOp",
    "F32Tensor",
    "FlattenOp",
    "Float",
    "GeluOp",
    "GeluTanhOp",
    "HardsigmoidOp",
    "HardswishOp",
    "I64Tensor",
    "ImagePositionsOp",
    "InputOp",
    "Int",
    "Ints",
    "LayerNormOp",
    "LeafOp",
    "LinearOp",
    "MaskedSoftmaxOp",
    "MatmulOp",
    "MaxPool2dOp",
    "MeanOp",
    "MeanPositionsOp",
    "MergeHeadsOp",
    "MishOp",
    "MulOp",
    "NNOp",
    "NegOp",
    "ParamOp",
    "PermuteOp",
    "PositionEmbeddingOp",
    "PositionOp",
    "PositionsOp",
    "PowOp",
    "ProbabilitiesOp",
    "RMSNormOp",
    "RectifierOp",
    "Relu6Op",
    "ReluOp",
    "RopeFrequenciesOp",
    "RopeOp",
    "RsqrtOp",
    "ScoresOp",
    "SeluOp",
    "Shape",
    "SigmoidOp",
    "SiluOp",
    "SinOp",
    "SliceOp",
    "SoftmaxOp",
    "SoftplusOp",
    "SplitHeadsOp",
    "TanhOp",
    "TokensOp",
    "UnaryOp",
    "ViewOp",
    "constant",
    "erf",
    "inherit_path",
    "module_path",
    "require",
    "require_normal",
    "require_positive",
    "require_rotated",
    "shape_of",
    "with_path",
]
