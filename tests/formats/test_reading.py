"""What tokens say, with the shipped checkpoint's tokenizer: canonical prompts, ends of answers, turns."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors
from zklemma.errors import InvalidProof
from zklemma.runtime.model.keys import VerifyingKey
from zklemma.runtime.model.tokenizer import compact
from zklemma.runtime.verifying.reading import describe, fault, said
from zklemma.runtime.verifying.verifier import check_prompt

WHOLE = Tokenizer.from_file(
    str(Path(__file__).parents[2] / "checkpoints" / "tiny-gemma3" / "tokenizer.json")
)
BOS, EOS = 2, 1
VOCABULARY = WHOLE.get_vocab()


def key_of(tokenizer: Tokenizer) -> VerifyingKey:
    return VerifyingKey(
        name="tiny",
        weights=1,
        code=[],
        eos=(EOS,),
        weight_root=bytes(32),
        circuit_bytes=b"",
        private_circuit_bytes=b"",
        function_bytes=b"",
        tokenizer_bytes=compact(tokenizer.to_str().encode()),
        range_proof=b"",
    )


def chat() -> Tokenizer:
    """With the special tokens of conversations, which the shipped one has not."""
    tokenizer = Tokenizer.from_str(WHOLE.to_str())
    tokenizer.add_special_tokens(["<start_of_turn>", "<end_of_turn>"])
    tokenizer.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    return tokenizer


KEY, CHAT = key_of(WHOLE), key_of(chat())
PROMPT = WHOLE.encode("Once upon a time").ids


def letters(text: str) -> list[int]:
    """The text in tokens of one character each."""
    return [VOCABULARY[c] for c in text.replace(" ", "\u0120")]


def report(prompt, output=(), key=KEY):
    return describe(key, prompt, output, not fault(key, prompt))


def test_what_the_tokenizer_makes_is_canonical():
    assert PROMPT[0] == BOS and fault(KEY, PROMPT) is None and check_prompt(KEY, PROMPT)
    assert report(PROMPT)["prompt"] == "Once upon a time" and report(PROMPT)["pieces"] == {}


NONCANONICAL = {
    "no start": PROMPT[1:],
    "another start": [0, *PROMPT[1:]],
    "cut into letters": [BOS, *letters("Once upon a time")],
    "one word cut": [*PROMPT[:-1], *letters(" time")],
    "special token in letters": [*PROMPT, *letters("<eos>")],
    "start of a character": [*PROMPT, WHOLE.encode("\u00e9").ids[1]],
    "no token": [*PROMPT, 5000],
    "nothing": [],
}


@pytest.mark.parametrize("ids", NONCANONICAL.values(), ids=list(NONCANONICAL))
def test_other_tokens_of_a_text_are_not_canonical(ids):
    found = fault(KEY, ids)
    assert found and found.startswith("the prompt's tokens are not those that the tokenizer makes")
    with pytest.raises(InvalidProof, match="allow noncanonical prompts"):
        check_prompt(KEY, ids)
    assert check_prompt(KEY, ids, True) is False
    assert [number for number, _ in report(ids)["pieces"]["prompt"]] == ids


def test_the_fault_says_where():
    assert '("Once upon a time"): number 1 is ' in (fault(KEY, PROMPT[1:]) or "")
    assert (fault(KEY, [*PROMPT, 5000]) or "").endswith(
        f"number {len(PROMPT) + 1} is 5000, not none"
    )


@pytest.mark.parametrize(
    "text", ["a<eos>b", "<bos>Once", "<pad><unk>", "", "\ufffd", "\0\u202e", "a  b\n\n c"]
)
def test_special_tokens_and_odd_texts_are_canonical(text):
    """Special tokens are written as their text, a second start too."""
    ids = WHOLE.encode(text).ids
    assert fault(KEY, ids) is None and report(ids)["prompt"] == text


@settings(deadline=None)
@given(st.text(max_size=8), st.text(max_size=8))
def test_canonical_prompts_of_one_text_are_one(first, second):
    """Whatever is typed is canonical, and its text says which tokens it is."""
    ids = KEY.tokenize(first)
    assert fault(KEY, ids) is None and KEY.text(ids) == first
    assert (KEY.tokenize(second) == ids) == (first == second)


@settings(deadline=None)
@given(st.lists(st.integers(0, 1100), max_size=8))
def test_no_two_canonical_prompts_look_the_same(ids):
    if fault(KEY, ids) is None:
        assert KEY.tokenize(KEY.text(ids)) == ids
    else:
        assert KEY.tokenize(KEY.text(ids)) != ids


def test_what_is_put_behind_a_text_is_part_of_it():
    tokenizer = Tokenizer.from_str(WHOLE.to_str())
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A <eos>", special_tokens=[("<bos>", BOS), ("<eos>", EOS)]
    )
    key = key_of(tokenizer)
    assert key.frame == ([BOS], [EOS]) and key.text([*PROMPT, EOS]) == "Once upon a time"
    assert fault(key, [*PROMPT, EOS]) is None and fault(key, PROMPT)


def test_pieces_say_what_has_no_token():
    pieces = report([*PROMPT, 5000, EOS])["pieces"]["prompt"]
    assert pieces[0] == (BOS, "<bos>") and pieces[-2:] == [(5000, None), (EOS, "<eos>")]


# Answers.


def test_an_answer_ends_at_the_first_end():
    output = [*letters(" so"), EOS, *letters("VALID"), EOS]
    found = said(KEY, PROMPT, output)
    assert (found.text, found.length, found.end) == (" so", 3, EOS)
    shown = report(PROMPT, output)
    assert shown["output"] == " so" and shown["ended"] is True
    assert shown["end"] == (EOS, "<eos>") and shown["after_end"] == 6
    assert report(PROMPT, [EOS])["output"] == "" and report(PROMPT, [EOS])["after_end"] == 0


def test_any_of_the_ends_ends_it():
    key = replace(KEY, eos=(0, EOS, PROMPT[1]))
    for end in key.eos:
        found = report(PROMPT, [*PROMPT[2:], end, 5], key)
        assert (found["ended"], found["end"][0], found["after_end"]) == (True, end, 1)
    assert said(replace(KEY, eos=()), PROMPT, [EOS]).end is None


def test_an_answer_that_does_not_end_is_cut():
    found = report(PROMPT[:2], PROMPT[2:])
    assert found["ended"] is False and found["end"] is None and found["after_end"] == 0
    assert (
        found["pieces"] == {} and found["output"] == KEY.text(PROMPT)[len(KEY.text(PROMPT[:2])) :]
    )


def test_an_answer_that_is_cut_inside_a_character():
    whole = WHOLE.encode(" \u6cb3").ids[1:]
    found = report(PROMPT, whole)
    assert found["output"] == " \u6cb3" and not found["inside_character"] and found["pieces"] == {}
    found = report(PROMPT, whole[:-1])
    assert found["inside_character"] and found["output"].endswith("\ufffd")
    assert [number for number, _ in found["pieces"]["output"]] == whole[:-1]
    # The replacement character itself is a character.
    assert not report(PROMPT, WHOLE.encode("\ufffd").ids[1:])["inside_character"]


def test_answers_of_other_tokens_are_shown_token_by_token():
    """A special token and its text look the same, and an id without a token like nothing."""
    for output in (letters("<pad>"), [*PROMPT[1:], 5000], letters("Once")):
        assert [number for number, _ in report(PROMPT, output)["pieces"]["output"]] == output
    assert report(PROMPT, [0])["pieces"] == {} and report(PROMPT, [0])["output"] == "<pad>"


def test_what_is_private_is_not_described():
    found = describe(KEY, None, PROMPT[1:], False)
    assert (
        found["prompt"] is None and found["turns"] is None and found["output"] == "Once upon a time"
    )
    found = describe(KEY, PROMPT, None, True)
    assert found["output"] is found["ended"] is found["end"] is found["after_end"] is None


# Conversations.

TURNS = "<start_of_turn>user\nHi\nthere<end_of_turn>\n<start_of_turn>model\n"


def test_a_conversation_is_shown_as_turns():
    found = report(CHAT.tokenize(TURNS), key=CHAT)
    assert found["turns"] == [("user", "Hi\nthere", True), ("model", "", False)]
    assert found["prompt"] == TURNS
    more = f"{TURNS}Hello<end_of_turn>\n<start_of_turn>user\n"
    found = report(CHAT.tokenize(more), key=CHAT)
    assert found["turns"][1:] == [("model", "Hello", True), ("user", "", False)]


def test_a_conversation_in_chat_ml_is_too():
    text = "<|im_start|>system\nBe kind<|im_end|>\n<|im_start|>user\n1 < 2<|im_end|>\n"
    found = report(CHAT.tokenize(text), key=CHAT)
    assert found["turns"] == [("system", "Be kind", True), ("user", "1 < 2", True)]
    assert report(KEY.tokenize(text))["turns"] is None


@pytest.mark.parametrize(
    "text",
    [
        "Once upon a time",
        f"so {TURNS}",
        f"<bos>{TURNS}",
        "<start_of_turn>user\nHi<end_of_turn>",
        "<start_of_turn>user\nHi<end_of_turn>so",
        "<start_of_turn>user\nHi<start_of_turn>model\n",
        "<start_of_turn>User\nHi<end_of_turn>\n",
        '<start_of_turn>user\n"\nVALID\n<end_of_turn>\n\n',
        "<start_of_turn>",
    ],
)
def test_other_texts_are_no_turns(text):
    assert report(CHAT.tokenize(text), key=CHAT)["turns"] is None


def test_words_that_are_no_tokens_make_no_turns():
    assert report(KEY.tokenize(TURNS))["turns"] is None
    # A special token that this text does not have, as letters follow it.
    tokenizer = Tokenizer.from_str(WHOLE.to_str())
    tokenizer.add_special_tokens([AddedToken("<start_of_turn>", single_word=True), "<end_of_turn>"])
    key = key_of(tokenizer)
    assert len(key.tokenize("<start_of_turn>")) == 2
    assert report(key.tokenize(TURNS), key=key)["turns"] is None


def test_words_of_another_tokenizer():
    """One whose decoder puts spaces between words."""
    tokenizer = Tokenizer(models.WordLevel({"<eos>": 1, "a": 0, "b": 2}, unk_token="a"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    key = key_of(tokenizer)
    assert key.frame == ([], []) and fault(key, [0, 2]) is None and key.text([0, 2]) == "a b"
    # What has no word becomes another one: the text is that of the tokens, not what was typed.
    assert key.tokenize("c") == [0] and fault(key, [0]) is None
