"""The `zk` dialect: what the prover computes, and apart from it what must hold.

`zk.system` declares axes, columns and tables and has two regions of operations that share nothing
but column names: `zk.compute`, steps that make the witness (`runtime.circuit.program`), and
`zk.constrain`, relations over the integers (`runtime.circuit.relations`). Nothing in the compute region is
trusted; a verifier sees the constrain region only.

Errors: names that do not resolve, axes that do not fit and empty ranges are a `VerifyException`.
"""

from xdsl.ir import Dialect

from .attributes import ExprAttr, ExtentsAttr, MagnitudeAttr, ProductAttr, RowsAttr, names_attr
from .compute import (
    ComputeOp,
    LayersOp,
    ReadOp,
    Step,
    TokensOp,
    ValueType,
    YieldOp,
    axes_of,
    committed,
    roles,
    type_of,
)
from .declarations import AxisLike, AxisOp, ColumnLike, ColumnOp, TableLike, TableOp
from .relations import (
    DefineOp,
    EinsumLike,
    EinsumOp,
    GatherLike,
    GatherOp,
    LinearLike,
    LinearOp,
    LookupLike,
    LookupOp,
    RangeOp,
    Relation,
    RevealLike,
    RevealOp,
)
from .steps import (
    STEPS,
    AddOp,
    ArgmaxOp,
    AttendOp,
    Conv2dOp,
    EmbedOp,
    InputOp,
    MatmulOp,
    MaxPoolOp,
    MulOp,
    OutputOp,
    PromptOp,
    RenameOp,
    RmsNormOp,
    RopeOp,
    ScoresOp,
    SelectOp,
    SoftmaxOp,
    SolveOp,
    SumPoolOp,
    TableStepOp,
)
from .system import (
    ConstrainOp,
    SystemLike,
    SystemOp,
    verify_names,
    verify_steps,
)

COMPUTE = [TokensOp, ReadOp, *STEPS, LayersOp, YieldOp]
"""The operations inside `zk.compute`."""

ZK = Dialect(
    "zk",
    [
        SystemOp,
        AxisOp,
        ColumnOp,
        TableOp,
        ComputeOp,
        *COMPUTE,
        ConstrainOp,
        DefineOp,
        EinsumOp,
        LookupOp,
        RangeOp,
        LinearOp,
        GatherOp,
        RevealOp,
    ],
    [ExprAttr, ProductAttr, MagnitudeAttr, RowsAttr, ExtentsAttr, ValueType],
)

__all__ = [
    "COMPUTE",
    "ZK",
    "AddOp",
    "ArgmaxOp",
    "AttendOp",
    "AxisLike",
    "AxisOp",
    "ColumnLike",
    "ColumnOp",
    "ComputeOp",
    "ConstrainOp",
    "Conv2dOp",
    "DefineOp",
    "EinsumLike",
    "EinsumOp",
    "EmbedOp",
    "ExprAttr",
    "ExtentsAttr",
    "GatherLike",
    "GatherOp",
    "InputOp",
    "LayersOp",
    "LinearLike",
    "LinearOp",
    "LookupLike",
    "LookupOp",
    "MagnitudeAttr",
    "MatmulOp",
    "MaxPoolOp",
    "MulOp",
    "OutputOp",
    "ProductAttr",
    "PromptOp",
    "RangeOp",
    "ReadOp",
    "Relation",
    "RenameOp",
    "RevealLike",
    "RevealOp",
    "RmsNormOp",
    "RopeOp",
    "RowsAttr",
    "ScoresOp",
    "SelectOp",
    "SoftmaxOp",
    "SolveOp",
    "Step",
    "SumPoolOp",
    "SystemLike",
    "SystemOp",
    "TableLike",
    "TableOp",
    "TableStepOp",
    "TokensOp",
    "ValueType",
    "YieldOp",
    "axes_of",
    "committed",
    "names_attr",
    "roles",
    "type_of",
    "verify_names",
    "verify_steps",
]
