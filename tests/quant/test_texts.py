"""The shipped texts, and what of them a checkpoint is calibrated and measured on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tokenizers import Tokenizer
from zklemma.compiler.calibrated import TEXT_TOKENS, Texts
from zklemma.compiler.frontend.checkpoint import load_checkpoint
from zklemma.compiler.texts import CALIBRATION, HELD_OUT, kinds, read_text
from zklemma.errors import UserError

ROOT = Path(__file__).parents[2]
KINDS = ["chat", "code", "languages", "numbers", "odd", "prose", "stories"]


@pytest.fixture(scope="module")
def texts() -> Texts:
    return Texts(load_checkpoint(ROOT / "checkpoints/tiny-gemma3"))


def test_both_sets_have_every_kind_and_share_no_line() -> None:
    lines = []
    for name in (CALIBRATION, HELD_OUT):
        assert list(kinds(name)) == KINDS
        found = {line for text in kinds(name).values() for line in text.splitlines()}
        lines.append({line for line in found if len(line) > len("<start_of_turn>model")})
    assert min(map(len, lines)) > 150
    assert not lines[0] & lines[1]


@pytest.mark.parametrize("name", [CALIBRATION, HELD_OUT])
def test_conversations_are_turns_that_end(name: str) -> None:
    turns = kinds(name)["chat"].removesuffix("<end_of_turn>\n").split("<end_of_turn>\n")
    speakers = [turn.partition("\n")[0] for turn in turns]
    assert speakers == ["<start_of_turn>user", "<start_of_turn>model"] * (len(turns) // 2)
    assert all(turn.count("<start_of_turn>") == 1 for turn in turns)


def test_windows_are_whole_texts_whose_kinds_take_turns(texts: Texts) -> None:
    windows = texts.windows(HELD_OUT, 64)
    assert [window.kind for window in windows[:14]] == 2 * KINDS
    assert all(window.ids[0] == 2 and len(window.ids) <= 64 for window in windows)
    for kind, text in kinds(HELD_OUT).items():
        ids = [token for window in windows if window.kind == kind for token in window.ids[1:]]
        assert ids == texts.ids(text)


def test_conversations_have_the_marks_that_the_tokenizer_knows(texts: Texts) -> None:
    assert texts.kinds(HELD_OUT) == kinds(HELD_OUT)
    checkpoint = load_checkpoint(ROOT / "checkpoints/tiny-gemma3")
    tokenizer = Tokenizer.from_str(checkpoint.tokenizer_json.decode())
    tokenizer.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    other = Texts(replace(checkpoint, tokenizer_json=tokenizer.to_str().encode()))
    for name in (CALIBRATION, HELD_OUT):
        found, shipped = other.kinds(name), kinds(name)
        for ours, theirs in (
            ("<|im_start|>assistant\n", "<start_of_turn>model\n"),
            ("<|im_end|>", "<end_of_turn>"),
        ):
            assert found["chat"].count(ours) == shipped["chat"].count(theirs) > 0
        assert "_of_turn>" not in found["chat"]
        assert found | {"chat": ""} == shipped | {"chat": ""}


def test_kinds_share_calibration_evenly_and_own_texts_come_on_top(texts: Texts) -> None:
    share = TEXT_TOKENS // len(KINDS)
    shipped = texts.calibration()
    assert len(shipped) == share * len(KINDS)  # The tokenizer is small: every kind is longer.
    for at, text in enumerate(kinds(CALIBRATION).values()):
        assert shipped[at * share : (at + 1) * share] == texts.ids(text)[:share]
    own, long = "Seven geese crossed the yard.", "goose " * TEXT_TOKENS
    assert texts.calibration([own, long]) == [
        *shipped,
        *texts.ids(own),
        *texts.ids(long)[:TEXT_TOKENS],
    ]


def test_repeated_tokens_differ(texts: Texts) -> None:
    repeated = texts.repeated()
    assert set(repeated) == {2, *(texts.ids(text)[0] for text in "\n 0a")}
    assert len(repeated) == 5


def test_a_text_of_the_user_is_read(tmp_path: Path) -> None:
    file = tmp_path / "own.txt"
    file.write_bytes("Größe: 3 µm\n".encode())
    assert read_text(file) == "Größe: 3 µm\n"


@pytest.mark.parametrize(
    "content, message",
    [
        (None, "No such file"),
        (b"", "the file holds no text"),
        (b" \n\t\n", "the file holds no text"),
        ("Größe".encode("latin-1"), "byte 2 is not UTF-8"),
    ],
)
def test_a_file_without_text_is_refused(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    file = tmp_path / "own.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UserError) as error:
        read_text(file)
    assert str(error.value).startswith(f"{file}: ") and message in str(error.value)
    assert "\n" not in str(error.value)
