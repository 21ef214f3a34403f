"""What is printed is safe for a terminal and readable."""

import os
import pty
import subprocess
import sys

from zklemma.tools import console


def test_control_characters_do_not_reach_the_terminal():
    hostile = "a\x1b[31mb\x07\u202e\x9b0m\r"
    shown = console.printable(hostile)
    assert shown == r"a\u001b[31mb\u0007\u202e\u009b0m\r" and shown.isprintable()
    assert console.printable("été\n漢字\t🦊") == r"été\n漢字\t🦊"


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
