"""The worked example of docs/extending-families.md: its family, installed as a package, is compiled and audited."""

from __future__ import annotations

import re
import string
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models
from transformers import AutoModelForCausalLM, MinistralConfig
from zklemma.compiler.families import registry
from zklemma.errors import UserError
from zklemma.tools import compiling
from zklemma.tools.audit import audit

PAGE = Path(__file__).parents[2] / "docs" / "extending-families.md"
CONFIG: dict[str, Any] = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 64,
    "sliding_window": 5,
    "layer_types": ["sliding_attention", "full_attention"],
    "bos_token_id": None,
}
PACKAGE = "example_family"


def install(folder: Path, code: str, entry: str) -> None:
    """A package as installers leave it: its module, and what it says of itself."""
    (folder / f"{PACKAGE}.py").write_text(code)
    info = folder / f"{PACKAGE}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where a package can be installed for the time of a test."""
    monkeypatch.syspath_prepend(tmp_path)
    registry._load.cache_clear()
    yield tmp_path
    registry._load.cache_clear()
    sys.modules.pop(PACKAGE, None)


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def example() -> tuple[str, str]:
    """The page's file and entry point, the latter in the form that installers write."""
    (code,), (entry,) = blocks("python"), blocks("toml")
    group, line = entry.strip().splitlines()
    name = re.fullmatch(r'\[project\.entry-points\."(.*)"\]', group)
    assert name
    return code, f"[{name[1]}]\n{line.replace(chr(34), '')}\n"


def test_a_family_of_another_package(folder: Path) -> None:
    assert "ministral" not in registry.names()
    install(folder, *example())
    assert registry.names()[-1] == "ministral"
    source = folder / "model"
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(MinistralConfig(**CONFIG)).save_pretrained(source)
    words = {letter: i for i, letter in enumerate(string.printable[: CONFIG["vocab_size"]])}
    Tokenizer(models.BPE(words, [], unk_token="0")).save(str(source / "tokenizer.json"))
    compiled = compiling.compile(source, max_tokens=16, private=False)
    artifact, report = compiled.artifact, compiled.report
    assert report["fidelity"]["greedy_agreement"] >= 0.995
    found = audit(artifact.key, source)
    assert found["valid"], found["problems"]
    assert found["family"] == "ministral"
    assert found["configuration"]["layer_types"] == CONFIG["layer_types"]
    assert found["configuration"]["sliding_window"] == CONFIG["sliding_window"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import no_such_module", ["can not load", "no_such_module"]),
        ("MINISTRAL = 5", ["is no family for the model type ministral"]),
        (
            "from zklemma.compiler.families.llama import LLAMA as MINISTRAL",
            ["is no family for the model type ministral"],
        ),
    ],
)
def test_an_entry_point_that_is_no_family(folder: Path, code: str, words: list[str]) -> None:
    install(folder, code, example()[1])
    with pytest.raises(UserError) as raised:
        registry.family("ministral")
    assert all(word in str(raised.value) for word in [*words, f"{PACKAGE}:MINISTRAL"])
