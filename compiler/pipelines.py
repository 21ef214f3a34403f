"""Named pipelines, from an imported model to the final circuit.

`lower-to-circuit` goes from batched `quant` to `circuit`; `compile-to-circuit` also does what comes
before, from a calibrated import. The module is verified after each pass, and each level is checked to
be complete before the next begins. A pipeline has a text, which `zk-opt -p` takes, and a level of
optimisation (`levels`). `lower` is the compiler's entry point.

Errors: what the passes raise; a verification failure names the pass that broke the module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.passes import ModulePass
from xdsl.transforms.common_subexpression_elimination import CommonSubexpressionElimination
from xdsl.utils.arg_spec import parse_pipeline
from xdsl.utils.exceptions import ArgSpecParseError, PassFailedException

from ..errors import UserError
from ..runtime.circuit.program import Program
from ..runtime.circuit.relations import Circuit
from .emit import emit
from .levels import EVERYTHING, OPTIMISATIONS, Level
from .running import Watch, pipeline_text, run_passes
from .transforms.band_attention import BandAttention
from .transforms.batch_decode import BatchDecode
from .transforms.bound_relations import BoundRelations
from .transforms.choose_bits import ChooseBits
from .transforms.convert_nn_to_quant import ConvertNNToQuant
from .transforms.convert_quant_to_zk import ConvertQuantToZk
from .transforms.dedup_lookups import DedupLookups
from .transforms.delay_requantize import DelayRequantize
from .transforms.equalize_layers import EqualizeLayers
from .transforms.guard import guarded, summary
from .transforms.lower_zk_to_circuit import LowerZkToCircuit
from .transforms.merge_tables import MergeTables
from .transforms.pack_columns import PackColumns
from .transforms.plan_scales import PlanScales
from .transforms.raise_to_nn import RaiseToNN
from .transforms.stack_layers import StackLayers
from .transforms.verify_legality import VerifyLegality
from .transforms.virtualize import Virtualize
from .transforms.virtualize_remainders import VirtualizeRemainders
from .transforms.widen_limbs import WidenLimbs

PIPELINE = "quant.pipeline"
"""Attribute of a `quant` module: the text of the pipeline that its circuits are made with."""

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


def to_quant(
    settings: Settings, level: Level = EVERYTHING
) -> tuple[tuple[ModulePass, ...], tuple[ModulePass, ...]]:
    """The passes from an import to a planned `nn` function, and from there to `quant`, with some of
    their options set; `UserError` for options that they do not have."""
    passes = {each.name: each for each in level.of(TO_QUANT)}
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


def to_circuit(private_tokens: bool, level: Level = EVERYTHING) -> tuple[ModulePass, ...]:
    """The passes from `quant` to `circuit`; prompt and output are inputs, or private columns."""
    return level.of(
        (
            CommonSubexpressionElimination(),
            VerifyLegality("quant"),
            ConvertQuantToZk(private_tokens),
            VerifyLegality("zk"),
            WidenLimbs(),
            BoundRelations(),
            Virtualize(),
            DedupLookups(),
            MergeTables(),
            LowerZkToCircuit(),
            VirtualizeRemainders(),
            BandAttention(),
            PackColumns(),
            VerifyLegality("circuit"),
        )
    )


def compile_passes(level: Level, private_tokens: bool = False) -> tuple[ModulePass, ...]:
    """All passes, from an import to `circuit`."""
    return (*level.of(TO_QUANT), *to_circuit(private_tokens, level))


@dataclass(frozen=True)
class Pipeline(ModulePass):
    """A named pipeline: ``parts`` are its passes."""

    private_tokens: bool = False
    level: int = EVERYTHING.level
    disable: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.chosen()

    def chosen(self) -> Level:
        return Level(self.level, self.disable)

    def parts(self) -> tuple[ModulePass, ...]:
        raise NotImplementedError

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        run_passes(ctx, op, self.parts())


@dataclass(frozen=True)
class LowerToCircuit(Pipeline):
    """From `quant`, stacked and batched, to the final circuit."""

    name = "lower-to-circuit"

    def parts(self) -> tuple[ModulePass, ...]:
        return to_circuit(self.private_tokens, self.chosen())


@dataclass(frozen=True)
class CompileToCircuit(Pipeline):
    """From an imported and calibrated model to the final circuit."""

    name = "compile-to-circuit"

    def parts(self) -> tuple[ModulePass, ...]:
        return compile_passes(self.chosen(), self.private_tokens)


def lower(
    module: ModuleOp, private_tokens: bool = False, watch: Watch | None = None
) -> tuple[Circuit, Program]:
    """Circuit and witness program of a `quant` module, which is left as it is.

    The module says with which passes (`set_level`); by default with all. With ``private_tokens`` prompt and
    output are columns that a statement may keep private. Both circuits have the same ``param`` columns
    in the same order, and so share one commitment.
    """
    lowered = module.clone()
    part = "private circuit" if private_tokens else "circuit"
    run_passes(Context(), lowered, to_circuit(private_tokens, level_of(module)), watch, part)
    return emit(lowered)


def set_level(module: ModuleOp, level: Level) -> None:
    """Writes on a `quant` module the text of the pipeline that lowers it, unless it is that of all passes."""
    module.attributes.pop(PIPELINE, None)
    text = pipeline_text(to_circuit(False, level))
    if text != pipeline_text(to_circuit(False)):
        module.attributes[PIPELINE] = StringAttr(text)


def level_of(module: ModuleOp) -> Level:
    """What `set_level` wrote, as the passes of the highest level that are left out; `UserError` for a
    text that it can not have written."""
    found = module.attributes.get(PIPELINE)
    if found is None:
        return EVERYTHING
    text = found.data if isinstance(found, StringAttr) else str(found)
    names = [part.partition("{")[0] for part in text.split(",")]
    every = {each.name for each in to_circuit(False)}
    level = Level(disabled=tuple(n for n in OPTIMISATIONS if n in every and n not in names))
    if level == EVERYTHING or text != pipeline_text(to_circuit(False, level)):
        raise UserError(f"{PIPELINE} is none of this compiler's pipelines: {text}")
    return level
