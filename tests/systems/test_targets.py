"""Targets: what a compile asks of one, which there are, and one line for those that there are not."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import torch
import zklemma
from typer.testing import CliRunner
from zklemma.compiler.levels import EVERYTHING, Level
from zklemma.errors import UserError
from zklemma.runtime.circuit.relations import PRIME
from zklemma.tools.cli.app import app
from zklemma.tools.systems import target as targets
from zklemma.tools.systems.own import OWN, Own
from zklemma.tools.systems.reference import REFERENCE
from zklemma.tools.systems.target import Limits

NETWORK, EXAMPLES = torch.nn.Linear(3, 2), torch.linspace(-1, 1, 60).reshape(20, 3)


def compiled(target: Any, **options: Any) -> Any:
    return zklemma.compile(NETWORK, EXAMPLES, target=target, **options)


class Small(Own):
    """Ours, with less."""

    name = "small"

    def __init__(self, field: int = PRIME, **limits: Any):
        self.field, self.limits = field, replace(Own.limits, **limits)


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("other", "there is no target other; there are zklemma, reference"),
        (Small(kinds=("language model",)), "the target small takes no function, only a language"),
        (Small(table_rows=100), r"the table .* rows, more than the 100 that the target small"),
        (Small(field=2**31 - 1), "would wrap in the field of the target small"),
    ],
)
def test_what_a_target_does_not_take(target: Any, reason: str) -> None:
    with pytest.raises(UserError, match=reason) as refused:
        compiled(target)
    assert "\n" not in str(refused.value)


def test_weights_are_private_where_they_can_be() -> None:
    assert compiled("zklemma").key.private and not compiled(OWN, private=False).key.private
    assert not compiled(Small(hides=False)).key.private
    with pytest.raises(UserError, match="hides no weights"):
        compiled(Small(hides=False), private=True)


def test_a_target_says_which_optimisations_it_takes() -> None:
    class Plain(Small):
        def legalize(self, level: Level) -> Level:
            return replace(level, disabled=("virtualize-remainders",))

    assert compiled("zklemma").key.circuit.defined
    found = compiled(Plain())
    assert not found.key.circuit.defined
    # Whoever audits lowers the function in the same way.
    assert b"quant.pipeline" in bytes(found.key.function_bytes)
    assert found.verify(found.prove(EXAMPLES[:1])).values


def test_ours_is_a_target_like_others() -> None:
    assert isinstance(OWN, targets.Target) and isinstance(REFERENCE, targets.Target)
    assert OWN.legalize(EVERYTHING) is EVERYTHING and OWN.field == PRIME
    found = compiled(OWN)
    verified = found.verify(found.prove(EXAMPLES[:1]))
    assert verified.security_bits > 100


class EntryPoint:
    """What an installed package would have."""

    def __init__(self, name: str, found: object):
        self.name, self.value, self.found = name, f"{name}:TARGET", found

    def load(self) -> object:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


def test_targets_of_other_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    points = {
        "small": Small(),
        "taken": type("Taken", (Small,), {"name": "zklemma"})(),
        "broken": ImportError("no module"),
        "nonsense": "a text",
    }
    found = [EntryPoint(*each) for each in points.items()]
    monkeypatch.setattr(targets, "entry_points", lambda group: found)
    said: list[str] = []
    assert [*targets.targets(said.append)] == ["zklemma", "reference", "small"]
    assert said == [
        "target broken is left out, it can not be loaded: ImportError: no module",
        "target nonsense is left out, it can not be loaded: TypeError: nonsense:TARGET is no target",
        "target taken: there is a target zklemma already; it is left out",
    ]
    assert targets.named("small") is points["small"]
    with pytest.raises(
        UserError, match=r"no target broken; there are .*; target broken is left out"
    ):
        targets.named("broken")


def test_the_command_lists_them() -> None:
    shown = CliRunner().invoke(app, ["targets"], catch_exceptions=False)
    assert shown.exit_code == 0 and "no proof" in shown.stdout
    found = json.loads(CliRunner().invoke(app, ["targets", "--json"]).stdout)["targets"]
    assert [each["name"] for each in found] == ["zklemma", "reference"]
    assert found[0]["field"] == PRIME and [each["proves"] for each in found] == [True, False]


def test_limits_say_what_is_usual() -> None:
    assert Limits() == OWN.limits and not REFERENCE.limits.hides
