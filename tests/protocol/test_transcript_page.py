"""docs/transcript.md lists what the verifier absorbs, in order: compared with what it does absorb."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path

import pytest
from proving import Setting, parameters, tiny_setting
from zklemma.runtime.model.links import verify_link
from zklemma.runtime.model.masks import WeightMasks
from zklemma.runtime.model.weight_ranges import verify_ranges
from zklemma.runtime.protocol.statement import Statement
from zklemma.runtime.protocol.transcript import Transcript
from zklemma.runtime.proving.inference import Visibility, prove
from zklemma.runtime.proving.prover import CommittedWeights, prove_link, prove_ranges
from zklemma.runtime.verifying.function_verifier import verify_function

sys.path.append(str(Path(__file__).parents[1] / "functions"))
mlp = import_module("mlp")

PAGE = (Path(__file__).parents[2] / "docs" / "transcript.md").read_text()
ORDER = PAGE.split("```")[1].strip("\n").splitlines()
BOTH = ("prompt", "output")


def pattern(lines: list[str]) -> str:
    """The page's order as a regular expression over labels, each with a semicolon behind it."""
    found, at = "", 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if not line.endswith(":"):
            items = ["draw"] if line.startswith("draw ") else line.split(", ")
            found += "".join(f"{item};" for item in items)
            continue
        end = at
        while end < len(lines) and lines[end].startswith("    "):
            end += 1
        inner = pattern([below.removeprefix("    ") for below in lines[at:end]])
        found += f"(?:{inner}){'*' if line.startswith('for each ') else '?'}"
        at = end
    return found


def spelled(lines: list[str]) -> set[str]:
    return set(re.findall(r"([^;()?:*]+);", pattern(lines)))


@pytest.fixture(scope="module")
def setting() -> Setting:
    """Several groups and levels, so that all items occur."""
    return tiny_setting(parameters(8, [1, 1], pads=400, group_bits=6))


def conversations(setting: Setting) -> Iterator[Callable[[], object]]:
    """The verification of a proof of each kind."""
    key, params = setting.key, setting.params
    for hiding in (False, True):
        shown = setting.prove(Statement(2, 3, (1, 2, 3, 4, 5), hiding))
        yield partial(setting.verify, shown)
    for items in (("prompt",), ("output",), BOTH):
        case = setting.private_case(items, (1, 5, 2), (4, 3), 4)
        yield partial(setting.verify, setting.prove_private(*case))
    old, new = (
        CommittedWeights(key.circuit, key.parameters, params, masks)
        for masks in (WeightMasks.fresh(key.circuit, key.parameters) for _ in range(2))
    )
    about = key.circuit, key.parameters
    ranges, link = prove_ranges(*about, old), prove_link(*about, old, new)
    yield partial(verify_ranges, *about, old.root, ranges)
    yield partial(verify_link, *about, old.root, new.root, link)
    function = mlp.mlp_artifact()
    for hiding in (False, True):
        made = prove(function, mlp.examples(2), Visibility(["left"], ["right", "score"]), hiding)
        yield partial(verify_function, function.key, made.proof, check_ranges=False)


@pytest.fixture(scope="module")
def heard(setting: Setting) -> list[str]:
    """What is absorbed in each of them."""
    found: list[str] = []
    absorb = Transcript.absorb

    def listen(self: Transcript, label: str, data: bytes) -> None:
        found[-1] += f"{label};"
        absorb(self, label, data)

    for verifies in conversations(setting):
        found.append("")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Transcript, "absorb", listen)
            verifies()
    return found


def test_the_order_is_what_is_absorbed(heard: list[str]) -> None:
    for conversation in heard:
        assert re.fullmatch(pattern(ORDER), conversation)


def test_the_page_knows_every_item_and_no_other(heard: list[str]) -> None:
    said = {label for conversation in heard for label in conversation.split(";")} - {""}
    table = PAGE.split("## What each is for")[1]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert said == spelled(ORDER) == {item for row in rows for item in re.findall("`(.+?)`", row)}


def test_every_item_has_its_place(heard: list[str]) -> None:
    """Without any one item some conversation does not fit. Draws may stand beside each other."""
    for number, line in enumerate(ORDER):
        if not line.endswith(":") and not line.startswith("draw "):
            other = pattern(ORDER[:number] + ORDER[number + 1 :])
            assert not all(re.fullmatch(other, conversation) for conversation in heard), line
