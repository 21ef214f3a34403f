"""Every family from a checkpoint to a verified answer, against PyTorch, and to its configuration in an audit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from xdsl.context import Context
from zklemma.compiler.analysis.fidelity import Window, compare, pytorch_logits
from zklemma.compiler.families.registry import FAMILIES
from zklemma.compiler.frontend.checkpoint import Checkpoint, load_checkpoint
from zklemma.compiler.frontend.evaluate import evaluate
from zklemma.compiler.frontend.importer import import_model
from zklemma.compiler.transforms.raise_to_nn import RaiseToNN
from zklemma.runtime.model.keys import Artifact
from zklemma.runtime.progress import Clock, Silent
from zklemma.runtime.proving.prover import Prover, Request
from zklemma.runtime.verifying.verifier import verify
from zklemma.runtime.witness.executor import Executor
from zklemma.tools import compiling
from zklemma.tools.audit import audit

TOKENS, WINDOWS = 16, 40
LARGER = 40
"""A token whose row is."""
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 1e4,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
YARN = {
    "rope_type": "yarn",
    "rope_theta": 1e4,
    "factor": 4.0,
    "original_max_position_embeddings": 16,
}
GEMMA3 = {
    "head_dim": 8,
    "query_pre_attn_scalar": 8,
    "sliding_window": 5,
    "layer_types": ["sliding_attention", "full_attention"],
}
GEMMA2 = {
    "head_dim": 8,
    "query_pre_attn_scalar": 12,
    "sliding_window": 5,
    "attn_logit_softcapping": 3.0,
    "final_logit_softcapping": 2.5,
}
GRANITE = {
    "attention_multiplier": 0.22,
    "embedding_multiplier": 12.0,
    "residual_multiplier": 0.3,
    "logits_scaling": 0.3,
}
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "gemma3_text": ("gemma3_text", GEMMA3),
    "one layer": ("llama", {"num_hidden_layers": 1}),
    "llama": ("llama", {"tie_word_embeddings": True}),
    "llama 3": ("llama", {"rope_parameters": LLAMA3}),
    "llama with yarn": ("llama", {"rope_parameters": YARN}),
    "llama with biases": ("llama", {"attention_bias": True, "mlp_bias": True}),
    "mistral": ("mistral", {"sliding_window": 5, "head_dim": 12}),
    "qwen2": ("qwen2", {"use_sliding_window": True, "sliding_window": 5, "max_window_layers": 1}),
    "qwen3": ("qwen3", {"head_dim": 16}),
    "qwen3 with biases": ("qwen3", {"head_dim": 16, "attention_bias": True}),
    "gemma": ("gemma", {"head_dim": 8}),
    "gemma2": ("gemma2", GEMMA2),
    "gemma2 without caps": (
        "gemma2",
        GEMMA2 | {"attn_logit_softcapping": None, "final_logit_softcapping": None},
    ),
    "granite": ("granite", GRANITE),
    "olmo2": ("olmo2", {}),
    "phi3": ("phi3", {"sliding_window": 5}),
    "smollm3": ("smollm3", {"no_rope_layers": [1, 0]}),
    "gpt2": ("gpt2", {"n_inner": 48}),
    "gpt2 untied": ("gpt2", {"tie_word_embeddings": False, "layer_norm_epsilon": 3e-3}),
    "opt": ("opt", {"hidden_size": 48, "ffn_dim": 64, "word_embed_proj_dim": 48}),
    "gpt_neox": ("gpt_neox", {"use_parallel_residual": True}),
    "gpt_neox in a row": (
        "gpt_neox",
        {
            "use_parallel_residual": False,
            "tie_word_embeddings": True,
            "hidden_size": 48,
            "layer_norm_eps": 3e-3,
            "rope_parameters": {
                "rope_type": "linear",
                "factor": 4.0,
                "rope_theta": 1e3,
                "partial_rotary_factor": 0.5,
            },
        },
    ),
    "gpt_neox of one layer that rotates all": (
        "gpt_neox",
        {
            "num_hidden_layers": 1,
            "hidden_act": "gelu_pytorch_tanh",
            "rope_parameters": {"rope_theta": 1e4, "partial_rotary_factor": 1.0},
        },
    ),
    "opt without biases": (
        "opt",
        {
            "ffn_dim": 48,
            "word_embed_proj_dim": 32,
            "enable_bias": False,
            "activation_function": "gelu",
            "tie_word_embeddings": False,
        },
    ),
}


def test_every_family_is_tested() -> None:
    assert {kind for kind, _ in MODELS.values()} == {*FAMILIES}


@pytest.mark.parametrize("name", MODELS)
def test_from_a_checkpoint_to_a_verified_answer(make: Any, name: str) -> None:
    kind, config = MODELS[name]
    source = make(kind, **config)
    checkpoint = load_checkpoint(source)
    (ids, *_) = windows(checkpoint)
    module = import_model(checkpoint, TOKENS)
    RaiseToNN().apply(Context(), module)
    logits = evaluate(module, np.array(ids), checkpoint.tensor)
    if cap := checkpoint.family.logits_cap(checkpoint.config):
        logits = cap * np.tanh(logits / cap)
    np.testing.assert_allclose(logits, pytorch_logits(checkpoint)(ids), atol=1e-4)

    artifact = faithful(source)
    proved(artifact, ids)
    report = audit(artifact.key, source)
    assert report["valid"], report["problems"]
    assert report["family"] == kind
    said = checkpoint.config.to_dict()
    for field, value in report["configuration"].items():
        found = said[field]
        if field == "rope_parameters" and value.get("rope_type") == "yarn":
            found = {name: found[name] for name in value}
        assert value == found, field


def test_one_row_of_an_untied_embedding_is_far_larger_than_others(make: Any) -> None:
    """Norms read the rows, so that the model is hardly another: formats must leave small rows their bits."""
    source = make("llama", larger={"model.embed_tokens.weight": (LARGER, 1000.0)})
    artifact = faithful(source)
    table = artifact.key.circuit.column["embed_tokens.weight"]
    assert table.high - table.low >= 1 << 20
    ids = windows(load_checkpoint(source))[0]
    ids[1] = LARGER
    proved(artifact, ids)


ZEROS = {
    "biases and positions": ("gpt2 untied", ("bias", "wpe.weight")),
    "some biases": ("opt", ("layers.1.fc1.bias", "layers.0.self_attn.q_proj.bias", "norm.bias")),
    "all deltas": ("llama", ("o_proj.weight", "down_proj.weight")),
    "the gains of a role, and the delta of a layer": (
        "qwen3",
        ("q_norm.weight", "layers.0.self_attn.o_proj.weight"),
    ),
}


@pytest.mark.parametrize("name", ZEROS)
def test_parameters_that_are_all_zeros(make: Any, name: str) -> None:
    model, zeros = ZEROS[name]
    kind, config = MODELS[model]
    source = make(kind, zeros=zeros, **config)
    checkpoint = load_checkpoint(source)
    for end in zeros:
        found = [weight for weight in checkpoint.names if weight.endswith(end)]
        assert found and not any(checkpoint.tensor(weight).any() for weight in found)
    artifact = faithful(source)
    proved(artifact, windows(checkpoint)[0])
    report = audit(artifact.key, source)
    assert report["valid"], report["problems"]


def windows(checkpoint: Checkpoint) -> list[list[int]]:
    """Random ids."""
    vocabulary = checkpoint.config.vocab_size
    return np.random.default_rng(0).integers(3, vocabulary, (WINDOWS, TOKENS)).tolist()


def faithful(source: Path) -> Artifact:
    """A checkpoint, compiled; its integers say what PyTorch says."""
    compiled = compiling.compile(source, max_tokens=TOKENS, least_fidelity=None, private=False)
    artifact = compiled.artifact
    checkpoint = load_checkpoint(source)
    found = compare(
        pytorch_logits(checkpoint),
        Executor(artifact.key.circuit, artifact.program, artifact.params).logits,
        artifact.meta["logits_scale"],
        (Window("ids", ids) for ids in windows(checkpoint)),
        cap=checkpoint.family.logits_cap(checkpoint.config),
    ).whole()
    assert found["greedy_agreement"] >= 0.995 and found["kl"] < 1e-5
    return artifact


def proved(artifact: Artifact, ids: list[int]) -> None:
    """An answer to the first ids, proved and verified."""
    prover = Prover(artifact.key, artifact.program, artifact.params, artifact.masks)
    prompt = tuple(ids[:5])
    tokens = (*prompt, *prover.executor.generate(prompt, 3))
    proof = prover.prove(Request(tokens, len(prompt), hiding=False), Clock(Silent())).proof
    assert verify(artifact.key, proof).statement.tokens == tokens
