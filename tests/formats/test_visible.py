"""Text from elsewhere: every character of it is seen, and it can be read back."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zklemma.errors import UserError
from zklemma.runtime.visible import MOST_MARKS, columns, quote, require_name, visible

# What Unicode calls ignorable by default, beside the categories of control and format characters.
IGNORABLE = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\ufe00\ufe0f\uffa0\U000e0100\U000e01ef"
BIDIRECTIONAL = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
ZERO_WIDTH = "\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\ufeff\u00ad"
SPACES = "\u00a0\u2003\u2028\u2029\u3000\u1680\u2800"
CONTROLS = "\0\a\b\t\n\v\f\r\x1b\x7f\x80\x9b\x9d\x85"
OTHERS = "\ud800\udfff\ue000\U0010fffd\u0378\U000e0001"


@pytest.mark.parametrize(
    "c", [*IGNORABLE, *BIDIRECTIONAL, *ZERO_WIDTH, *SPACES, *CONTROLS, *OTHERS], ids=ascii
)
def test_what_can_not_be_seen_is_escaped(c):
    for shown in (visible(f"a{c}b"), quote(f"a{c}b")):
        assert shown.isascii() and shown.isprintable() and "\\" in shown
    assert json.loads(quote(f"a{c}b")) == f"a{c}b"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("cafe\u0301", r"cafe\u0301"),
        ("\u212a", r"\u212a"),
        ("\u037e", r"\u037e"),
        ("a\u0327\u0301", "a\u0327" + r"\u0301"),
        ("a\u0301\u0327", r"a\u0301" + r"\u0327"),
        ("no\u1161\u11a8", r"no\u1161\u11a8"),
        ("p\u0338x\u20dd", r"p\u0338x\u20dd"),
        ("\U0001f44d\U0001f3fd\ufffc", "\U0001f44d" + r"\ud83c\udffd\ufffc"),
    ],
    ids=ascii,
)
def test_texts_that_look_alike_are_told_apart(text, shown):
    assert visible(text) == shown and json.loads(quote(text)) == text


@given(st.text())
def test_what_is_not_escaped_is_composed(text):
    assert unicodedata.is_normalized("NFC", visible(text))


@pytest.mark.parametrize(
    "text",
    [
        *("plain text, 100%", "caf\u00e9", "q\u0301", "\u6f22\u5b57", "\U0001f98a"),
        "\u0939\u093f\u0928\u094d\u0926\u0940",
    ],
)
def test_what_can_be_seen_stays(text):
    assert visible(text) == text and quote(text) == f'"{text}"'


@pytest.mark.parametrize(
    "text",
    ["\u05e9\u05b8\u05dc\u05d5\u05b9\u05dd", "\u0634 1", "\u0661\u0662", "\U0001e900", "\u07c1"],
    ids=ascii,
)
def test_right_to_left_letters_stay_where_they_are_alone(text):
    """Beside other words they would move digits and quotes."""
    assert visible(text, alone=True) == text and quote(text, alone=True) == f'"{text}"'
    assert visible(text).isascii() and json.loads(quote(text)) == text


@given(st.text())
def test_what_is_written_beside_other_words_moves_nothing(text):
    classes = {unicodedata.bidirectional(c) for c in quote(text)}
    assert not classes & {"R", "AL", "AN"} and not any(
        x.endswith(("E", "I", "O", "F")) for x in classes
    )


def test_marks_stand_on_letters_and_are_few():
    assert visible("\u0301a") == r"\u0301a" and quote("\u0301") == r'"\u0301"'
    assert visible(' \u0301"\u0301') == r' \u0301"\u0301'
    assert visible("q" + "\u0301" * (MOST_MARKS + 1)) == "q" + "\u0301" * MOST_MARKS + r"\u0301"
    # Not on the letter of an escape either.
    assert quote("\n\u0301") == r'"\n\u0301"'


@given(st.text())
def test_quotes_are_json(text):
    for encoding in ("utf-8", "latin-1", "ascii"):
        shown = quote(text, encoding)
        assert json.loads(shown) == text and shown.encode(encoding)
        assert not {unicodedata.category(c)[0] for c in shown.replace(" ", "")} & set("CZ")


def test_messages_keep_quotes_and_backslashes():
    assert visible('C:\\x "y"\n') == 'C:\\x "y"\\n'
    assert visible(visible("a\nb\x1b")) == visible("a\nb\x1b")


def test_columns():
    assert [
        columns(x) for x in ("", "ab", "\u6f22", "\uff21", "\uff71", "\U0001f98a", "\u05e9")
    ] == [*(0, 2, 2, 2, 1, 2, 1)]


def test_names_of_models():
    for name in ("a" * 96, "\u6f22" * 48, "\u05e9\u05dc\u05d5\u05dd"):
        require_name(name, "x")
    for name in ("", "a" * 97, "\u6f22" * 49, "\U0001f98a" * 96, "a\nb", "a\u202eb", "a" * 10**6):
        with pytest.raises(UserError, match=r"^x: a model's name has 1 to 96 printable characters"):
            require_name(name, "x")
