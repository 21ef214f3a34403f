"""What is printed is safe for a terminal and readable."""

import json
import os
import pty
import subprocess
import sys
import unicodedata
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zklemma.runtime.visible import columns
from zklemma.tools import console


def test_control_characters_do_not_reach_the_terminal():
    hostile = "a\x1b[31mb\x07\u202e\x9b0m\r"
    shown = console.printable(hostile)
    assert shown == r"a\u001b[31mb\u0007\u202e\u009b0m\r" and shown.isprintable()
    assert console.printable("été\n漢字\t🦊") == r"été\n漢字\t🦊"


@given(st.text(st.sampled_from("a \n\x1b\u6f22\u0301"), max_size=300))
def test_lines_fit_and_say_all(text):
    with patch.dict(os.environ, {"COLUMNS": "40"}):
        lines = console.lines(text)
    assert read_back(lines) == text
    for line in lines:
        assert columns(line) <= 36 + line.count("\u0301") and r"\n" not in line[:-3]
        assert line != '""' or text == ""


def read_back(lines: list[str]) -> str:
    return "".join(json.loads(line) for line in lines)


def test_lines_end_with_those_of_the_text_and_with_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    text = 'a\n\n"b"\n' + "x" * 50 + "\u6f22" * 30 + "q\u0301" * 40 + "\x1b" * 9
    lines = console.lines(text)
    assert read_back(lines) == text and lines[:3] == [r'"a\n"', r'"\n"', r'"\"b\"\n"']
    assert all(columns(line) <= 36 + line.count("\u0301") for line in lines)
    assert not any(line.startswith('"\\u0301') for line in lines)
    assert console.lines("") == ['""'] and console.lines("a\n") == [r'"a\n"']
    words = "word " * 20 + "\x1b" * 9 + " \x1b\n"
    lines = console.lines(words)
    assert (
        read_back(lines) == words and lines[0] == f'"{"word " * 6}"' and lines[-1].endswith(r'\n"')
    )
    assert all(len(line) <= 36 for line in lines) and '""' not in lines
    # A backslash before an n is no line's end.
    assert console.lines("a\\nb") == [r'"a\\nb"']


@pytest.mark.parametrize(
    ("terminal", "wide", "most"),
    [
        *((True, "1", 40), (True, "90", 90), (True, "5000", 100)),
        *((False, "1", 40), (False, "60", 60), (False, "90", 80), (False, None, 80)),
    ],
)
def test_lines_are_never_too_narrow_or_wide(monkeypatch, terminal, wide, most):
    if wide is None:
        monkeypatch.delenv("COLUMNS", raising=False)
    else:
        monkeypatch.setenv("COLUMNS", wide)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)
    assert max(map(len, console.lines("x" * 500))) == most - 4


def test_a_pipe_is_no_wider_than_most_terminals():
    code = "from zklemma.tools import console; print(*console.lines('x' * 500), sep='\\n')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert max(map(len, done.stdout.splitlines())) == 76


def test_what_is_left_out_is_counted():
    text = "".join(f"{i}\n" for i in range(1000))
    shown = console.lines(text)
    first, last = read_back(shown[:50]), read_back(shown[51:])
    assert len(shown) == 101 and text.startswith(first) and text.endswith(last)
    count = len(text) - len(first) - len(last)
    assert shown[50] == f"({count:,} characters are left out here, --json shows them)"
    assert console.printable("x" * 2003) == "x" * 2000 + " (and 3 characters more)"
    assert console.quote("abcd", 2) == '"ab" (and 2 characters more)'
    shown = console.token_lines((i, "a token of some length") for i in range(1000))
    assert len(shown) == 101 and "tokens are left out here" in shown[50]


def test_tokens_are_shown_with_their_ids():
    assert console.token_lines([(2, "<bos>"), (7, None), (5, '"\n')]) == [
        r'2 "<bos>", 7 (no token), 5 "\"\n"'
    ]


