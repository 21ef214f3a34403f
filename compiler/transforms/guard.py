"""Passes as command-line drivers run them: every refusal is one line.

The registry hands out guarded passes, so that `zk-opt` and plain `xdsl-opt` treat all of them
alike and no pass needs code for it:

* a module whose values are used before they are defined is refused;
* whatever a pass raises becomes a `PassFailedException` that names the pass, and the operation that it was
  at where that is known, without the whole module that xDSL attaches; `operation_of` gives that operation;
* an integer is accepted for an option that is a float, and an option that a pass does not have is
  answered with those that it has.

Errors: `PassFailedException` of one line.
"""

from __future__ import annotations

import dataclasses
import traceback
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_type_hints

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass
from xdsl.utils.arg_spec import ArgSpec, ParameterListType
from xdsl.utils.exceptions import DiagnosticException, PassFailedException, ShrinkException
from xdsl.utils.hints import isa

from ...dialects.nn import module_path
from ...errors import ZklemmaError
from ..modules import check_order

LONGEST = 500
"""Characters of a message."""


def guarded(pass_: type[ModulePass]) -> type[ModulePass]:
    """The same pass, of the same name and documentation, for a driver."""
    place = {"__module__": pass_.__module__, "__doc__": pass_.__doc__}
    return type(pass_.__name__, (_Guard, pass_), place)


def did_you_mean(name: str, known: list[str]) -> str:
    """The known name that an unknown one is nearest to, as the end of a sentence, or nothing."""
    near = get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def summary(error: BaseException) -> str:
    """The text of an error in one line, cut where it is that of a whole module; "{layer}", which stands for
    all layers, is written "*"."""
    text = " ".join(str(error).split()).replace("{layer}", "*")
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."


class _Guard:
    """Stands before a pass in the order of its bases."""

    name: str

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        try:
            check_order(op)
            super().apply(ctx, op)  # type: ignore[misc]
        except (PassFailedException, ShrinkException, ImportError, MemoryError):
            raise
        except Exception as error:
            failure = PassFailedException(refusal(self.name, error))
            raise failure.with_traceback(error.__traceback__) from None

    @classmethod
    def from_spec(cls, spec: ArgSpec) -> Any:
        fields = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
        types = get_type_hints(cls)
        values = {}
        for option, value in spec.parameters.items():
            name = option.replace("-", "_")
            if name not in fields:
                has = f"has {', '.join(fields)}" if fields else "has none"
                raise PassFailedException(
                    f"{cls.name}: no option {option}: the pass {has}{did_you_mean(name, fields)}"
                )
            values[name] = _of_type(f"{cls.name}: {option}", value, types[name])
        try:
            return super().from_spec(ArgSpec(spec.name, values))  # type: ignore[misc]
        except (ZklemmaError, ValueError) as error:
            raise PassFailedException(refusal(cls.name, error)) from None


def _of_type(where: str, given: ParameterListType, type_: Any) -> ParameterListType:
    """One value of the option's type, as xDSL takes it; a number for a float as a float."""
    try:
        if type_ is float:
            given = tuple(map(float, given))
    except (ValueError, OverflowError):
        pass  # refused below
    values: Any = given
    one = len(values) == 1 and isa(values[0], type_)
    several = isinstance(values, tuple) and isa(values, type_)
    if one or several or (not given and isa(None, type_)):
        return given
    text = ", ".join(map(str, given)) or "nothing"
    wanted = type_.__name__ if isinstance(type_, type) else type_
    raise PassFailedException(f"{where} takes a value of type {wanted}, got {text}")


def refusal(name: str, error: BaseException) -> str:
    """An error of a pass in one line that begins with the pass's name; a fault of the pass says where."""
    text = summary(error) or type(error).__name__
    if not isinstance(error, ZklemmaError | DiagnosticException):
        text = internal(error)
    op = operation_of(error)
    path = module_path(op).replace("{layer}", "*") or op.name if op else ""
    if path and path not in text:
        text = f"{path}: {text}"
    return text if text.startswith((f"{name}:", f"{name} ")) else f"{name}: {text}"


def internal(error: BaseException) -> str:
    """A fault of this program or of xDSL, which bad input should not be able to cause, in one line."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(where.filename).name}:{where.lineno}"
    text = summary(error) or type(error).__name__
    return f"internal error, please report it: {type(error).__name__}: {text} ({place})"


def operation_of(error: BaseException) -> Operation | None:
    """The operation that a rewrite pattern was at when it raised an error; None outside of patterns."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        op = frame.f_locals.get("op")
        if frame.f_code.co_name == "match_and_rewrite" and isinstance(op, Operation):
            return op
    return None
