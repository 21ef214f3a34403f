"""What is printed is safe for a terminal and readable."""

import json
import os
import pty
import subprocess
import sys
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
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
        assert console._columns(line) <= 36 + line.count("\u0301") and r"\n" not in line[:-3]
        assert line != '""' or text == ""


def read_back(lines: list[str]) -> str:
    return "".join(json.loads(line) for line in lines)


def test_lines_end_with_those_of_the_text_and_with_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    text = 'a\n\n"b"\n' + "x" * 50 + "\u6f22" * 30 + "q\u0301" * 40 + "\x1b" * 9
    lines = console.lines(text)
    assert read_back(lines) == text and lines[:3] == [r'"a\n"', r'"\n"', r'"\"b\"\n"']
    assert all(console._columns(line) <= 36 + line.count("\u0301") for line in lines)
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


@pytest.mark.parametrize(("columns", "most"), [("1", 40), ("90", 90), ("5000", 100)])
def test_lines_are_never_too_narrow_or_wide(monkeypatch, columns, most):
    monkeypatch.setenv("COLUMNS", columns)
    assert max(map(len, console.lines("x" * 500))) == most - 4


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
