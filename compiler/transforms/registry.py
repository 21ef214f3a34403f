"""The tables of this package's passes and targets, resolved only when one is used, and its xDSL universe.

`UNIVERSE` is the entry point of the group `xdsl.universe`: with the package installed, plain
`xdsl-opt` knows its dialects, passes and targets.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from xdsl.passes import ModulePass
from xdsl.universe import Universe
from xdsl.utils.target import Target

from ...dialects.registry import dialect_factories, resolve

PACKAGE = __name__.rpartition(".")[0]
PASSES = {
    "drop-batch": ".drop_batch:DropBatch",
    "raise-embedding-scale": ".raise_embedding_scale:RaiseEmbeddingScale",
    "raise-positions": ".raise_positions:RaisePositions",
    "raise-gelu": ".raise_gelu:RaiseGelu",
    "raise-silu": ".raise_silu:RaiseSilu",
    "raise-logistic": ".raise_logistic:RaiseLogistic",
    "raise-logits": ".raise_logits:RaiseLogits",
    "raise-linear-scale": ".raise_linear_scale:RaiseLinearScale",
    "raise-rms-norm": ".raise_rms_norm:RaiseRMSNorm",
    "center-layer-norm": ".center_layer_norm:CenterLayerNorm",
    "raise-heads": ".raise_heads:RaiseHeads",
    "raise-rope": ".raise_rope:RaiseRope",
    "raise-attention": ".raise_attention:RaiseAttention",
    "align-rope": ".align_rope:AlignRope",
    "raise-residual": ".raise_residual:RaiseResidual",
    "raise-to-nn": ".raise_to_nn:RaiseToNN",
    "equalize-layers": ".equalize_layers:EqualizeLayers",
    "plan-scales": ".plan_scales:PlanScales",
    "delay-requantize": ".delay_requantize:DelayRequantize",
    "choose-bits": ".choose_bits:ChooseBits",
    "convert-nn-to-quant": ".convert_nn_to_quant:ConvertNNToQuant",
    "stack-layers": ".stack_layers:StackLayers",
    "batch-decode": ".batch_decode:BatchDecode",
    "convert-quant-to-zk": ".convert_quant_to_zk:ConvertQuantToZk",
    "widen-limbs": ".widen_limbs:WidenLimbs",
    "bound-relations": ".bound_relations:BoundRelations",
    "virtualize": ".virtualize:Virtualize",
    "dedup-lookups": ".dedup_lookups:DedupLookups",
    "merge-tables": ".merge_tables:MergeTables",
    "lower-zk-to-circuit": ".lower_zk_to_circuit:LowerZkToCircuit",
    "virtualize-remainders": ".virtualize_remainders:VirtualizeRemainders",
    "band-attention": ".band_attention:BandAttention",
    "pack-columns": ".pack_columns:PackColumns",
    "verify-legality": ".verify_legality:VerifyLegality",
    "circuit-stats": ".circuit_stats:CircuitStats",
    "lower-to-circuit": "..pipelines:LowerToCircuit",
    "compile-to-circuit": "..pipelines:CompileToCircuit",
}
"""Pass name to "module:class", the module relative to this package."""
TARGETS = {
    "circuit-json": "..targets.circuit_json:CircuitJson",
    "circuit-dot": "..targets.circuit_dot:CircuitDot",
}
"""Forms of output, likewise."""


def pass_factories() -> dict[str, Callable[[], type[ModulePass]]]:
    """What xDSL registers: for each name, a function that imports the pass and guards it."""
    return {name: partial(_guarded, target) for name, target in PASSES.items()}


def target_factories() -> dict[str, Callable[[], type[Target]]]:
    """What xDSL registers: for each name, a function that imports the target."""
    return {name: partial(resolve, target, PACKAGE) for name, target in TARGETS.items()}


def _guarded(target: str) -> type[ModulePass]:
    from .guard import guarded

    return guarded(resolve(target, PACKAGE))


UNIVERSE = Universe(
    all_dialects=dialect_factories(),
    all_passes=pass_factories(),
    all_targets=target_factories(),
)
