"""The `zk` dialect: what the prover computes, and apart from it what must hold.

`zk.system` declares axes, columns and tables and has two regions of operations that share nothing
but column names: `zk.compute`, steps that make the witness (`schema.program`), and
`zk.constrain`, relations over the integers (`schema.circuit`). Nothing in the compute region is
trusted; a verifier sees the constrain region only.

Errors: names that do not resolve, axes that do not fit and empty ranges are a `VerifyException`.
"""

from xdsl.ir import Dialect

from .attributes import ExprAttr, MagnitudeAttr, ProductAttr, RowsAttr, names_attr
from .compute import ComputeOp, LayersOp, StepOp
from .declarations import AxisLike, AxisOp, ColumnLike, ColumnOp, TableLike, TableOp
from .relations import (
    DefineOp,
    EinsumOp,
    GatherLike,
    GatherOp,
    LinearOp,
    LookupLike,
    LookupOp,
    RangeOp,
    Relation,
    RevealLike,
    RevealOp,
    relation_fields,
)
from .system import (
    MOST_TOKENS,
    ConstrainOp,
    SystemOp,
    verify_names,
    verify_steps,
    verify_tokens,
)

ZK = Dialect(
    "zk",
    [
        SystemOp,
        AxisOp,
        ColumnOp,
        TableOp,
        ComputeOp,
        LayersOp,
        StepOp,
        ConstrainOp,
        DefineOp,
        EinsumOp,
        LookupOp,
        RangeOp,
        LinearOp,
        GatherOp,
        RevealOp,
    ],
    [ExprAttr, ProductAttr, MagnitudeAttr, RowsAttr],
)

__all__ = [
    "MOST_TOKENS",
    "ZK",
    "AxisLike",
    "AxisOp",
    "ColumnLike",
    "ColumnOp",
    "ComputeOp",
    "ConstrainOp",
    "DefineOp",
    "EinsumOp",
    "ExprAttr",
    "GatherLike",
    "GatherOp",
    "LayersOp",
    "LinearOp",
    "LookupLike",
    "LookupOp",
    "MagnitudeAttr",
    "ProductAttr",
    "RangeOp",
    "Relation",
    "RevealLike",
    "RevealOp",
    "RowsAttr",
    "StepOp",
    "SystemOp",
    "TableLike",
    "TableOp",
    "names_attr",
    "relation_fields",
    "verify_names",
    "verify_steps",
    "verify_tokens",
]
