"""PyTorch against the imported and the raised stratum of `nn`, on random checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import Gemma3ForCausalLM
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from zklemma.compiler.families.base import ACTIVATIONS
from zklemma.compiler.frontend.checkpoint import Checkpoint, load_checkpoint
from zklemma.compiler.frontend.evaluate import evaluate
from zklemma.compiler.frontend.importer import import_model
from zklemma.compiler.transforms.raise_to_nn import RaiseToNN
from zklemma.dialects import nn
from zklemma.errors import UserError

TOKENS = 11
IMAGES = (nn.InputOp, nn.Conv2dOp, nn.MaxPool2dOp, nn.AvgPool2dOp, nn.FlattenOp)
POSITIONS = (
    nn.AddPositionsOp,
    nn.ImagePositionsOp,
    nn.MeanPositionsOp,
    nn.PositionOp,
    nn.ProbabilitiesOp,
    nn.RotateOp,
    nn.SoftmaxOp,
)
LINEAR = {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6}
LOCAL = {"rope_type": "default", "rope_theta": 1e4}


def reference(path: Path, ids: np.ndarray) -> np.ndarray:
    """Logits of the model as a PyTorch user runs it: own masks, own positions, fp32."""
    model = Gemma3ForCausalLM.from_pretrained(path, dtype=torch.float32)
    with torch.no_grad():
        return model(input_ids=torch.from_numpy(ids)[None], use_cache=False).logits[0].numpy()


def ids_for(checkpoint: Checkpoint, tokens: int) -> np.ndarray:
    return np.random.default_rng(1).integers(checkpoint.config.vocab_size, size=tokens)


def raised(module: ModuleOp) -> ModuleOp:
    RaiseToNN().apply(Context(), module)
    module.verify()
    return module


@pytest.mark.parametrize(
    ("tokens", "config"),
    [
        pytest.param(TOKENS, {}, id="longer than the window, kv=1"),
        pytest.param(5, {}, id="as long as the window"),
        pytest.param(1, {}, id="one token"),
        pytest.param(TOKENS, {"num_key_value_heads": 2}, id="kv=2"),
        pytest.param(TOKENS, {"num_key_value_heads": 4}, id="no grouping"),
        pytest.param(TOKENS, {"head_dim": 12}, id="heads wider than hidden"),
        pytest.param(
            TOKENS, {"num_attention_heads": 1, "num_key_value_heads": 1}, id="a single head"
        ),
        pytest.param(TOKENS, {"tie_word_embeddings": False}, id="untied"),
        pytest.param(TOKENS, {"query_pre_attn_scalar": 24, "rms_norm_eps": 1e-3}, id="scales"),
        pytest.param(TOKENS, {"query_pre_attn_scalar": 1}, id="scores as they are"),
        pytest.param(
            TOKENS,
            {"rope_parameters": {"full_attention": LINEAR, "sliding_attention": LOCAL}},
            id="linear rope",
        ),
        pytest.param(TOKENS, {"layer_types": ["full_attention"] * 3}, id="global only"),
        *(pytest.param(5, {"hidden_activation": name}, id=name) for name in ACTIVATIONS),
    ],
)
def test_agrees_with_pytorch(maker: Any, tokens: int, config: dict[str, Any]) -> None:
    path = maker(**config)
    checkpoint = load_checkpoint(path)
    ids = ids_for(checkpoint, tokens)
    expected = reference(path, ids)
    module = import_model(checkpoint, tokens)
    imported = evaluate(module, ids, checkpoint.tensor)
    np.testing.assert_allclose(imported[0], expected, atol=1e-4)
    logits = evaluate(raised(module), ids, checkpoint.tensor)
    np.testing.assert_allclose(logits, expected, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_weights_are_taken_as_fp32(maker: Any, dtype: torch.dtype) -> None:
    path = maker(dtype=dtype)
    checkpoint = load_checkpoint(path)
    ids = ids_for(checkpoint, TOKENS)
    logits = evaluate(raised(import_model(checkpoint, TOKENS)), ids, checkpoint.tensor, np.float64)
    np.testing.assert_allclose(logits, reference(path, ids), atol=1e-4)


def test_window_counts_the_own_position(small: Path) -> None:
    """A window of w sees w keys: changing token t-w leaves position t of layer 0 as it is."""
    checkpoint = load_checkpoint(small)
    window = checkpoint.config.sliding_window or 0
    module = raised(import_model(checkpoint, TOKENS))
    weights: list[np.ndarray] = []

    def observe(op: Any, value: Any) -> None:
        if isinstance(op, nn.MaskedSoftmaxOp):
            weights.append(value)

    evaluate(module, ids_for(checkpoint, TOKENS), checkpoint.tensor, observe=observe)
    sliding, full = weights[0], weights[2]
    assert [(row > 0).sum() for row in sliding[0]] == [min(i + 1, window) for i in range(TOKENS)]
    assert [(row > 0).sum() for row in full[0]] == list(range(1, TOKENS + 1))


def test_only_raised_operations_remain(small: Path) -> None:
    module = raised(import_model(load_checkpoint(small), TOKENS))
    names = {op.name for op in module.walk()} - {"builtin.module", "func.func", "func.return"}
    layer_norms = nn.CenterOp, nn.PositionEmbeddingOp
    others = {op.name for op in (*nn.ACTIVATIONS, *IMAGES, *POSITIONS, *layer_norms)}
    others.remove(nn.GeluTanhOp.name)
    assert names == {op.name for op in nn.RAISED} - others


def test_paths_name_the_module(small: Path) -> None:
    module = raised(import_model(load_checkpoint(small), TOKENS))
    paths = {
        op.name: nn.module_path(op) for op in module.walk() if "layers.1" in nn.module_path(op)
    }
    assert paths["nn.attend"] == "model.layers.1.self_attn"
    assert paths["nn.gelu_tanh"] == "model.layers.1.mlp.act_fn"
    assert paths["nn.add"] == "model.layers.1"
    assert all(nn.module_path(op) for op in module.walk() if isinstance(op, nn.LinearOp))


@pytest.mark.parametrize("ids", [[0] * 3, [64] * TOKENS, [-1] * TOKENS])
def test_token_ids_must_fit(small: Path, ids: list[int]) -> None:
    checkpoint = load_checkpoint(small)
    module = import_model(checkpoint, TOKENS)
    with pytest.raises(UserError, match="token"):
        evaluate(module, np.array(ids), checkpoint.tensor)


def test_shipped_checkpoint() -> None:
    """Past the window, with tokens it was trained on or not."""
    path = Path(__file__).parents[2] / "checkpoints" / "tiny-gemma3"
    checkpoint = load_checkpoint(path)
    ids = ids_for(checkpoint, 40)
    logits = evaluate(raised(import_model(checkpoint, 40)), ids, checkpoint.tensor)
    np.testing.assert_allclose(logits, reference(path, ids), atol=1e-4)
