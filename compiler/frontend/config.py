"""The configuration of a model, checked field by field.

Its `model_type` names a family (`compiler.families`), which lists every field that a configuration may
have. A field that is not among them is refused: it might change what the model computes. Fields that are
missing have the defaults of transformers, whose configuration is what the other modules read.

Errors: `UserError` naming the file, the field and its value.
"""

from __future__ import annotations

from pathlib import Path
from reprlib import repr as shown
from textwrap import shorten
from typing import Any

from transformers import PreTrainedConfig

from ...errors import UserError
from ..families.base import LAYER_TYPES, OUTER, SLIDING, Family, Wrapper, head_dim
from ..families.registry import families, family, names


def family_of(where: Path, fields: dict[str, Any]) -> Family:
    """The family of the models that a configuration from the file `where` is of."""
    kind = fields.get("model_type")
    if isinstance(kind, str) and kind in names():
        return family(kind)
    wrapped = (kind for known in families() for kind in known.wrappers)
    supported = ", ".join(map(repr, (*names(), *wrapped)))
    raise UserError(f"{where} describes the architecture {shown(kind)}; supported: {supported}")


def inner_config(where: Path, fields: dict[str, Any]) -> tuple[Wrapper | None, dict[str, Any]]:
    """The configuration of the model that is proved, where a checkpoint holds several, and how it holds it."""
    kind = fields.get("model_type")
    for known in families():
        if not isinstance(kind, str) or kind not in known.wrappers:
            continue
        wrapper = known.wrappers[kind]
        for name in fields.keys() - {wrapper.field, "model_type", *OUTER, *wrapper.harmless}:
            if name not in known.fields.harmless:
                raise UserError(
                    f"{where}: {shown(name)} = {shown(fields[name])} is not a setting that the compiler "
                    "knows: if it does not change what the model computes, remove it"
                )
        inner = fields.get(wrapper.field)
        if not isinstance(inner, dict):
            raise UserError(f"{where}: {wrapper.field} = {shown(inner)} must be an object")
        if inner.get("model_type", known.model_type) != known.model_type:
            raise UserError(
                f"{where}: {wrapper.field}.model_type = {shown(inner['model_type'])} must be "
                f"{known.model_type!r}"
            )
        outer = {name: fields[name] for name in OUTER if name in fields}
        return wrapper, {"model_type": known.model_type, **outer, **inner}
    return None, fields


def checked_config(where: Path, fields: dict[str, Any]) -> tuple[Family, PreTrainedConfig]:
    """The family and the configuration of those fields, which come from the file `where`."""
    found = family_of(where, fields)
    for name, value in fields.items():
        if name != "model_type":
            _require_known(where, found, name, value)
    _require_plain_rope(where, found, fields)
    try:
        config = found.load_config(fields)
    except Exception as error:  # transformers raises many types for values it does not accept
        reason = shorten(str(error), 160)
        raise UserError(f"{where} is not a valid {found.title} configuration: {reason}") from error
    _require_consistent(where, found, config)
    found.check(where, config, fields)
    return found, config


def token_ids(where: Path, name: str, value: Any) -> tuple[int, ...]:
    """The ids that a field lists, in order: none, one or many."""
    ids = [] if value is None else value if isinstance(value, list) else [value]
    if not all(isinstance(i, int) and not isinstance(i, bool) and 0 <= i < 1 << 32 for i in ids):
        raise UserError(f"{where}: {name} = {shown(value)} must be a token id or a list of them")
    return tuple(sorted(set(ids)))


def _require_known(where: Path, found: Family, name: str, value: Any) -> None:
    known = found.fields
    if value is None and name in known.optional:
        return
    if name in known.sizes:
        if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            raise UserError(f"{where}: {name} = {shown(value)} must be a positive integer")
        if value > known.sizes[name]:
            raise UserError(
                f"{where}: {name} = {shown(value)} is too large: supported is up to {known.sizes[name]}"
            )
    elif name in known.numbers:
        if not _positive(value):
            raise UserError(f"{where}: {name} = {shown(value)} must be a positive number")
    elif name in known.fixed:
        # Types too: 0 is not False, and true is not 1.
        only = known.fixed[name]
        if not any(type(value) is type(one) and value == one for one in only):
            supported = " or ".join(map(repr, only))
            raise UserError(f"{where}: {name} = {shown(value)} is not supported, only {supported}")
    elif name == "eos_token_id":
        token_ids(where, name, value)
    elif name not in known.used and name not in known.harmless:
        label = name if name.isidentifier() else shown(name)
        raise UserError(
            f"{where}: {label} = {shown(value)} is not a setting that the compiler knows: if it "
            "does not change what the model computes, remove it"
        )


