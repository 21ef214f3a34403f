"""The shipped checkpoint is a real, loadable Gemma-3 that has learned English."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from transformers import AutoTokenizer, Gemma3ForCausalLM

ROOT = Path(__file__).parents[2]
CHECKPOINT = ROOT / "checkpoints" / "tiny-gemma3"
HELD_OUT = ROOT / "compiler" / "texts" / "heldout" / "stories.txt"
# Measured 4.27 nats per token; a uniform guess over the vocabulary costs 6.93.
HELD_OUT_BOUND = 4.4
PROMPTS = ("Once upon a time", "The function returns")


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """The matrices are so small that threads only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def model() -> Gemma3ForCausalLM:
    return Gemma3ForCausalLM.from_pretrained(CHECKPOINT, dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(CHECKPOINT)


@torch.no_grad()
def greedy(model, ids: list[int], n: int) -> list[int]:
    for _ in range(n):
        ids = [*ids, int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax())]
    return ids


def test_files_are_small_and_half_precision():
    weights = CHECKPOINT / "model.safetensors"
    assert weights.stat().st_size < 3 * 2**20
    with safe_open(weights, "pt") as file:
        names = set(file.keys())
        assert {file.get_slice(name).get_dtype() for name in names} == {"F16"}
    assert "lm_head.weight" not in names  # tied: stored once, as the embedding


def test_every_weight_is_finite(model):
    assert all(torch.isfinite(p).all() for p in model.parameters())


def test_shapes_and_tying(model):
    config = model.config
    assert (config.vocab_size, config.hidden_size, config.num_hidden_layers) == (1024, 128, 6)
    assert (config.num_attention_heads, config.num_key_value_heads, config.head_dim) == (4, 1, 32)
    assert config.intermediate_size == 384
    assert config.sliding_window < 64
    full = [i for i, kind in enumerate(config.layer_types) if kind == "full_attention"]
    assert full == [2, 5]
    thetas = {kind: rope["rope_theta"] for kind, rope in config.rope_parameters.items()}
    assert thetas == {"sliding_attention": 1e4, "full_attention": 1e6}
    assert config.query_pre_attn_scalar == config.head_dim
    assert config.attn_logit_softcapping is None and config.final_logit_softcapping is None
    assert model.lm_head.weight is model.model.embed_tokens.weight
    assert sum(p.numel() for p in model.parameters()) == 1_265_152


def test_vocabulary(tokenizer, model):
    assert len(tokenizer) == 1024
    assert tokenizer.convert_ids_to_tokens([0, 1, 2, 3]) == ["<pad>", "<eos>", "<bos>", "<unk>"]
    assert tokenizer("")["input_ids"] == [2]
    ids = (model.config.pad_token_id, model.config.eos_token_id, model.config.bos_token_id)
    assert ids == (0, 1, 2)
    stored = json.loads((CHECKPOINT / "tokenizer.json").read_text(encoding="utf-8"))
    assert sorted(stored["model"]["vocab"].values()) == list(range(1024))


@given(st.text())
def test_tokenizer_round_trip_of_unicode(tokenizer, text):
    ids = tokenizer(text, split_special_tokens=True)["input_ids"]
    assert tokenizer.decode(ids[1:], clean_up_tokenization_spaces=False) == text
    assert 3 not in ids


def test_every_byte_has_a_token(tokenizer):
    """Bytes reach the vocabulary through the 256 letters of the byte-level alphabet."""
    for first in range(0x80, 0x800, 7):
        text = chr(first)
        assert tokenizer.decode(tokenizer(text)["input_ids"][1:]) == text
    singles = [t for t in tokenizer.get_vocab() if len(t) == 1]
    assert len(singles) == 256


def test_perplexity_on_held_out_text(model, tokenizer):
    nats, count = 0.0, 0
    for paragraph in HELD_OUT.read_text(encoding="utf-8").split("\n\n"):
        ids = torch.tensor([tokenizer(paragraph.strip())["input_ids"]])
        with torch.no_grad():
            logits = model(input_ids=ids[:, :-1]).logits[0]
        loss = torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="sum")
        nats += loss.item()
        count += ids.shape[1] - 1
    assert nats / count < HELD_OUT_BOUND


@pytest.mark.parametrize("prompt", PROMPTS)
def test_greedy_text_is_deterministic_and_printable(model, tokenizer, prompt):
    ids = tokenizer(prompt)["input_ids"]
    first = greedy(model, ids, 32)
    assert first == greedy(model, ids, 32)
    text = tokenizer.decode(first, skip_special_tokens=True)
    assert text.startswith(prompt) and text.isascii() and text.isprintable()
    words = text.split()
    assert len(set(words)) > len(words) / 2, "the text repeats itself"
