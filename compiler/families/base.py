"""What the compiler asks of a family of models.

A family is the models of one `model_type`: one architecture of transformers, in all its sizes. Everything
else between a checkpoint and `nn` is the same for all of them, and nothing after it knows of families:

    configuration   which fields there may be, and what they must say (`Fields`, `check`)
    PyTorch         the values of what a checkpoint does not store: masks, rotations, scalars
    GGUF            what entries and tensors are called there (`Gguf`)
    audits          the family's model that an integer function is, and its `nn` function (`read`)

Configurations are those of transformers (`PreTrainedConfig`). This module imports neither transformers nor
PyTorch, and no family does before it is asked for a model: audits read keys without them.

Errors: `UserError` naming the file, the field and its value.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from xdsl.dialects.builtin import ModuleOp

from ...dialects import nn
from ...dialects.rotation import Rotation

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

EMBEDDING, LM_HEAD = "model.embed_tokens.weight", "lm_head.weight"
"""What most models call the weights of the token embedding and the output layer."""

FULL, SLIDING = "full_attention", "sliding_attention"
LAYER_TYPES = (FULL, SLIDING)
"""What configurations call attention to all positions before, and to those in a window."""

ACTIVATIONS: dict[str, type[nn.ActivationOp]] = {
    "gelu_pytorch_tanh": nn.GeluTanhOp,
    "gelu": nn.GeluOp,
    "silu": nn.SiluOp,
    "relu": nn.ReluOp,
}
"""What configurations call them."""


@dataclass(frozen=True)
class Fields:
    """Every field that a configuration may have, and what becomes of it; others are refused.

    ``sizes`` are integers from 1 to a largest value, far beyond any model, which keeps nonsense from taking
    all memory before a weight is looked at. ``numbers`` are above zero. What is in ``optional`` may be null.
    ``fixed`` lists the only values that mean what the compiler implements. ``used`` are checked otherwise,
    and ``harmless`` change no fp32 logits of a text.
    """

    sizes: Mapping[str, int]
    optional: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    fixed: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    used: tuple[str, ...] = ()
    harmless: tuple[str, ...] = ()

    def adding(
        self,
        sizes: Mapping[str, int] | None = None,
        optional: tuple[str, ...] = (),
        numbers: tuple[str, ...] = (),
        fixed: Mapping[str, tuple[Any, ...]] | None = None,
        used: tuple[str, ...] = (),
        harmless: tuple[str, ...] = (),
    ) -> Fields:
        """These fields and a family's own."""
        return replace(
            self,
            sizes={**self.sizes, **(sizes or {})},
            optional=self.optional + optional,
            numbers=self.numbers + numbers,
            fixed={**self.fixed, **(fixed or {})},
            used=self.used + used,
            harmless=self.harmless + harmless,
        )


DECODER_FIELDS = Fields(
    sizes={
        "vocab_size": 1 << 24,
        "hidden_size": 1 << 20,
        "intermediate_size": 1 << 20,
        "num_hidden_layers": 1 << 10,
        "num_attention_heads": 1 << 12,
        "num_key_value_heads": 1 << 12,
        "head_dim": 1 << 16,
        "max_position_embeddings": 1 << 31,
    },
    numbers=("rms_norm_eps", "rope_theta"),
    fixed={
        "is_causal": (True,),
        "is_encoder_decoder": (False,),
        "add_cross_attention": (False,),
        "chunk_size_feed_forward": (0,),
        "pruned_heads": (None, {}),
        "quantization_config": (None,),
        "partial_rotary_factor": (None, 1, 1.0),
    },
    used=("rope_parameters", "rope_scaling", "tie_word_embeddings", "pad_token_id", "eos_token_id"),
    harmless=(
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
    ),
)
"""Of any decoder-only language model in transformers."""


def head_dim(config: PreTrainedConfig) -> int:
    """The width of a head: some configurations have it, in others all heads together are the hidden width."""
    return getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads


def stacked(counts: Mapping[str, int]) -> dict[str, range]:
    """The rows of parts that lie one below the other, so many of each."""
    found: dict[str, range] = {}
    start = 0
    for name, count in counts.items():
        found[name] = range(start, start + count)
        start += count
    return found


GGUF_ENTRIES = {
    "context_length": "max_position_embeddings",
    "embedding_length": "hidden_size",
    "block_count": "num_hidden_layers",
    "feed_forward_length": "intermediate_size",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.layer_norm_rms_epsilon": "rms_norm_eps",
    "rope.freq_base": "rope_theta",
}
"""Those of any decoder."""

GGUF_LAYER = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
"""Those of any decoder that normalises what a layer reads."""


@dataclass(frozen=True)
class Gguf:
    """How a GGUF file holds models of a family.

    ``required`` and ``optional`` are entries about the model (without the architecture's name in front) and
    the fields of a configuration that they are; ``same`` must repeat other entries; ``harmless`` are passed
    over. ``tensors`` and ``layer_tensors`` are called otherwise in PyTorch; the latter are "blk.N.NAME.weight".
    Norms are stored as w plus ``gain``. ``paired`` are layers whose outputs lie, in each of so many heads as a
    field says, in pairs that a rotation turns, and not in two halves.
    """

    architecture: str
    required: Mapping[str, str]
    optional: Mapping[str, str]
    same: Mapping[str, str]
    layer_tensors: Mapping[str, str]
    gain: float = 0.0
    paired: Mapping[str, str] = field(default_factory=dict)
    tokenizer: str = "AutoTokenizer"
    """The class of transformers that makes the tokenizer."""
    harmless: tuple[str, ...] = ("rope.scaling.finetuned", "rope.scaling.original_context_length")
    tensors: Mapping[str, str] = field(
        default_factory=lambda: {
            "token_embd.weight": "model.embed_tokens.weight",
            "output_norm.weight": "model.norm.weight",
            "output.weight": "lm_head.weight",
        }
    )