@pytest.mark.parametrize("wide", ["40", "80"])
def test_a_token_that_is_too_long_is_broken(monkeypatch, wide):
    monkeypatch.setenv("COLUMNS", wide)
    most = int(wide) - 4
    texts = ["a", "x" * 200, "b", "\u6f22" * 60, "c\n\n", "y" * 30 + " " * 60 + "VALID", None, "d"]
    shown = console.token_lines(enumerate(texts))
    assert all(columns(line) <= most for line in shown)
    # Each line begins with an id or a quote, and all texts can be read back.
    found: dict[int, str | None] = {}
    for line in shown:
        if line[0] == '"':
            found[max(found)] = (found[max(found)] or "") + json.loads(line)
        elif line.endswith(":"):
            found[int(line[:-1])] = ""
        else:
            for item in line.split(", "):
                number, text = item.split(" ", 1)
                found[int(number)] = None if text == "(no token)" else json.loads(text)
    assert [found[i] for i in range(len(texts))] == texts


def test_a_token_that_is_broken_is_left_out_as_a_whole(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    shown = console.token_lines((i, "x" * 90) for i in range(100))
    at = next(i for i, line in enumerate(shown) if line.startswith("("))
    # Four lines each: twelve tokens before, twelve behind.
    assert len(shown) == 97 and at == 48 and shown[at + 1] == "88:"
    assert shown[at] == "(76 tokens are left out here, --json shows them)"


def test_a_stream_is_what_lines_are(capsys):
    for texts in (["a\n", "b\x1b", '"', "\n"], ["\n\n", "a"], ["", "a", ""], [""], []):
        stream = console.Stream(sys.stdout)
        for text in texts:
            stream.add(text)
        stream.end()
        printed = capsys.readouterr().out.splitlines()
        assert read_back([line for line in printed if line]) == "".join(texts)
        assert "".join(texts) == "" or printed == console.lines("".join(texts))


REPORT: dict[str, Any] = {
    "visibility": {"weights": "private", "prompt": "public", "output": "public"},
    "ranges": "checked",
    **{"hiding": True, "digests": {}, "rotated_from": None, "model_id": "ab" * 32, "nonce": ""},
    **{"prompt_tokens": 3, "generated": 2, "security_bits": 101, "proof_bytes": 1, "seconds": 1.0},
    **{"prompt": "so", "output": " it", "turns": None, "ended": False, "end": None},
    **{"after_end": 0, "pieces": {}, "inside_character": False, "revealed": []},
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "(cut by the limit of 2 tokens)"),
        ({"inside_character": True}, "(cut by the limit of 2 tokens, inside a character)"),
        ({"ended": True, "end": [1, "<eos>"]}, '(ended by 1 "<eos>")'),
        (
            {"ended": True, "end": [1, "<eos>"], "after_end": 1},
            '(ended by 1 "<eos>"; what follows, 1 token, is no part of the answer)',
        ),
    ],
)
def test_a_verdict_says_how_the_answer_ends(change, said):
    printed = console.statement("m", {**REPORT, **change}).splitlines()
    assert printed[printed.index('    " it"') + 1] == f"    {said}"


def test_a_verdict_says_when_ranges_were_checked():
    for how, said in (("checked", "checked now."), ("remembered", "from an earlier check.")):
        last = console.statement("m", {**REPORT, "ranges": how}).splitlines()[-1]
        assert last.startswith("Ranges of the weights: ") and last.endswith(said)


