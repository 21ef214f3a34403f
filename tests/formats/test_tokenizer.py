"""The tokenizer of a key: its compact form says all of it, and a part of it does what the whole does."""

import json
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from zklemma.runtime.model import tokenizer as module
from zklemma.runtime.model.tokenizer import CompactTokenizer, WholeTokenizer, compact, load

TINY = Path(__file__).parents[2] / "checkpoints" / "tiny-gemma3" / "tokenizer.json"
TEXTS = [
    "the fox ran to the river and saw two red birds there; the river ran there too, the other fox said",
    "lele\u0142 \u00e9t\u00e9 \u6cb3\u6d41 \u6cb3 \u043b\u0438\u0441\u0430 \u0438 \u0440\u0435\u043a\u0430 ",
    "\U0001f98a\U0001f98a ooo  oooo   o \n\n\n\n",
]
LETTERS = "theoxrani vs\u2581\u00e9\u00e8e\u0301\u6cb3\u043b\u0130\U0001f98a\U0001f525\n\0 <>_"


def byte_level() -> Tokenizer:
    """As that of a checkpoint here, with tokens that its vocabulary has not."""
    tokenizer = Tokenizer.from_file(str(TINY))
    tokenizer.add_tokens([AddedToken("<new>", lstrip=True), AddedToken("fox", single_word=True)])
    tokenizer.add_tokens([AddedToken("ver", normalized=False), AddedToken("\u00e9\u00e9")])
    return tokenizer


