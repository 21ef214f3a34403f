"""Named pipelines, from an imported model to the final circuit.

`lower-to-circuit` goes from stacked, batched `quant` to `circuit`; `compile-to-circuit` also does
what comes before, from a calibrated import. The module is verified after each pass, and each level
is checked to be complete before the next begins. `lower` is the compiler's entry point.

Errors: what the passes raise; a verification failure names the pass that broke the module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass, PassPipeline
from xdsl.transforms.common_subexpression_elimination import CommonSubexpressionElimination
from xdsl.utils.arg_spec import parse_pipeline
from xdsl.utils.exceptions import ArgSpecParseError, PassFailedException, VerifyException

from ..errors import UserError, ZklemmaError
from ..schema.circuit import Circuit
from ..schema.program import Program
from .emit import emit
from .transforms.batch_decode import BatchDecode
from .transforms.bound_relations import BoundRelations
from .transforms.choose_bits import ChooseBits
from .transforms.convert_nn_to_quant import ConvertNNToQuant
from .transforms.dedup_lookups import DedupLookups
from .transforms.delay_requantize import DelayRequantize
from .transforms.equalize_layers import EqualizeLayers
from .transforms.guard import guarded, summary
from .transforms.lower_zk_to_circuit import LowerZkToCircuit
from .transforms.merge_tables import MergeTables
from .transforms.pack_columns import PackColumns
from .transforms.plan_scales import PlanScales
from .transforms.preprocess import Preprocess
from .transforms.raise_to_nn import RaiseToNN
from .transforms.stack_layers import StackLayers
from .transforms.verify_legality import VerifyLegality
from .transforms.virtualize import Virtualize

Settings = Mapping[str, str]
"""Values of options, as text, by "pass.option"."""

TO_QUANT: tuple[ModulePass, ...] = (
    RaiseToNN(),
    VerifyLegality("nn"),
    EqualizeLayers(),
    PlanScales(),
    DelayRequantize(),
    ChooseBits(),
    ConvertNNToQuant(),
    StackLayers(),
    BatchDecode(),
)


def to_quant(settings: Settings) -> tuple[tuple[ModulePass, ...], tuple[ModulePass, ...]]:
    """The passes from an import to a planned `nn` function, and from there to `quant`, with some of
    their options set; `UserError` for options that they do not have."""
    passes = {each.name: each for each in TO_QUANT}
    chosen: dict[str, dict[str, str]] = {}
    for place, value in settings.items():
        name, _, option = place.partition(".")
        if name not in passes or not option:
            options = [f"{n}.{f.name}" for n, p in passes.items() for f in fields(p)]
            raise UserError(f"{place}: no option of a pass; there are {', '.join(options)}")
        chosen.setdefault(name, {})[option] = value
    passes |= {name: _with_options(passes[name], options) for name, options in chosen.items()}
    ready = tuple(passes.values())
    split = list(passes).index(ConvertNNToQuant.name)
    return ready[:split], ready[split:]


def _with_options(pass_: ModulePass, options: Mapping[str, str]) -> ModulePass:
    text = " ".join(f"{option}={value}" for option, value in options.items())
    try:
        (spec,) = parse_pipeline(f"{pass_.name}{{{text}}}")
        return guarded(type(pass_)).from_spec(spec)
    except (PassFailedException, ArgSpecParseError) as error:
        raise UserError(summary(error)) from None


def to_circuit(private_tokens: bool) -> tuple[ModulePass, ...]:
    """The passes from `quant` to `circuit`; prompt and output are inputs, or private columns."""
    return (
        CommonSubexpressionElimination(),
        VerifyLegality("quant"),
        Preprocess(private_tokens),
        VerifyLegality("zk"),
        BoundRelations(),
        Virtualize(),
        DedupLookups(),
        MergeTables(),
        LowerZkToCircuit(),
        PackColumns(),
        VerifyLegality("circuit"),
    )


@dataclass(frozen=True)
class LowerToCircuit(ModulePass):
    """From `quant`, stacked and batched, to the final circuit."""

    name = "lower-to-circuit"
    private_tokens: bool = False

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        run_passes(ctx, op, to_circuit(self.private_tokens))


@dataclass(frozen=True)
class CompileToCircuit(ModulePass):
    """From an imported and calibrated model to the final circuit."""

    name = "compile-to-circuit"
    private_tokens: bool = False

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        run_passes(ctx, op, (*TO_QUANT, *to_circuit(self.private_tokens)))


def lower(module: ModuleOp, private_tokens: bool = False) -> tuple[Circuit, Program]:
    """Circuit and witness program of a `quant` module, which is left as it is.

    With ``private_tokens`` prompt and output are columns that a statement may keep private. Both
    circuits have the same ``param`` columns in the same order, and so share one commitment.
    """
    lowered = module.clone()
    LowerToCircuit(private_tokens).apply(Context(), lowered)
    return emit(lowered)


def run_passes(ctx: Context, module: ModuleOp, passes: tuple[ModulePass, ...]) -> None:
    """Runs passes and verifies the module after each."""

    def verify(before: ModulePass | None, op: ModuleOp, after: ModulePass | None) -> None:
        try:
            op.verify()
        except VerifyException as error:
            culprit = f"after pass {before.name}" if before else "before the first pass"
            raise ZklemmaError(f"{culprit}: {summary(error)}") from None

    try:
        PassPipeline(passes, verify).apply(ctx, module)
    except UserError as error:  # A pattern's comes with the whole module behind its first line.
        raise UserError(str(error).splitlines()[0].replace("{layer}", "*")) from None
