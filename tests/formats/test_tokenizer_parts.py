"""What tokenizers may be made of: the parts of real ones, and none that make texts much longer."""

import json

import pytest
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from zklemma.runtime.model import tokenizer_parts
from zklemma.runtime.model.tokenizer import MOST_TEXT, TooLong, WholeTokenizer, load
from zklemma.runtime.model.tokenizer_parts import _EXPRESSIONS, MOST_ADDED, MOST_GROWTH, cost

MARK = "\u2581"
REAL = {
    "gemma": (
        normalizers.Replace(" ", MARK),
        pre_tokenizers.Split(" ", "merged_with_previous"),
        decoders.Sequence([decoders.Replace(MARK, " "), decoders.ByteFallback(), decoders.Fuse()]),
    ),
    "llama": (
        normalizers.Sequence([normalizers.Prepend(MARK), normalizers.Replace(" ", MARK)]),
        None,
        decoders.Sequence(
            [
                decoders.Replace(MARK, " "),
                decoders.ByteFallback(),
                decoders.Fuse(),
                decoders.Strip(" ", 1, 0),
            ]
        ),
    ),
    "gpt-2": (None, pre_tokenizers.ByteLevel(), decoders.ByteLevel()),
    **{
        f"later {number}": (
            normalizers.NFC(),
            pre_tokenizers.Sequence(
                [pre_tokenizers.Split(Regex(text), "isolated"), pre_tokenizers.ByteLevel()]
            ),
            decoders.ByteLevel(),
        )
        for number, text in enumerate(_EXPRESSIONS)
    },
}


def made(normalizer, pre_tokenizer, decoder) -> Tokenizer:
    letters = [*dict.fromkeys([MARK, *"abcdefghij .", *pre_tokenizers.ByteLevel.alphabet()])]
    tokenizer = Tokenizer(models.BPE({x: i for i, x in enumerate(sorted(letters))}, []))
    for name, part in zip(
        ("normalizer", "pre_tokenizer", "decoder"),
        (normalizer, pre_tokenizer, decoder),
        strict=True,
    ):
        if part is not None:
            setattr(tokenizer, name, part)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="a $A", pair="a $A a $B", special_tokens=[("a", 0)]
    )
    return tokenizer


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("text", ["", "a cab  fed", " ab\ncd. \n\n  j", "a" * 5000])
def test_real_tokenizers_do_what_they_do(name, text):
    whole = made(*REAL[name])
    found = WholeTokenizer(whole.to_str().encode())
    ids = whole.encode(text).ids
    assert found.encode(text) == ids
    assert found.decode(ids) == whole.decode(ids, skip_special_tokens=False)


def replaced(pattern: str, content: str) -> dict:
    return {"type": "Replace", "pattern": {"String": pattern}, "content": content}


@pytest.mark.parametrize(
    ("parts", "times"),
    [
        ({}, 1),
        ({"normalizer": replaced(" ", MARK)}, 3),
        ({"normalizer": replaced("ab", "c")}, 1),
        ({"decoder": {"type": "Sequence", "decoders": [replaced("a", "bcd"), replaced("b", "cc")]}}, 12),
        ({"normalizer": replaced("a", "bb"), "pre_tokenizer": {"type": "ByteLevel"}}, 12),
        ({"normalizer": {"type": "Prepend", "prepend": MARK}}, 4),
    ],
)  # fmt: skip
def test_the_cost_is_what_steps_multiply_to_times_their_number(parts, times):
    assert cost(parts) == times


@pytest.mark.parametrize(
    "parts",
    [
        {"decoder": {"type": "Sequence", "decoders": [replaced("a", "b" * 32)] * 2}},
        {"normalizer": {"type": "Sequence", "normalizers": [replaced("a", "bb")] * 9}},
        {"normalizer": {"type": "Sequence", "normalizers": [replaced("a", "b")] * 9}},
        {"normalizer": {"type": "Sequence", "normalizers": [{"type": "Sequence", "normalizers": []}]}},
        {"normalizer": {"type": "Precompiled", "precompiled_charsmap": ""}},
        {"normalizer": {"type": ["Replace"]}},
        {"normalizer": {"type": "Replace", "content": ""}},
        {"normalizer": {"pattern": {"String": "a"}, "content": ""}},
        {"normalizer": "NFC"},
        {"normalizer": replaced("", "a")},
        {"normalizer": replaced("a" * 33, "a")},
        {"normalizer": replaced("a", "a" * 33)},
        {"normalizer": {"type": "Prepend", "prepend": "a" * 33}},
        {"decoder": {"type": "Replace", "pattern": {"Regex": "a"}, "content": "b"}},
        {"decoder": {"type": "Strip", "content": " ", "start": 1 << 40, "stop": 0}},
        {"decoder": {"type": "Strip", "content": " ", "start": 1, "stop": 1}},
        {"decoder": {"type": "CTC"}},
        {"pre_tokenizer": {"type": "Split", "pattern": {"Regex": r"\s+"}, "behavior": "Isolated"}},
        {"post_processor": {"type": "BertProcessing"}},
        {"post_processor": {"type": "TemplateProcessing", "single": "$A", "pair": [], "special_tokens": {}}},
    ],
)  # fmt: skip
def test_other_parts_are_refused(parts):
    with pytest.raises(ValueError, match="its "):
        cost(parts)


def whole(**changes) -> bytes:
    found = json.loads(made(None, None, None).to_str())
    found["model"] |= changes.pop("model", {})
    return json.dumps({**found, **changes}).encode()


@pytest.mark.parametrize(
    "changes",
    [
        {"model": {"dropout": 0.5}},
        {"model": {"end_of_word_suffix": "</w>"}},
        {"model": {"type": "Unigram", "vocab": [["a", 0.0]], "unk_id": 0}},
        {"added_tokens": [{"id": 0, "content": "a" * 256}]},
        {"added_tokens": [{"id": 0, "content": ""}]},
        {"added_tokens": [{"id": i, "content": f"x{i}"} for i in range(MOST_ADDED + 1)]},
        {"added_tokens": 5},
    ],
    ids=lambda changes: str(changes)[:40],
)
def test_other_models_and_too_many_added_tokens_are_refused(changes):
    with pytest.raises(ValueError):
        load(whole(**changes))


def test_texts_are_as_long_as_their_cost_allows():
    """The most is not much more than what is done at once."""
    by_three = WholeTokenizer(whole(normalizer=replaced(" ", MARK)))
    assert len(by_three.encode(" " * (MOST_TEXT // 3))) == MOST_TEXT // 3 + 1
    for use in (
        lambda: by_three.encode(" " * (MOST_TEXT // 3 + 1)),
        lambda: by_three.decode([0] * MOST_TEXT),
    ):
        with pytest.raises(TooLong, match=f"takes at most {MOST_TEXT // 3}$"):
            use()


def test_the_limits_fit_each_other():
    assert tokenizer_parts.LONGEST**2 > MOST_GROWTH > 12 * 4 * 4