def _require_plain_rope(where: Path, found: Family, fields: dict[str, Any]) -> None:
    """Rotary settings where transformers looks for them: elsewhere it passes over them in silence."""
    given, scaling = fields.get("rope_parameters"), fields.get("rope_scaling")
    for name, value in (("rope_parameters", given), ("rope_scaling", scaling)):
        if value is not None and not isinstance(value, dict):
            raise UserError(f"{where}: {name} = {shown(value)} must be an object")
    if given is not None and scaling is not None:
        raise UserError(f"{where}: rope_scaling and rope_parameters exclude each other")
    if not found.rope_by_layer_type:
        groups = {"rope_parameters": given}
    else:
        groups = given or {}
        for layer_type in groups:
            if layer_type not in LAYER_TYPES:
                raise UserError(
                    f"{where}: rope_parameters has {shown(layer_type)}; it must hold one object for "
                    f"each of {' and '.join(LAYER_TYPES)}"
                )
    for group, parameters in {**groups, "rope_scaling": scaling}.items():
        if parameters is not None:
            _require_rope_fields(where, found, group, parameters)


def _require_rope_fields(where: Path, found: Family, group: str, parameters: Any) -> None:
    if not isinstance(parameters, dict):
        raise UserError(f"{where}: {group} = {shown(parameters)} must be an object")
    others = {name for names in found.rope_types.values() for name in names} | {*found.rope_options}
    for name, value in parameters.items():
        if name == "type":
            raise UserError(
                f"{where}: {group} names its type as 'type', which transformers passes over: "
                "call it 'rope_type'"
            )
        if name in found.rope_options and value is not None and not _positive(value):
            raise UserError(
                f"{where}: {name} = {shown(value)} of {group} must be a positive number"
            )
        if name not in ("rope_type", "rope_theta", "partial_rotary_factor", *others):
            raise UserError(f"{where}: {group} has {shown(name)}, which is not known")
        if name == "partial_rotary_factor" and value not in (None, 1):
            if not found.partial_rope:
                raise UserError(
                    f"{where}: {name} = {shown(value)} of {group} is not supported, only 1"
                )
            if not _positive(value) or value > 1:
                raise UserError(f"{where}: {name} = {shown(value)} of {group} must be in 0 .. 1")
    if parameters.get("rope_type", "default") == "default" and parameters.get("factor", 1) != 1:
        raise UserError(
            f"{where}: {group} has a factor, but not the rope_type 'linear' that would use it"
        )


def _require_consistent(where: Path, found: Family, config: PreTrainedConfig) -> None:
    heads, width = config.num_attention_heads, head_dim(config)
    keys = getattr(config, "num_key_value_heads", heads)
    if found.rope_types and width % 2:
        raise UserError(f"{where}: head_dim = {width} must be even for rotary embeddings")
    if heads % keys:
        raise UserError(
            f"{where}: num_attention_heads = {heads} is no multiple of num_key_value_heads = {keys}"
        )
    pad = config.pad_token_id
    if pad is not None and not -config.vocab_size <= pad < config.vocab_size:
        raise UserError(
            f"{where}: pad_token_id = {shown(pad)} is not in the vocabulary of {config.vocab_size}"
        )
    if found.rope_types and not found.rope_by_layer_type:
        _require_rope(where, found, config.rope_parameters or {}, "")
    layer_types = getattr(config, "layer_types", None)
    if layer_types is None:
        return
    if len(layer_types) != config.num_hidden_layers:
        raise UserError(
            f"{where}: layer_types lists {len(layer_types)} layers, num_hidden_layers is "
            f"{config.num_hidden_layers}"
        )
    for layer_type in sorted(set(layer_types)):
        if layer_type not in LAYER_TYPES:
            raise UserError(f"{where}: layer type {shown(layer_type)} is not supported")
        if found.rope_by_layer_type:
            parameters = (config.rope_parameters or {}).get(layer_type) or {}
            _require_rope(where, found, parameters, f" of {layer_type}")
    if SLIDING in layer_types and not (config.sliding_window or 0) > 0:
        raise UserError(f"{where}: sliding_window = {config.sliding_window!r} must be positive")


def _require_rope(where: Path, found: Family, parameters: dict[str, Any], whose: str) -> None:
    kind = parameters.get("rope_type")
    if not isinstance(kind, str) or kind not in found.rope_types:
        raise UserError(
            f"{where}: rope_parameters{whose} have type {shown(kind)}; "
            f"supported are {' and '.join(map(repr, found.rope_types))}"
        )
    for name in ("rope_theta", *found.rope_types[kind]):
        value = parameters.get(name)
        if not _positive(value):
            raise UserError(f"{where}: {name} = {shown(value)}{whose} must be a positive number")


def _positive(value: Any) -> bool:
    """Whether it is a number above zero that fp32 can hold."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 2.0**-126 <= value <= 2.0**127