@dataclass(frozen=True)
class Wrapper:
    """How a checkpoint of several models holds the one that is of a family.

    Its configuration is a ``field`` of the whole one, of which `OUTER` fields hold for it as well; others
    are ``harmless`` to it. Its weights have one of the ``prefixes``, each with what stands in its place in a
    checkpoint of the model alone; the ``others`` are of the other models.
    """

    prefixes: Mapping[str, str]
    others: tuple[str, ...]
    harmless: tuple[str, ...]
    field: str = "text_config"


OUTER = ("bos_token_id", "eos_token_id", "pad_token_id", "tie_word_embeddings")


class Model(Protocol):
    """What an audit learns of a function."""

    def module(self, tokens: int) -> ModuleOp:
        """The raised `nn` function for exactly so many tokens, without PyTorch and without weights."""
        ...


class Family(ABC):
    """A family of models; there is one object of each class."""

    model_type: ClassVar[str]
    """What its configurations call it; also its name."""
    title: ClassVar[str]
    """What people call it."""
    fields: ClassVar[Fields]
    rope_by_layer_type: ClassVar[bool] = False
    """Whether configurations have rotary parameters for each type of layer."""
    rope_types: ClassVar[Mapping[str, tuple[str, ...]]] = {"default": (), "linear": ("factor",)}
    """The kinds of rotary embeddings, and which parameters each has beside theta."""
    rope_options: ClassVar[tuple[str, ...]] = ()
    """Parameters that they need not have."""
    partial_rope: ClassVar[bool] = False
    """Whether rotary parameters may say which part of each head is rotated."""
    one_mask: ClassVar[bool] = True
    """Whether the model takes one mask, and not one for each type of layer."""
    eps_field: ClassVar[str | None] = "rms_norm_eps"
    """What configurations call the small constant of norms, if they say it."""
    embedding: ClassVar[str] = EMBEDDING
    """The name of the token embedding's weight."""
    head: ClassVar[str] = LM_HEAD
    """That of the output layer's, which may be the same tensor."""
    prefix: ClassVar[str] = ""
    """What files may leave out in front of names of weights."""
    renamed: ClassVar[Mapping[str, str]] = {}
    """Names of weights in older files, and what they are called now."""
    unread: ClassVar[tuple[str, ...]] = ("inv_freq",)
    """The ends of names of tensors that files may hold and no model reads."""
    gguf: ClassVar[Gguf | None] = None
    wrappers: ClassVar[Mapping[str, Wrapper]] = {}
    """By model type: checkpoints of several models, of which one is of this family."""

    # Configuration

    def check(self, where: Path, config: PreTrainedConfig, fields: Mapping[str, Any]) -> None:
        """`UserError` for fields that are known, one by one, but do not fit together, and where what transformers
        made of them is not what is implemented. By default there is no more to check."""
        return

    def load_config(self, fields: dict[str, Any]) -> PreTrainedConfig:
        """The configuration of checked fields; whatever transformers raises."""
        from transformers import CONFIG_MAPPING

        return CONFIG_MAPPING[self.model_type].from_dict(fields)

    # PyTorch

    def build(self, config: PreTrainedConfig) -> PreTrainedModel:
        """The model without its weights, with attention that traces to plain products."""
        from transformers import AutoModelForCausalLM

        return AutoModelForCausalLM.from_config(config, attn_implementation="eager")

    @abstractmethod
    def masks(self, config: PreTrainedConfig) -> Mapping[str, int | None]:
        """The window of each type of layer that there is; None where a position sees all before it."""

    @abstractmethod
    def rotations(self, config: PreTrainedConfig) -> Mapping[str, Rotation]:
        """The buffers that hold frequencies of rotary embeddings."""

    def scalars(self, config: PreTrainedConfig) -> Mapping[str, float]:
        """Other buffers that no checkpoint stores, all of them single numbers of fp32."""
        return {}

    def logits_cap(self, config: PreTrainedConfig) -> float | None:
        """c where logits are c tanh(x / c) of what the output layer gives; by default None: they are that."""
        return None

    def parts(self, config: PreTrainedConfig) -> Mapping[str, Mapping[str, Sequence[int]]]:
        """Of weights by which a model makes several values: the weights that make each, and which rows these are,
        in rising order. By default there are none."""
        return {}

    def transposed(self, config: PreTrainedConfig) -> frozenset[str]:
        """Weights of linear layers that are stored as (inputs, outputs); by default there are none."""
        return frozenset()

    # Audits

    @abstractmethod
    def read(self, function: ModuleOp) -> Model:
        """The model of the family that a published integer function, its layers stacked, seems to be; `UserError`
        where it can be none. What is read is compared with the function afterwards."""

    @abstractmethod
    def config_fields(self, model: Any) -> dict[str, Any]:
        """The configuration of a model that `read` gave, as config.json would have it."""
