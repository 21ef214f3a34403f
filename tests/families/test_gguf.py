"""GGUF files of other families than Gemma 3: the same model as what transformers makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from tokenizers import Tokenizer
from transformers import CONFIG_MAPPING, AutoModelForCausalLM, AutoTokenizer
from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint
from zklemma.compiler.families.registry import families, family
from zklemma.compiler.frontend.checkpoint import load_checkpoint
from zklemma.compiler.frontend.importer import import_model

VOCABULARY, HIDDEN, WIDTH, LAYERS, HEADS, KV, HEAD_DIM = 64, 64, 64, 2, 4, 2, 16
TOKENS = ["<pad>", "<eos>", "<bos>", "<unk>", "▁", *"abcdefghij", "ab", "cd", "abcd"]
TOKENS += [f"<unused{i}>" for i in range(VOCABULARY - len(TOKENS))]
ENTRIES: dict[str, Any] = {
    "context_length": 64,
    "embedding_length": HIDDEN,
    "block_count": LAYERS,
    "feed_forward_length": WIDTH,
    "attention.head_count": HEADS,
    "attention.head_count_kv": KV,
    "attention.layer_norm_rms_epsilon": 1e-5,
    "rope.freq_base": 5e4,
}
LAYER = {
    "attn_norm": (HIDDEN,),
    "attn_q": (HEADS * HEAD_DIM, HIDDEN),
    "attn_k": (KV * HEAD_DIM, HIDDEN),
    "attn_v": (KV * HEAD_DIM, HIDDEN),
    "attn_output": (HIDDEN, HEADS * HEAD_DIM),
    "ffn_norm": (HIDDEN,),
    "ffn_gate": (WIDTH, HIDDEN),
    "ffn_up": (WIDTH, HIDDEN),
    "ffn_down": (HIDDEN, WIDTH),
}
KEYS = {"attention.key_length": HEAD_DIM, "attention.value_length": HEAD_DIM}
NORMS = {"attn_q_norm": (HEAD_DIM,), "attn_k_norm": (HEAD_DIM,)}
BIASES = {
    "attn_q.bias": (HEADS * HEAD_DIM,),
    "attn_k.bias": (KV * HEAD_DIM,),
    "attn_v.bias": (KV * HEAD_DIM,),
}
GGUF: dict[str, tuple[dict[str, Any], dict[str, tuple[int, ...]]]] = {
    "llama": ({"rope.dimension_count": HEAD_DIM}, {}),
    "qwen2": ({}, BIASES),
    "qwen3": (KEYS, NORMS),
}


def write(path: Path, name: str) -> Path:
    """A random model of a family; its output layer is tied to the embedding."""
    entries, tensors = GGUF[name]
    form = family(name).gguf
    assert form
    writer = gguf.GGUFWriter(path, form.architecture)
    for key, value in (ENTRIES | entries).items():
        add = writer.add_uint32 if isinstance(value, int) else writer.add_float32
        add(f"{form.architecture}.{key}", value)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(TOKENS)
    writer.add_token_scores([-float(i) for i in range(VOCABULARY)])
    writer.add_token_types([3 if token[0] == "<" else 1 for token in TOKENS])
    writer.add_token_merges(["a b", "c d", "ab cd"])
    writer.add_pad_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_bos_token_id(2)
    writer.add_unk_token_id(3)
    layer = {n if "." in n else f"{n}.weight": s for n, s in (LAYER | tensors).items()}
    shapes = {f"blk.{i}.{n}": s for i in range(LAYERS) for n, s in layer.items()}
    shapes |= {"token_embd.weight": (VOCABULARY, HIDDEN), "output_norm.weight": (HIDDEN,)}
    random = np.random.default_rng(0)
    for tensor, shape in shapes.items():
        writer.add_tensor(tensor, random.normal(size=shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def transformers_directory(path: Path, name: str, directory: Path) -> Path:
    """What transformers makes of a GGUF file, saved."""
    config = CONFIG_MAPPING[name].from_pretrained(path.parent, gguf_file=path.name)
    config.tie_word_embeddings = True
    if hasattr(config, "head_dim"):  # Which transformers reads of some families only.
        config.head_dim = HEAD_DIM
    model = AutoModelForCausalLM.from_config(config)
    state = load_gguf_checkpoint(path, return_tensors=True, model_to_load=model)["tensors"]
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert set(missing) <= {"lm_head.weight"} and not unexpected
    model.save_pretrained(directory)
    AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name).save_pretrained(directory)
    return directory


def test_every_family_with_files_is_tested() -> None:
    others = {"gemma3_text"}  # tests/frontend/test_gguf.py
    assert {each.model_type for each in families() if each.gguf} == {*GGUF} | others


@pytest.mark.parametrize("name", GGUF)
def test_is_the_model_of_transformers(tmp_path: Path, name: str) -> None:
    """The imported text names shapes, constants and the digest of each weight."""
    path = write(tmp_path / "model.gguf", name)
    ours = load_checkpoint(path)
    theirs = load_checkpoint(transformers_directory(path, name, tmp_path / "directory"))
    for weight in theirs.names:
        np.testing.assert_array_equal(ours.tensor(weight), theirs.tensor(weight), weight)
    assert str(import_model(ours, 5)) == str(import_model(theirs, 5))
    tokenizer = Tokenizer.from_str(ours.tokenizer_json.decode())
    expected = AutoTokenizer.from_pretrained(tmp_path, gguf_file=path.name)
    for text in ("", "abcd e", "  jab"):
        assert tokenizer.encode(text).ids == expected(text)["input_ids"]
