"""The benchmark of prompts: which ones it makes, and how it compares what two models say."""

import argparse
import importlib.util
import sys
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from zklemma.compiler.analysis.fidelity import pytorch_model
from zklemma.compiler.frontend.checkpoint import load_checkpoint
from zklemma.errors import RangeError, UserError

ROOT = Path(__file__).parents[2]
CHECKPOINT = ROOT / "checkpoints" / "tiny-gemma3"
VOCABULARY = 1024


@pytest.fixture(scope="module")
def program():
    path = ROOT / "benchmarks" / "prompts.py"
    spec = importlib.util.spec_from_file_location("benchmarks_prompts", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def make(program):
    tokenizer = Tokenizer.from_file(str(CHECKPOINT / "tokenizer.json"))

    def prompts(count, longest=40, seed=0):
        return program.prompts_of(
            lambda text: tokenizer.encode(text).ids, VOCABULARY, count, longest, seed
        )

    return prompts


def test_prompts_are_those_of_the_seed(make):
    assert make(60) == make(60) == make(70)[:60]
    assert make(60) != make(60, seed=1)
    assert len({tuple(prompt.ids) for prompt in make(60)}) > 50


def test_prompts_are_of_every_kind_and_length(make):
    prompts = make(330)
    kinds = [prompt.kind for prompt in prompts]
    assert len(set(kinds)) == 11 and kinds == kinds[:11] * 30
    assert {"chat", "odd", "joined", "arbitrary", "repeated", "characters"} < set(kinds)
    lengths = [len(prompt.ids) for prompt in prompts]
    assert min(lengths) == 2 and max(lengths) == 40
    for prompt in prompts:
        assert prompt.ids[0] == 2 and all(0 <= token < VOCABULARY for token in prompt.ids)
        assert prompt.kind != "repeated" or len(set(prompt.ids[1:])) == 1


def test_stops_are_counted_with_their_reason(program):
    def run(ids):
        if 7 in ids:
            raise RangeError("mlp: out of range")

    seen = []
    prompts = [program.Prompt("a", [2, 3]), program.Prompt("b", [2, 7, 7])]
    assert program.stops_of(run, prompts, seen.append) == [
        {"prompt": 1, "kind": "b", "prompt_tokens": 3, "error": "mlp: out of range"}
    ]
    assert seen == ["a", "b"]


def test_texts_are_compared_up_to_their_first_difference(program):
    said = {1: [5, 6, 7], 2: [5, 9, 9], 3: [8, 6, 7]}

    def integers(ids):
        if ids[0] not in said:
            raise RangeError("too large")
        return said[ids[0]]

    prompts = [program.Prompt("k", [first, 0]) for first in (1, 2, 3, 4)]
    reference = [(5, 0.5), (6, 0.25), (7, 0.125)]
    found = program.compare(integers, lambda ids: reference, prompts, lambda kind: None)
    assert (found["texts"], found["identical"]) == (4, 1)
    differences = [(row["prompt"], row["at"], row["margin"]) for row in found["differences"]]
    assert differences == [(1, 1, 0.25), (2, 0, 0.5)]
    assert [stop["prompt"] for stop in found["stops"]] == [3]


def test_pytorch_continues_as_without_a_cache(program, make):
    model = pytorch_model(load_checkpoint(CHECKPOINT))
    ids = make(7)[6].ids
    for token, margin in program.pytorch_greedy(model, ids, 4):
        with torch.no_grad():
            logits = model(torch.tensor([ids]), use_cache=False).logits[0, -1]
        first, second = torch.topk(logits, 2).values.tolist()
        assert token == int(logits.argmax())
        assert margin == pytest.approx(first - second, abs=1e-3)
        ids = [*ids, token]


@pytest.mark.parametrize(
    "given, said",
    [
        ({"prompts": 0}, "--prompts is 0: give at least 1"),
        ({"count": -1}, "--count is -1: give at least 1"),
        ({"longest": 1}, "--longest is 1: give at least 2"),
        ({"generate": 4}, "give its --checkpoint"),
        ({"generate": 15, "checkpoint": CHECKPOINT}, "--generate is 15: give 1 to 14"),
        ({"generate": 0, "checkpoint": CHECKPOINT}, "--generate is 0: give 1 to 14"),
    ],
)
def test_nonsense_is_refused(program, given, said):
    usual = {"prompts": 1, "count": 1, "longest": 9, "generate": None, "checkpoint": None}
    with pytest.raises(UserError, match=said):
        program.check(argparse.Namespace(**{**usual, **given}), 1, 16)
