"""The benchmark command: a random checkpoint of a small shape through the whole path."""

import json

import numpy as np
import pytest
from zklemma.compiler.families.base import EMBEDDING
from zklemma.compiler.frontend.checkpoint import load_checkpoint
from zklemma.errors import UserError
from zklemma.runtime.model.keys import load_artifact
from zklemma.tools.bench import print_breakdown, prompt_of
from zklemma.tools.random_checkpoint import SHAPES, random_checkpoint

SHAPE = "gemma3-mini"


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def checkpoint(cache):
    return random_checkpoint(SHAPE, cache)


def test_checkpoint_has_the_shape_and_full_vocabulary(checkpoint):
    loaded = load_checkpoint(checkpoint)
    sizes = SHAPES[SHAPE]
    assert loaded.shapes[EMBEDDING] == (sizes["vocab_size"], sizes["hidden_size"])
    vocabulary = json.loads(loaded.tokenizer_json)["model"]["vocab"]
    assert sorted(vocabulary.values()) == list(range(sizes["vocab_size"]))
    assert loaded.config.to_dict()["layer_types"].count("full_attention") == 1


def test_checkpoint_is_kept_and_seeded(checkpoint, cache, tmp_path):
    assert random_checkpoint(SHAPE, cache) == checkpoint
    again = load_checkpoint(random_checkpoint(SHAPE, tmp_path))
    first = load_checkpoint(checkpoint)
    for name in first.names:
        assert np.array_equal(first.tensor(name), again.tensor(name))
    assert not list(tmp_path.glob("*.part")) and not list(tmp_path.glob(".*"))


def test_checkpoint_takes_other_sizes(checkpoint, cache):
    assert (
        random_checkpoint(SHAPE, cache, {"hidden_size": SHAPES[SHAPE]["hidden_size"]}) == checkpoint
    )
    other = random_checkpoint(SHAPE, cache, {"num_hidden_layers": 1, "hidden_size": 64})
    assert other.name == f"{SHAPE}-hidden_size-64-num_hidden_layers-1"
    loaded = load_checkpoint(other)
    assert loaded.shapes[EMBEDDING] == (SHAPES[SHAPE]["vocab_size"], 64)
    assert loaded.config.num_hidden_layers == len(loaded.config.layer_types or ()) == 1


@pytest.mark.parametrize(
    "sizes, said",
    [
        ({"depth": 3}, "depth: unknown size; there are hidden_size, "),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0: give at least 1"),
        ({"vocab_size": 100}, "vocab_size is 100: give at least 1024"),
    ],
)
def test_checkpoint_refuses_sizes(sizes, said, tmp_path):
    with pytest.raises(UserError, match=said):
        random_checkpoint(SHAPE, tmp_path, sizes)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("tokens", [2, 3, 17, 300, 2500])
def test_prompts_have_exact_lengths(checkpoint, tokens):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(checkpoint / "tokenizer.json"))
    assert len(tokenizer.encode(prompt_of(checkpoint, tokens)).ids) == tokens


def test_bench_reports_every_command(run, checkpoint, cache, capsys):
    where = ("--cache", cache, "--tokens", 8, "--generated", 2)
    done = run("bench", SHAPE, *where, "--json", "--quiet")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["tokens"] == 8 and report["generated"] == 2
    compiled, proved, verified = (report[name] for name in ("compile", "prove", "verify"))
    assert compiled["max_tokens"] == 8 and compiled["process"]["user_seconds"] > 0
    assert proved["hiding"] is True and proved["generated"] == 2 and proved["security_bits"] >= 100
    assert verified["valid"] is True and verified["model_id"] == compiled["model_id"]
    assert report["prove_per_forward"] > 0
    assert min(report["ceilings"].values()) > 0
    found = report["breakdown"]
    assert list(found) == ["load", "execute", "commit", "lookup", "einsum", "open"]
    for name, stage in found.items():
        assert stage["seconds"] == proved["seconds"][name]
        for unit, work in stage["units"].items():
            assert work["ceiling"] == report["ceilings"][unit]
            assert work["operations"] == sum(
                kind["operations"].get(unit, 0) for kind in stage["kinds"].values()
            )
            assert work["floor_seconds"] > 0 and work["fraction"] > 0
    assert {"linear layers", "attention scores"} <= set(found["einsum"]["kinds"])
    print_breakdown(report)
    said = capsys.readouterr().out
    assert "attention scores" in said and "u16" in said and "small MACs" in said
    key = load_artifact(cache / f"{SHAPE}.zkl").key
    assert key.model_id == compiled["model_id"]


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("gemma3-9b", "--tokens", 8), "gemma3-9b: unknown shape"),
        ((SHAPE, "--tokens", 2), "give at least 2 as prompt"),
        ((SHAPE, "--tokens", 8, "--generated", 0), "0 generated"),
    ],
)
def test_bench_refuses(run, cache, arguments, said):
    done = run("bench", *arguments, "--cache", cache)
    assert done.returncode == 2 and done.stderr.startswith("error: ")
    assert said in done.stderr and done.stderr.count("\n") == 1
