"""Reading checkpoints: what is accepted, and one clear line for what is not."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Gemma3ForCausalLM
from zklemma.compiler.frontend.checkpoint import Checkpoint, load_checkpoint
from zklemma.errors import UserError

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"


def edit_config(path: Path, **changes: Any) -> Path:
    file = path / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    return path


def edit_weights(path: Path, **changes: torch.Tensor | None) -> Path:
    """Replaces weights by name; None removes one."""
    weights = load_file(path / WEIGHTS) | changes
    save_file({name: t for name, t in weights.items() if t is not None}, path / WEIGHTS)
    return path


def test_tensors_are_those_of_pytorch(small: Path) -> None:
    checkpoint = load_checkpoint(small)
    model = Gemma3ForCausalLM.from_pretrained(small, dtype=torch.float32)
    state = model.state_dict()
    assert set(checkpoint.names) == set(state) - {"lm_head.weight"}
    for name in (*checkpoint.names, "lm_head.weight"):
        expected = state[name].numpy()
        np.testing.assert_array_equal(checkpoint.tensor(name), expected)
        digest = hashlib.sha256(expected.astype("<f4").tobytes()).hexdigest()
        assert checkpoint.sha256(name) == digest
    assert checkpoint.parameters == sum(p.numel() for p in model.parameters())
    assert json.loads(checkpoint.tokenizer_json)["model"]["type"] == "BPE"


def test_large_tensors_are_digested_in_pieces(small: Path, monkeypatch: Any) -> None:
    whole = load_checkpoint(small).sha256("lm_head.weight")
    monkeypatch.setattr("zklemma.compiler.frontend.checkpoint.CHUNK_BYTES", 200)
    checkpoint = load_checkpoint(small)
    assert checkpoint.sha256("lm_head.weight") == whole
    assert checkpoint.tensor("lm_head.weight").shape == (64, 32)


def test_digest_does_not_depend_on_sharding(small: Path, maker: Any) -> None:
    sharded = maker(shards="20KB")
    assert len(list(sharded.glob("*.safetensors"))) > 1
    one, many = load_checkpoint(small), load_checkpoint(sharded)
    assert [one.sha256(name) for name in one.names] == [many.sha256(name) for name in many.names]


def test_tied_weight_under_its_other_name(maker: Any) -> None:
    path = maker()
    weight = load_file(path / WEIGHTS)["model.embed_tokens.weight"]
    edit_weights(path, **{"model.embed_tokens.weight": None, "lm_head.weight": weight})
    np.testing.assert_array_equal(load_checkpoint(path).tensor("lm_head.weight"), weight.numpy())


def test_tied_weight_under_both_names(maker: Any) -> None:
    path = maker()
    weight = load_file(path / WEIGHTS)["model.embed_tokens.weight"]
    edit_weights(path, **{"lm_head.weight": weight.clone()})
    assert "lm_head.weight" not in load_checkpoint(path).names
    edit_weights(path, **{"lm_head.weight": weight + 1})
    refused(path, "ties", "lm_head.weight")


def test_untied_weights_are_two(maker: Any) -> None:
    checkpoint = load_checkpoint(maker(tie_word_embeddings=False))
    assert checkpoint.sha256("lm_head.weight") != checkpoint.sha256("model.embed_tokens.weight")


def refused(path: Path | str, *words: str) -> None:
    """Opening and reading everything ends in one line that holds the words."""
    with pytest.raises(UserError) as caught:
        read_all(load_checkpoint(path))
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message


def read_all(checkpoint: Checkpoint) -> None:
    for name in checkpoint.names:
        checkpoint.sha256(name)


def test_missing_directory(tmp_path: Path) -> None:
    refused(tmp_path / "none", "no such directory")


def test_file_instead_of_directory(small: Path) -> None:
    refused(small / WEIGHTS, "neither a checkpoint directory nor a GGUF file")


def test_hub_unreachable(monkeypatch: Any) -> None:
    def fail(*_: Any, **__: Any) -> str:
        raise OSError("no route to host\nand more")

    monkeypatch.setattr("zklemma.compiler.frontend.locate.snapshot_download", fail)
    refused("someone/some-model", "someone/some-model", "no route to host")


def test_hub_download(small: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(
        "zklemma.compiler.frontend.locate.snapshot_download", lambda *_, **__: str(small)
    )
    assert load_checkpoint("someone/some-model").path == small


def test_not_a_checkpoint(tmp_path: Path) -> None:
    refused(tmp_path, "no config.json")


def test_broken_config(maker: Any) -> None:
    path = maker()
    config = (path / "config.json").read_text().rstrip().removesuffix("}")
    for text, words in [
        ("{", "not readable JSON"),
        ("[]", "JSON object"),
        (f'{config}, "rms_norm_eps": Infinity}}', "Infinity"),
        (f'{config}, "rms_norm_eps": NaN}}', "NaN"),
        (f'{config}, "vocab_size": {"9" * 5000}}}', "not readable JSON"),
        (f'{config}, "id2label": {"[" * 100_000}{"]" * 100_000}}}', "nested too deeply"),
        (f'{config}, "id2label": {"[" * 900}{"]" * 900}}}', "config"),
        (f'{config}, "unknown": {"[" * 900}{"]" * 900}}}', "unknown"),
    ]:
        (path / "config.json").write_text(text)
        refused(path, "config.json", words)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model_type": "bloom"}, ["'bloom'"]),
        ({"model_type": None}, ["architecture"]),
        ({"model_type": "gemma3"}, ["not a setting"]),
        ({"final_logit_softcapping": 30.0}, ["final_logit_softcapping"]),
        ({"attn_logit_softcapping": 50.0}, ["attn_logit_softcapping"]),
        ({"attention_bias": True}, ["attention_bias"]),
        ({"use_bidirectional_attention": True}, ["use_bidirectional_attention"]),
        ({"hidden_activation": "tanh"}, ["hidden_activation", "tanh", "'silu'"]),
        ({"quantization_config": {"quant_method": "awq"}}, ["quantization_config"]),
        ({"layer_types": ["full_attention"]}, ["layer_types"]),
        ({"layer_types": ["full_attention", "chunked_attention", "full_attention"]}, ["chunked"]),
        ({"sliding_window": 0}, ["sliding_window"]),
        ({"num_key_value_heads": 3}, ["num_key_value_heads"]),
        ({"hidden_size": -32}, ["hidden_size"]),
        ({"hidden_size": "wide"}, ["hidden_size"]),
        ({"head_dim": 7}, ["head_dim"]),
        ({"rms_norm_eps": 0.0}, ["rms_norm_eps"]),
        (
            {
                "rope_parameters": {
                    "full_attention": {"rope_type": "default", "rope_theta": 0.0},
                    "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
                }
            },
            ["rope_theta"],
        ),
        (
            {
                "rope_parameters": {
                    "full_attention": {"rope_type": "llama3", "factor": 8.0, "rope_theta": 1e6},
                    "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
                }
            },
            ["rope", "llama3"],
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_unsupported_config(maker: Any, changes: dict[str, Any], words: list[str]) -> None:
    refused(edit_config(maker(), **changes), "config.json", *words)


def test_no_tokenizer(maker: Any) -> None:
    path = maker()
    (path / "tokenizer.json").unlink()
    refused(path, "tokenizer.json")
    (path / "tokenizer.json").write_text('{"model": {}}')
    refused(path, "tokenizer.json is not a valid tokenizer")


def test_no_weights(maker: Any) -> None:
    path = maker()
    (path / WEIGHTS).unlink()
    refused(path, WEIGHTS)


def test_damaged_weights(maker: Any) -> None:
    path = maker()
    (path / WEIGHTS).write_bytes((path / WEIGHTS).read_bytes()[:-100])
    refused(path, WEIGHTS)


def test_missing_shard(maker: Any) -> None:
    path = maker(shards="20KB")
    shard = sorted(path.glob("*.safetensors"))[0]
    shard.unlink()
    refused(path, shard.name, "missing")


@pytest.mark.parametrize("shard", ["missing.safetensors", "other.safetensors"])
def test_single_file_wins_over_an_index(maker: Any, shard: str) -> None:
    """As in transformers; the index may be left over from another model."""
    path = maker()
    alone = load_checkpoint(path)
    expected = [alone.sha256(name) for name in alone.names]
    others = {name: tensor + 1 for name, tensor in load_file(path / WEIGHTS).items()}
    save_file(others, path / "other.safetensors")
    (path / INDEX).write_text(json.dumps({"weight_map": dict.fromkeys(others, shard)}))
    loaded = load_checkpoint(path)
    assert [loaded.sha256(name) for name in loaded.names] == expected
    model = Gemma3ForCausalLM.from_pretrained(path, dtype=torch.float32)
    weight = model.state_dict()["model.norm.weight"].numpy()
    np.testing.assert_array_equal(loaded.tensor("model.norm.weight"), weight)


def test_weight_in_two_shards(maker: Any) -> None:
    path = maker(shards="20KB")
    shards = sorted(path.glob("*.safetensors"))
    save_file(load_file(shards[0]) | load_file(shards[1]), shards[1])
    refused(path, "also in", shards[0].name)


def test_index_outside_the_directory(maker: Any) -> None:
    path = maker()
    (path / WEIGHTS).unlink()
    index = {"weight_map": {"model.norm.weight": "../elsewhere.safetensors"}}
    (path / INDEX).write_text(json.dumps(index))
    refused(path, "outside")


def test_lfs_pointers(maker: Any) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1000\n"
    for name in (WEIGHTS, "config.json"):
        path = maker()
        (path / name).write_text(pointer)
        refused(path, name, "Git LFS pointer", "git lfs pull")
    path = maker(shards="20KB")
    (path / WEIGHTS).unlink()
    shard = sorted(path.glob("*.safetensors"))[1]
    shard.write_text(pointer)
    refused(path, shard.name, "git lfs pull")


END_TOKENS: list[tuple[str | None, tuple[int, ...]]] = [
    ('{"eos_token_id": [5, 9, 5]}', (5, 9)),
    ('{"eos_token_id": 7}', (7,)),
    ("{}", ()),
    (None, (1,)),
]


@pytest.mark.parametrize(("generation", "expected"), END_TOKENS)
def test_end_tokens(maker: Any, generation: str | None, expected: tuple[int, ...]) -> None:
    """generation_config.json says it all where there is one, as in transformers."""
    path = maker()
    file = path / "generation_config.json"
    file.unlink()
    if generation is not None:
        file.write_text(generation)
    assert load_checkpoint(path).end_tokens == expected
    found = Gemma3ForCausalLM.from_pretrained(path).generation_config.eos_token_id
    ids = [found] if isinstance(found, int) else found or []
    assert tuple(sorted(set(ids))) == expected


def test_many_end_tokens_in_the_configuration(maker: Any) -> None:
    path = edit_config(maker(), eos_token_id=[9, 5])
    (path / "generation_config.json").unlink()
    assert load_checkpoint(path).end_tokens == (5, 9)


def test_bad_end_tokens(maker: Any) -> None:
    for text in ('{"eos_token_id": "end"}', '{"eos_token_id": [-1]}', '{"eos_token_id": [true]}'):
        path = maker()
        (path / "generation_config.json").write_text(text)
        refused(path, "generation_config.json", "eos_token_id")


def test_missing_weight(maker: Any) -> None:
    name = "model.layers.1.mlp.up_proj.weight"
    refused(edit_weights(maker(), **{name: None}), name)


def test_wrong_shape(maker: Any) -> None:
    name = "model.layers.1.mlp.up_proj.weight"
    refused(edit_weights(maker(), **{name: torch.zeros(3, 32)}), name, "(3, 32)", "(48, 32)")


def test_config_with_fewer_layers_than_the_weights(maker: Any) -> None:
    path = edit_config(maker(), num_hidden_layers=2, layer_types=["full_attention"] * 2)
    refused(path, "model.layers.2.")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers(maker: Any, value: float) -> None:
    name = "model.layers.0.self_attn.q_proj.weight"
    weight = torch.zeros(32, 32)
    weight[31, 31] = value
    refused(edit_weights(maker(), **{name: weight}), name, "NaN")


def test_integer_weights(maker: Any) -> None:
    name = "model.norm.weight"
    weight = torch.zeros(32, dtype=torch.int8)
    refused(edit_weights(maker(), **{name: weight}), name, "I8")


def test_unknown_tensor_name(small: Path) -> None:
    with pytest.raises(UserError, match="no weight named"):
        load_checkpoint(small).tensor("model.layers.9.mlp.up_proj.weight")
