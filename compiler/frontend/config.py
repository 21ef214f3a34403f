"""The configuration of a Gemma-3 text model, checked field by field.

`SIZES`, `NUMBERS`, `FIXED`, `USED` and `HARMLESS` list every field that a configuration may have and
what becomes of it. A field that is in none of them is refused: it might change what the model
computes. Fields that are missing have the defaults of transformers, whose `Gemma3TextConfig` is what
the other modules read.

Errors: `UserError` naming the file, the field and its value.
"""

from __future__ import annotations

from pathlib import Path
from reprlib import repr as shown
from textwrap import shorten
from typing import Any

from transformers import Gemma3TextConfig

from ...errors import UserError
from ..gemma3 import ACTIVATIONS
from .export import LAYER_TYPES

# Integers from 1 to a largest value, which is far beyond any model and keeps nonsense from taking
# all memory before a weight is looked at.
SIZES = {
    "vocab_size": 1 << 24,
    "hidden_size": 1 << 20,
    "intermediate_size": 1 << 20,
    "num_hidden_layers": 1 << 10,
    "num_attention_heads": 1 << 12,
    "num_key_value_heads": 1 << 12,
    "head_dim": 1 << 16,
    "max_position_embeddings": 1 << 31,
    "sliding_window": 1 << 31,
    "sliding_window_pattern": 1 << 31,
    "_sliding_window_pattern": 1 << 31,
}
# Numbers above zero.
NUMBERS = ("rms_norm_eps", "query_pre_attn_scalar", "rope_theta", "rope_local_base_freq")
# The only values that mean what the compiler implements.
FIXED: dict[str, tuple[Any, ...]] = {
    "model_type": ("gemma3_text",),
    "architectures": (None, [], ["Gemma3ForCausalLM"]),
    "hidden_activation": tuple(ACTIVATIONS),
    "hidden_act": (None, *ACTIVATIONS),
    "attention_bias": (False,),
    "attn_logit_softcapping": (None,),
    "final_logit_softcapping": (None,),
    "use_bidirectional_attention": (False, None),
    "is_causal": (True,),
    "is_encoder_decoder": (False,),
    "add_cross_attention": (False,),
    "chunk_size_feed_forward": (0,),
    "pruned_heads": (None, {}),
    "quantization_config": (None,),
    "partial_rotary_factor": (None, 1, 1.0),
}
# Checked by functions of their own, below.
USED = (
    "layer_types",
    "rope_parameters",
    "rope_scaling",
    "tie_word_embeddings",
    "pad_token_id",
)
# Notes, settings of training, of storage or of other ways to run the model: none changes the fp32
# logits of a text.
HARMLESS = (
    "_attn_implementation",
    "_attn_implementation_autoset",
    "_commit_hash",
    "_flash_attn_2_enabled",
    "_from_model_config",
    "_model_name_or_path",
    "_name_or_path",
    "attention_dropout",
    "attn_implementation",
    "bos_token_id",
    "cache_implementation",
    "dtype",
    "experts_implementation",
    "finetuning_task",
    "gradient_checkpointing",
    "id2label",
    "initializer_range",
    "is_decoder",
    "label2id",
    "name_or_path",
    "output_attentions",
    "output_hidden_states",
    "problem_type",
    "return_dict",
    "return_dict_in_generate",
    "task_specific_params",
    "tf_legacy_loss",
    "tie_encoder_decoder",
    "tokenizer_class",
    "torch_dtype",
    "torchscript",
    "transformers_version",
    "unk_token_id",
    "unsloth_fixed",
    "unsloth_version",
    "use_bfloat16",
    "use_cache",
)
# What rotary embeddings of a layer type may say; the factor is for linear ones.
ROPE_FIELDS = ("rope_type", "rope_theta", "factor", "partial_rotary_factor")