def test_an_end_that_is_too_long_is_broken(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    change = {"ended": True, "end": [1, "x" * 55 + "INVALID"], "after_end": 3}
    printed = console.statement("m", {**REPORT, **change}).splitlines()
    at = printed.index("    (ended by this token:)")
    assert printed[at + 1] == f'    1 "{"x" * 55}INVALID"'
    assert printed[at + 2] == "    (what follows, 3 tokens, is no part of the answer)"
    assert all(len(line) <= 80 for line in printed[1:])


@pytest.mark.parametrize("name", ["x" * 60 + "VALID" + "x" * 31, "\u6f22" * 48, 'a" b' * 20])
def test_a_name_that_does_not_fit_has_lines_of_its_own(monkeypatch, name):
    monkeypatch.setenv("COLUMNS", "80")
    printed = console.statement(name, REPORT).splitlines()
    at = printed.index(f"id {REPORT['model_id']},")
    assert printed[0] == "The model" and read_back(printed[1:at]) == name
    assert all(columns(line) <= 80 and line.startswith('    "') for line in printed[1:at])


HEBREW, ARABIC, DIGITS = (
    "\u05e9\u05dc\u05d5\u05dd",
    "\u0645\u0631\u062d\u0628\u0627",
    "\u0661\u0662\u0663",
)


def moving(text: str) -> bool:
    """Whether there is something in it that moves other parts of its line."""
    return any(unicodedata.bidirectional(c) in ("R", "AL", "AN") for c in text)


@pytest.mark.parametrize(
    "word", [HEBREW, ARABIC, DIGITS, "\U0001e900", f"a 1{HEBREW}2, 3"], ids=ascii
)
def test_right_to_left_text_is_alone_in_its_lines(word):
    """So that nothing of the verdict changes its place, whatever the terminal makes of such text."""
    text = f'{word}" 7 {word}\nid 12, {word}'
    pieces = [(5, word), (6, "a"), (7, f"{word} ")]
    for change in (
        {},
        {"turns": [["user", text, True], ["model", word, False]]},
        {"ended": True, "end": [1, word], "after_end": 3},
        {"pieces": {"prompt": pieces, "output": pieces}},
    ):
        report = {**REPORT, "prompt": text, "output": text, **change}
        printed = console.statement(word, report).splitlines()
        alone = [line for line in printed if moving(line)]
        assert all(line.startswith('    "') and json.loads(line) for line in alone)
        texts = [json.loads(line) for line in alone]
        assert word in texts[0] and "".join(texts).count(word) == "".join(
            json.loads(line) for line in printed if line.startswith('    "')
        ).count(word)
        # The letters stay: nothing of them is escaped where they may be seen.
        assert "\\u" not in "\n".join(printed)
    assert console.token_lines(pieces) == ["5:", f'"{word}"', '6 "a"', "7:", f'"{word} "']


@given(st.text(st.sampled_from(f'a1", \n{HEBREW}{DIGITS}\u0301\u05b8\u200f'), max_size=200))
def test_text_is_alone_or_moves_nothing(text):
    for shown in (
        console.quote(text),
        console.printable(text),
        console.one_object({"a": [1, text]}),
    ):
        assert not moving(shown)
    assert json.loads(console.one_object({"a": [1, text]})) == {"a": [1, text]}
    assert read_back(console.lines(text)) == text
    for line in (*console.sentence("a", text, ", b"), *console.token_lines([(1, text), (2, text)])):
        assert not moving(line) or line.strip()[0] == line.strip()[-1] == '"'


def test_turns_are_shown_as_turns():
    turns = [["user", 'Hi"\n', True], ["model", "", False]]
    printed = console.statement("m", {**REPORT, "turns": turns}).splitlines()
    at = printed.index("    (turn of user)")
    assert printed[at + 1 : at + 3] == [r'    "Hi\"\n"', "    (turn of model, to go on)"]


def test_sizes_and_values():
    assert [console.size(n) for n in (0, 1023, 1536, 5 << 20, 3 << 30)] == [
        *("0 bytes", "1023 bytes", "1.5 KiB", "5.0 MiB", "3.0 GiB")
    ]
    assert console.value({"a": 1234567, "b": [1, True]}) == "a 1,234,567, b 1, True"


def test_peak_memory_is_not_the_parents():
    held = bytearray(1 << 28)
    held[::4096] = b"1" * len(held[::4096])
    code = "from zklemma.tools.console import peak_rss_bytes; print(peak_rss_bytes())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert 1 << 20 < int(done.stdout) < len(held) < console.peak_rss_bytes()


def test_grids_line_up(capsys):
    console.grid("what", ["name", "n"], [["a", "5"], ["long\x1b", ""], ["b", "12.5"]])
    printed = capsys.readouterr().out.splitlines()
    assert printed == [
        *("what", "  name           n", "  a              5", r"  long\u001b", "  b           12.5")
    ]


def test_bar_draws_on_a_terminal_only():
    code = """
from zklemma.tools.console import Bar
with Bar(["commit", "open"]) as bar:
    bar.stage("commit", 1.0)
    bar.stage("open", 0.5)
"""
    silent = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert silent.stdout == silent.stderr == b""
    leader, follower = pty.openpty()
    subprocess.run([sys.executable, "-c", code], stderr=follower, check=True)
    os.close(follower)
    drawn = b""
    try:
        while part := os.read(leader, 4096):
            drawn += part
    except OSError:  # the terminal has no writer left
        pass
    os.close(leader)
    assert b"open" in drawn and b"77%" in drawn
