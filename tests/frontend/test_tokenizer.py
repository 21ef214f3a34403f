"""The tokenizer is the one that transformers would use, without padding and truncation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer
from transformers import AutoTokenizer
from zklemma.compiler.calibrated import Texts
from zklemma.compiler.frontend.checkpoint import load_checkpoint
from zklemma.errors import UserError

SHIPPED = Path(__file__).parents[2] / "checkpoints" / "tiny-gemma3"
TEXTS = ("", "a", "abcd ef", "  two\nlines ", "<eos>a", "Ünknown")


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def agrees_with_transformers(path: Path) -> Tokenizer:
    ours = Tokenizer.from_str(load_checkpoint(path).tokenizer_json.decode())
    theirs = AutoTokenizer.from_pretrained(path)
    for text in TEXTS:
        assert ours.encode(text).ids == theirs(text)["input_ids"]
    return ours


def test_shipped_tokenizer() -> None:
    assert agrees_with_transformers(SHIPPED).encode("").ids == [2]


@pytest.mark.parametrize("tokenizer_class", ["GemmaTokenizer", "TokenizersBackend", None])
@pytest.mark.parametrize("add_bos", [True, False])
@pytest.mark.parametrize("template", [True, False])
def test_start_token(
    maker: Any, tokenizer_class: str | None, add_bos: bool, template: bool
) -> None:
    """Which of two files decides whether <bos> begins a text is for transformers to say."""
    path = maker()
    if not template:
        edit(path / "tokenizer.json", post_processor=None)
    edit(
        path / "tokenizer_config.json",
        tokenizer_class=tokenizer_class,
        add_bos_token=add_bos,
        add_eos_token=True,
    )
    agrees_with_transformers(path)


def test_special_tokens_beside_it_count(maker: Any) -> None:
    path = maker()
    edit(path / "tokenizer_config.json", extra_special_tokens=["ef"])
    ids = agrees_with_transformers(path).encode("aef").ids
    assert ids[:2] == [2, 6] and len(ids) == 3


def test_settings_may_be_missing(maker: Any) -> None:
    path = maker()
    (path / "tokenizer_config.json").unlink()
    assert agrees_with_transformers(path).encode("a").ids == [2, 6]


@pytest.mark.parametrize(
    ("template", "around"),
    [
        ("{{bos_token}}[{{messages[0]['content']}}]", ("[", "]")),
        ("[{{messages[0]['content']}}]{% if add_generation_prompt %}={% endif %}", ("[", "]=")),
        ("{{messages[0]['content']}}{{messages[0]['content']}}", None),
        ("always this", None),
        ("{{raise_exception('only with a system message')}}", None),
        (None, None),
    ],
)
def test_what_a_template_writes_around_a_question(
    maker: Any, template: str | None, around: tuple[str, str] | None
) -> None:
    path = maker()
    edit(path / "tokenizer_config.json", bos_token="<bos>", chat_template=template)
    assert load_checkpoint(path).chat == around


PADDING = {"direction": "Right", "pad_id": 0, "pad_type_id": 0, "pad_token": "<pad>"}


@pytest.mark.parametrize(
    "changes",
    [
        {"padding": PADDING | {"strategy": {"Fixed": 64}, "pad_to_multiple_of": None}},
        {"padding": PADDING | {"strategy": {"Fixed": 16}, "pad_to_multiple_of": 8}},
        {
            "truncation": {
                "direction": "Right",
                "max_length": 4,
                "strategy": "LongestFirst",
                "stride": 0,
            }
        },
    ],
    ids=["longer than a window", "shorter", "truncation"],
)
def test_padding_and_truncation_are_left_out(small: Path, maker: Any, changes: Any) -> None:
    path = maker()
    expected = load_checkpoint(small)
    edit(path / "tokenizer.json", **changes)
    loaded = load_checkpoint(path)
    assert loaded.tokenizer_json == expected.tokenizer_json
    assert Texts(loaded).windows("heldout.txt", 16) == Texts(expected).windows("heldout.txt", 16)
    agrees_with_transformers(path)


def test_bytes_do_not_depend_on_the_layout_of_the_file(small: Path, maker: Any) -> None:
    path = maker()
    edit(path / "tokenizer.json")
    assert load_checkpoint(path).tokenizer_json == load_checkpoint(small).tokenizer_json


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("tokenizer.json", '{"model": {}}', "not a valid tokenizer"),
        ("tokenizer.json", "version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        ("tokenizer_config.json", "[]", "does not hold a JSON object"),
        ("tokenizer_config.json", '{"bos_token": 7}', "can not load the tokenizer"),
    ],
)
def test_refused(maker: Any, file: str, text: str, words: str) -> None:
    path = maker()
    (path / file).write_text(text)
    with pytest.raises(UserError, match=words) as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