def text_config(where: Path, fields: dict[str, Any]) -> Gemma3TextConfig:
    """The configuration of those fields, which come from the file `where`."""
    kind = fields.get("model_type")
    if kind == "gemma3":
        raise UserError(
            f"{where} describes a multimodal Gemma-3; only the text model is supported: save its "
            "language model as a Gemma3ForCausalLM checkpoint and use that"
        )
    if kind != "gemma3_text":
        raise UserError(
            f"{where} describes the architecture {shown(kind)}; supported is 'gemma3_text'"
        )
    for name, value in fields.items():
        _require_known(where, name, value)
    _require_plain_rope(where, fields)
    try:
        config = Gemma3TextConfig.from_dict(fields)
    except Exception as error:  # transformers raises many types for values it does not accept
        reason = shorten(str(error), 160)
        raise UserError(f"{where} is not a valid Gemma-3 configuration: {reason}") from error
    _require_consistent(where, config)
    if fields.get("hidden_act") not in (None, config.hidden_activation):
        raise UserError(
            f"{where}: hidden_act = {shown(fields['hidden_act'])} is not what the model uses, "
            f"hidden_activation = {config.hidden_activation!r}: remove it"
        )
    if fields.get("layer_types") is None:
        _require_one_pattern(where, fields)
    return config


def rope_parameters(config: Gemma3TextConfig, layer_type: str) -> tuple[float, float]:
    """(theta, factor) of a layer type: frequencies are theta^(-2i/D) / factor."""
    parameters: dict[str, Any] = (config.rope_parameters or {})[layer_type]
    linear = parameters["rope_type"] == "linear"
    return float(parameters["rope_theta"]), float(parameters["factor"]) if linear else 1.0


def token_ids(where: Path, name: str, value: Any) -> tuple[int, ...]:
    """The ids that a field lists, in order: none, one or many."""
    ids = [] if value is None else value if isinstance(value, list) else [value]
    if not all(isinstance(i, int) and not isinstance(i, bool) and 0 <= i < 1 << 32 for i in ids):
        raise UserError(f"{where}: {name} = {shown(value)} must be a token id or a list of them")
    return tuple(sorted(set(ids)))


def _require_known(where: Path, name: str, value: Any) -> None:
    if name in SIZES:
        if value is None and name == "sliding_window":
            return  # `_require_consistent` knows whether there is a layer with a window.
        if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            raise UserError(f"{where}: {name} = {shown(value)} must be a positive integer")
        if value > SIZES[name]:
            raise UserError(
                f"{where}: {name} = {shown(value)} is too large: supported is up to {SIZES[name]}"
            )
    elif name in NUMBERS:
        if not _positive(value):
            raise UserError(f"{where}: {name} = {shown(value)} must be a positive number")
    elif name in FIXED:
        # Types too: 0 is not False, and true is not 1.
        if not any(type(value) is type(only) and value == only for only in FIXED[name]):
            supported = " or ".join(map(repr, FIXED[name]))
            raise UserError(f"{where}: {name} = {shown(value)} is not supported, only {supported}")
    elif name == "eos_token_id":
        token_ids(where, name, value)
    elif name not in USED and name not in HARMLESS:
        label = name if name.isidentifier() else shown(name)
        raise UserError(
            f"{where}: {label} = {shown(value)} is not a setting that the compiler knows: if it "
            "does not change what the model computes, remove it"
        )