def pieces() -> Tokenizer:
    """Made as Gemma's is: a whole text is one word, and bytes stand for what has no token."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    special = ["<eos>", "<bos>", "<unk>", *(f"<0x{x:02X}>" for x in range(256))]
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, show_progress=False, max_token_length=7
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    whole = json.loads(tokenizer.to_str())
    whole["added_tokens"] = [x for x in whole["added_tokens"] if "0x" not in x["content"]]
    # Every way to make a token is a merge, in the order of the tokens.
    vocabulary = whole["model"]["vocab"]
    whole["model"]["merges"] = [
        [token[:i], token[i:]]
        for token in sorted(vocabulary, key=vocabulary.__getitem__)
        for i in range(1, len(token))
        if token[:i] in vocabulary and token[i:] in vocabulary
    ]
    tokenizer = Tokenizer.from_str(json.dumps(whole))
    tokenizer.add_tokens(["the other", AddedToken("ooo", normalized=False, rstrip=True)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", 1)]
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    return tokenizer


def prefixed() -> Tokenizer:
    """Words have a mark before them, and letters without a token are left out or stand together."""
    tokenizer = pieces()
    whole = json.loads(tokenizer.to_str())
    whole["model"] |= {"byte_fallback": False}
    tokenizer = Tokenizer.from_str(json.dumps(whole))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Lowercase(), normalizers.Prepend("the")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A", special_tokens=[])
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer


KINDS = {make.__name__: make() for make in (byte_level, pieces, prefixed)}
FORMS = {name: compact(whole.to_str().encode()) for name, whole in KINDS.items()}
texts = st.lists(
    st.one_of(
        st.text(LETTERS, max_size=12),
        st.text(max_size=4),
        st.sampled_from([*" ".join(TEXTS).split(), "<new>", "<bos>", "the other", "ooo", "<0x41>"]),
    ),
    max_size=6,
).flatmap(lambda parts: st.sampled_from(["", " "]).map(lambda between: between.join(parts)))


@pytest.mark.parametrize("name", KINDS)
def test_the_compact_form_says_all_of_the_tokenizer(name):
    form, whole = FORMS[name], KINDS[name].to_str()
    found = load(form)
    assert isinstance(found, CompactTokenizer) and len(form) < len(whole)
    assert found.json() == json.loads(whole)
    assert compact(json.dumps(found.json(), indent=3).encode()) == form
    assert Tokenizer.from_str(json.dumps(found.json())).to_str() == whole


@pytest.mark.parametrize("name", KINDS)
@given(text=texts)
def test_a_part_encodes_as_the_whole(name, text):
    assert load(FORMS[name]).encode(text) == KINDS[name].encode(text).ids


@pytest.mark.parametrize("name", KINDS)
@given(data=st.data())
def test_a_part_decodes_as_the_whole(name, data):
    """Characters that are not complete and ids that no token has are among them."""
    number = st.integers(0, KINDS[name].get_vocab_size() + 3)
    ids = data.draw(st.lists(st.one_of(number, st.integers(0, 300)), max_size=12))
    ids += KINDS[name].encode(data.draw(texts)).ids[: data.draw(st.integers(0, 20))]
    wanted = KINDS[name].decode(ids, skip_special_tokens=False)
    assert load(FORMS[name]).decode(ids) == wanted


def test_merges_as_texts_are_read_too():
    """Files of older versions have them."""
    whole = json.loads(KINDS["byte_level"].to_str())
    whole["model"]["merges"] = [" ".join(pair) for pair in whole["model"]["merges"]]
    del whole["model"]["ignore_merges"]
    assert compact(json.dumps(whole).encode()) == FORMS["byte_level"]


def changed(**model) -> bytes:
    whole = json.loads(KINDS["byte_level"].to_str())
    whole["model"] |= model
    return json.dumps(whole).encode()


def test_what_does_not_fit_is_kept_as_it_is():
    good = json.loads(KINDS["byte_level"].to_str())["model"]
    vocabulary, merges = good["vocab"], good["merges"]
    holes = {token: number + (number > 300) for token, number in vocabulary.items()}
    for data in (
        Tokenizer(models.WordLevel({"a": 0}, unk_token="a")).to_str().encode(),
        changed(ignore_merges=True),
        changed(dropout=0.5),
        changed(merges=merges[::-1]),
        changed(vocab=holes),
        b"{}",
        b"[",
        b"[1]",
    ):
        assert compact(data) == data
    assert isinstance(load(changed(ignore_merges=True)), WholeTokenizer)


def test_the_unknown_must_be_a_token():
    form = FORMS["prefixed"].replace(b'"unk_token":"<unk>"', b'"unk_token":"<unk?"')
    with pytest.raises(ValueError, match="unknown is no token"):
        load(form).encode("fox")


def rebuilt(rest: object, tokens: list[bytes], merges: list[list[int]], length: int = 0) -> bytes:
    text = rest if isinstance(rest, bytes) else module._dump(rest)
    header = struct.pack("<BII", 1, len(text), length or len(tokens))
    numbers = bytes(map(len, merges))
    left = bytes(length for token in merges for length in token)
    return b"".join([header, text, bytes(map(len, tokens)), numbers, left, *tokens])


REST = {
    **dict.fromkeys(("normalizer", "pre_tokenizer", "post_processor", "decoder")),
    "version": "1.0",
    "added_tokens": [[0, 1, 16]],
    "model": {
        **dict.fromkeys(("dropout", "continuing_subword_prefix", "end_of_word_suffix")),
        **dict.fromkeys(("fuse_unk", "byte_fallback", "ignore_merges"), False),
        "unk_token": None,
        "type": "BPE",
    },
}
TOKENS = [b"<s>", b"a", b"\xc3\xa9", b"a\xc3\xa9"]
MERGES = [[], [], [], [1]]


def test_the_form_by_hand():
    found = load(rebuilt(REST, TOKENS, MERGES))
    assert (
        found.encode("a\u00e9<s>\u00e9x") == [3, 0, 2]
        and found.decode([3, 0, 1]) == "a\u00e9 <s> a"
    )


@pytest.mark.parametrize(
    "data",
    [
        b"\x01",
        rebuilt(REST, TOKENS, MERGES)[:-1],
        rebuilt(REST, TOKENS, MERGES) + b"a",
        rebuilt(REST, TOKENS, MERGES, 1 << 31),
        rebuilt(REST, TOKENS, MERGES, 3),
        rebuilt(REST, [*TOKENS[:3], b""], [[]] * 4),
        rebuilt(REST, [*TOKENS[:3], b"\xff"], [[]] * 4),
        rebuilt(REST, [b"<s>", b"a", b"\xc3", b"\xa9"], [[]] * 4),
        rebuilt(REST, TOKENS, [[], [], [], [0]]),
        rebuilt(REST, TOKENS, [[], [], [], [2]]),
        rebuilt(REST, TOKENS, [[], [], [], [3]]),
        rebuilt(REST, TOKENS, [[], [1], [], []]),
        rebuilt(b" " + module._dump(REST), TOKENS, MERGES),
        rebuilt(b"[" * 100000, TOKENS, MERGES),
        rebuilt([], TOKENS, MERGES),
        rebuilt({**REST, "more": 1}, TOKENS, MERGES),
        rebuilt({**REST, "model": {**REST["model"], "vocab": {}}}, TOKENS, MERGES),
        rebuilt({**REST, "model": {**REST["model"], "ignore_merges": True}}, TOKENS, MERGES),
        rebuilt({**REST, "model": {**REST["model"], "fuse_unk": 1}}, TOKENS, MERGES),
        rebuilt({**REST, "model": {**REST["model"], "unk_token": 1}}, TOKENS, MERGES),
        *(
            rebuilt({**REST, "added_tokens": runs}, TOKENS, MERGES)
            for runs in (
                1,
                [1],
                [[0, 1]],
                [[0, 5, 0]],
                [[0, 0, 0]],
                [[0, 1, 32]],
                [[0, 1, True]],
                [[-1, 1, 0]],
                [[0, 1 << 62, 0]],
                [[0, 1, 0], [1, 1, 0]],
                [[1, 1, 0], [0, 1, 1]],
                [[0, 2, 0], [1, 1, 1]],
                [[5, "new", 0]],
                [[3, "new", 0]],
                [[4, "n", 0]],
                [[4, "new", 0], [6, "newer", 0]],
                [[4, "new", 0], [5, "new", 1]],
                # The library would give these the ids of the vocabulary.
                [[4, "<s>", 0]],
                [[4, "new", 0], [5, "a\u00e9", 0]],
            )
        ),
    ],
)
def test_malformed_forms_are_refused(data):
    with pytest.raises(ValueError):
        load(data)


@pytest.mark.parametrize("kind", [CompactTokenizer, WholeTokenizer])
def test_many_pieces_need_one_part(kind, monkeypatch):
    """A tokenizer for each token of a long answer would take a minute."""
    found = load(rebuilt(REST, TOKENS, MERGES))
    assert isinstance(found, CompactTokenizer)
    if kind is WholeTokenizer:
        found = WholeTokenizer(json.dumps(found.json()).encode())
    expected = {x: found.decode([x]) for x in range(4)} | {4: None, 1 << 40: None}
    made: list[int] = []
    part = CompactTokenizer._part
    monkeypatch.setattr(CompactTokenizer, "_part", lambda *given: made.append(1) or part(*given))
    assert found.pieces([0, 1 << 40, 3, 2, 1, 4, 3]) == expected
    assert len(made) == (kind is CompactTokenizer)


def test_contradictions_are_refused_when_they_matter():
    twice = load(rebuilt(REST, [b"<s>", b"a", b"a", b"aa"], MERGES))
    for use in (lambda: twice.encode("a"), lambda: twice.decode([1, 2])):
        with pytest.raises(ValueError, match="twice"):
            use()
    nothing = load(rebuilt(REST, [b"<s>", b"a", b"b", b"abc"], [[], [], [], [2]]))
    assert nothing.encode("b") == [2]
    broken = load(rebuilt(REST, [b"<s>", b"a", b"b", b"ac"], [[], [], [], [1]]))
    assert broken.encode("ac") == [1]
