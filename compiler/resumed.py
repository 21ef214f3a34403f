"""A model as text to compile from: what `zklemma export` or `--print-ir-tree` wrote, as it is or edited.

It is a calibrated `nn` function, or one of `quant`, of which no pass has made circuits yet. Its first line may say
the passes that are left (`running`); without it they are all that lead to `quant`.

Errors: `UserError` naming the file.
"""

from __future__ import annotations

from pathlib import Path

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass, PassPipeline
from xdsl.utils.exceptions import ArgSpecParseError, PassFailedException, VerifyException

from ..dialects.interfaces import TokenSource
from ..errors import UserError
from .levels import Level
from .module_text import parse_module
from .modules import check_order, main_function
from .pipelines import Settings, to_quant
from .plugins import dialects
from .running import pipeline_of
from .transforms.convert_nn_to_quant import ConvertNNToQuant
from .transforms.guard import summary
from .transforms.registry import pass_factories

Passes = tuple[ModulePass, ...]


def given_model(
    module: ModuleOp, settings: Settings, level: Level
) -> tuple[ModuleOp, Passes, Passes]:
    """As `read_model`, of a module in memory, which stays as it is."""
    copied = module.clone()
    try:
        copied.verify()
    except VerifyException as error:
        raise UserError(f"the module is malformed: {summary(error)}") from None
    main_function(copied)
    check_order(copied)
    return copied, *to_quant(settings, level)


def read_model(path: Path, settings: Settings, level: Level) -> tuple[ModuleOp, Passes, Passes]:
    """The module, the passes up to a planned `nn` function, and those from there to `quant`."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{path}: not UTF-8 text") from None
    except OSError as error:
        raise UserError(f"{path}: cannot read: {error.strerror or error}") from None
    left_out: list[str] = []
    try:
        module = parse_module(text, dialects(left_out.append))
        main_function(module)
    except UserError as error:
        raise UserError("; ".join([f"{path}: {error}", *left_out])) from None
    pipeline = pipeline_of(text)
    if pipeline is None:
        return module, *to_quant(settings, level)
    if settings:
        raise UserError(f"{path}: its first line has the options of passes; change them there")
    try:
        passes = PassPipeline.parse_spec(pass_factories(), pipeline).passes
    except (ValueError, PassFailedException, ArgSpecParseError) as error:
        raise UserError(f"{path}: its first line is no pipeline: {summary(error)}") from None
    names = [each.name for each in passes]
    at = names.index(ConvertNNToQuant.name) if ConvertNNToQuant.name in names else 0
    return module, passes[:at], passes[at:]


def positions(module: ModuleOp) -> int:
    """The tokens that a function is for; `UserError` if it reads none."""
    ids = [op for op in main_function(module).walk() if isinstance(op, TokenSource)]
    if len(ids) != 1:
        raise UserError(f"the function reads tokens {len(ids)} times, not once")
    return ids[0].positions
