"""Models of transformers in memory, and several at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer
from zklemma.compiler.frontend.checkpoint import load_checkpoint
from zklemma.compiler.frontend.importer import import_model
from zklemma.compiler.frontend.module import module_checkpoint
from zklemma.errors import UserError
from zklemma.tools import compiling


def test_a_model_in_memory_is_the_one_on_disk(make: Any) -> None:
    source = make("phi3", num_hidden_layers=1)
    saved = load_checkpoint(source)
    model = AutoModelForCausalLM.from_pretrained(source)
    tokenizer = AutoTokenizer.from_pretrained(source)
    found = module_checkpoint(model, tokenizer)
    assert {name: found.sha256(name) for name in found.names} == {
        name: saved.sha256(name) for name in saved.names
    }
    assert (found.tokenizer_json, found.end_tokens) == (saved.tokenizer_json, saved.end_tokens)
    options = {"max_tokens": 8, "private": False, "least_fidelity": None}
    compiled = compiling.compile(model, tokenizer=tokenizer, **options)
    assert compiled.report["parameters"] == saved.parameters
    assert compiled.key.model_id == compiling.compile(source, **options).key.model_id


def test_what_is_no_such_model(make: Any) -> None:
    model = AutoModelForCausalLM.from_pretrained(make("llama"))
    with pytest.raises(UserError, match="with its tokenizer"):
        compiling.compile(model, max_tokens=8)


def test_threads_import_at_once(make: Any) -> None:
    checkpoint = load_checkpoint(make("llama"))
    with ThreadPoolExecutor(3) as pool:
        texts = [str(module) for module in pool.map(import_model, [checkpoint] * 3, [8] * 3)]
    assert texts == [str(import_model(checkpoint, 8))] * 3
