"""The `quant` dialect: the model as exact integer arithmetic.

A value of type `!quant.tensor<[64, 128], bits = 16, frac = 11>` is a tensor of signed integers in
[-2^(bits-1), 2^(bits-1)); an integer v stands for the real number v * 2^-frac. Every operation is
exact: products, sums and contractions give *accumulators*, which are as wide as their operands make
them (never more than 63 bits, so that int64 holds them), and rounding happens only in
`quant.requantize`, `quant.rms_norm`'s row scale, `quant.softmax` and `quant.table`. The meaning of
each operation is that of the step of the same name in `runtime.circuit.program`.

Shapes as in the `nn` dialect: T tokens, h hidden width, H query heads, KV key/value heads, D head
width. Before `stack-layers` the module is one straight line; after it the decoder layers are the
body of one `quant.layers` and what differs between layers is written once for each: the values of
stacked parameters, the kinds of `quant.rope` and the windows of `quant.softmax`.

Operations carry the PyTorch module path in the attribute `module` (see `nn.module_path`); in the
body of `quant.layers` the layer number in it is written "{layer}".

Errors: shapes, widths, scales and ranges that do not fit are a `VerifyException` of the operation.
"""

from xdsl.ir import Dialect

from .attention import (
    EVERY,
    EXP_FRAC,
    AttendOp,
    MergeHeadsOp,
    RopeOp,
    ScoresOp,
    SoftmaxOp,
    SplitHeadsOp,
)
from .attributes import MAX_BITS, MAX_FRAC, WIDEST, FormatAttr, QuantTensorType, Shape, TableAttr
from .base import (
    FUNCTIONAL,
    Float,
    Floats,
    Inferred,
    Int,
    Ints,
    LeafOp,
    QuantOp,
    RepeatedOp,
    numbers,
    signed_bits,
    type_of,
)
from .elementwise import AddOp, MulOp, TableOp
from .images import Conv2dOp, FlattenOp, InputOp, MaxPoolOp, SumPoolOp, output_names, windows
from .layers import LayersOp, YieldOp, residual_deltas
from .linear import MatmulOp
from .norm import MANTISSA_BITS, CenterOp, RmsNormOp, one_over
from .output import TOKEN_BITS, ArgmaxOp, SelectOp
from .positions import AddPositionsOp, ImagePositionsOp, PositionOp, RotateOp, SumPositionsOp
from .probabilities import FINE_EXP_FRAC, ProbabilitiesOp
from .rounding import RequantizeOp
from .sources import MOST_DOUBLINGS, EmbedOp, EmbedPositionsOp, ParamOp, TokensOp

QUANT = Dialect(
    "quant",
    [
        TokensOp,
        InputOp,
        ParamOp,
        EmbedOp,
        EmbedPositionsOp,
        RequantizeOp,
        CenterOp,
        RmsNormOp,
        MatmulOp,
        Conv2dOp,
        MaxPoolOp,
        SumPoolOp,
        FlattenOp,
        ImagePositionsOp,
        AddPositionsOp,
        PositionOp,
        SumPositionsOp,
        RotateOp,
        SplitHeadsOp,
        MergeHeadsOp,
        RopeOp,
        ScoresOp,
        SoftmaxOp,
        AttendOp,
        ProbabilitiesOp,
        TableOp,
        MulOp,
        AddOp,
        SelectOp,
        ArgmaxOp,
        LayersOp,
        YieldOp,
    ],
    [QuantTensorType, FormatAttr, TableAttr],
)

__all__ = [
    "EVERY",
    "EXP_FRAC",
    "FINE_EXP_FRAC",
    "FUNCTIONAL",
    "MANTISSA_BITS",
    "MAX_BITS",
    "MAX_FRAC",
    "MOST_DOUBLINGS",
    "QUANT",
    "TOKEN_BITS",
    "WIDEST",
    "AddOp",
    "AddPositionsOp",
    "ArgmaxOp",
    "AttendOp",
    "CenterOp",
    "Conv2dOp",
    "EmbedOp",
    "EmbedPositionsOp",
    "FlattenOp",
    "Float",
    "Floats",
    "FormatAttr",
    "ImagePositionsOp",
    "Inferred",
    "InputOp",
    "Int",
    "Ints",
    "LayersOp",
    "LeafOp",
    "MatmulOp",
    "MaxPoolOp",
    "MergeHeadsOp",
    "MulOp",
    "ParamOp",
    "PositionOp",
    "ProbabilitiesOp",
    "QuantOp",
    "QuantTensorType",
    "RepeatedOp",
    "RequantizeOp",
    "RmsNormOp",
    "RopeOp",
    "RotateOp",
    "ScoresOp",
    "SelectOp",
    "Shape",
    "SoftmaxOp",
    "SplitHeadsOp",
    "SumPoolOp",
    "SumPositionsOp",
    "TableAttr",
    "TableOp",
    "TokensOp",
    "YieldOp",
    "numbers",
    "one_over",
    "output_names",
    "residual_deltas",
    "signed_bits",
    "type_of",
    "windows",
]