def _require_plain_rope(where: Path, fields: dict[str, Any]) -> None:
    """Rotary settings where transformers looks for them: elsewhere it passes over them in silence."""
    by_type, scaling = fields.get("rope_parameters"), fields.get("rope_scaling")
    for name, value in (("rope_parameters", by_type), ("rope_scaling", scaling)):
        if value is not None and not isinstance(value, dict):
            raise UserError(f"{where}: {name} = {shown(value)} must be an object")
    if by_type is not None and scaling is not None:
        raise UserError(f"{where}: rope_scaling and rope_parameters exclude each other")
    for layer_type in by_type or {}:
        if layer_type not in LAYER_TYPES:
            raise UserError(
                f"{where}: rope_parameters has {shown(layer_type)}; it must hold one object for each of "
                f"{' and '.join(LAYER_TYPES)}"
            )
    groups = {**(by_type or {}), "rope_scaling": scaling}
    for group, parameters in groups.items():
        if parameters is None:
            continue
        if not isinstance(parameters, dict):
            raise UserError(f"{where}: {group} = {shown(parameters)} must be an object")
        for name, value in parameters.items():
            if name == "type":
                raise UserError(
                    f"{where}: {group} names its type as 'type', which transformers passes over: "
                    "call it 'rope_type'"
                )
            if name not in ROPE_FIELDS:
                raise UserError(f"{where}: {group} has {shown(name)}, which is not known")
            if name == "partial_rotary_factor" and value not in (None, 1):
                raise UserError(
                    f"{where}: {name} = {shown(value)} of {group} is not supported, only 1"
                )
        if parameters.get("rope_type", "default") == "default" and parameters.get("factor", 1) != 1:
            raise UserError(
                f"{where}: {group} has a factor, but not the rope_type 'linear' that would use it"
            )


def _require_consistent(where: Path, config: Gemma3TextConfig) -> None:
    if config.head_dim % 2:
        raise UserError(f"{where}: head_dim = {config.head_dim} must be even for rotary embeddings")
    if config.num_attention_heads % config.num_key_value_heads:
        raise UserError(
            f"{where}: num_attention_heads = {config.num_attention_heads} is no multiple of "
            f"num_key_value_heads = {config.num_key_value_heads}"
        )
    pad = config.pad_token_id
    if pad is not None and not -config.vocab_size <= pad < config.vocab_size:
        raise UserError(
            f"{where}: pad_token_id = {shown(pad)} is not in the vocabulary of {config.vocab_size}"
        )
    layer_types = config.layer_types or []
    if len(layer_types) != config.num_hidden_layers:
        raise UserError(
            f"{where}: layer_types lists {len(layer_types)} layers, num_hidden_layers is "
            f"{config.num_hidden_layers}"
        )
    for layer_type in sorted(set(layer_types)):
        if layer_type not in LAYER_TYPES:
            raise UserError(f"{where}: layer type {shown(layer_type)} is not supported")
        _require_rope(where, config, layer_type)
    if "sliding_attention" in layer_types and not (config.sliding_window or 0) > 0:
        raise UserError(f"{where}: sliding_window = {config.sliding_window!r} must be positive")


def _require_rope(where: Path, config: Gemma3TextConfig, layer_type: str) -> None:
    parameters: dict[str, Any] = (config.rope_parameters or {}).get(layer_type) or {}
    kind = parameters.get("rope_type")
    if kind not in ("default", "linear"):
        raise UserError(
            f"{where}: rope_parameters of {layer_type} have type {shown(kind)}; "
            "supported are 'default' and 'linear'"
        )
    for name in ("rope_theta", "factor") if kind == "linear" else ("rope_theta",):
        value = parameters.get(name)
        if not _positive(value):
            raise UserError(
                f"{where}: {name} = {shown(value)} of {layer_type} must be a positive number"
            )


def _require_one_pattern(where: Path, fields: dict[str, Any]) -> None:
    """Without layer_types a pattern makes them; the name with an underscore is but a copy."""
    used, copy = fields.get("sliding_window_pattern", 6), fields.get("_sliding_window_pattern")
    if copy not in (None, used):
        raise UserError(
            f"{where}: _sliding_window_pattern = {copy} is not what makes the layers, "
            f"sliding_window_pattern = {used}: give layer_types"
        )


def _positive(value: Any) -> bool:
    """Whether it is a number above zero that fp32 can hold."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 2.0**-126 <= value <= 2.0**127
