"""Takes each check of the verifier and each item of its transcript out in turn: some test has to notice.

    python benchmarks/mutants.py [--only GROUP] [part of a name ...]

What there is to take out is found in the syntax tree (`tests/mutation/sites.py`): all of it, or what has one of the
parts in its name. For each a line says which test noticed, or SURVIVED. What survives by rights is listed with the
reason in `tests/mutation/redundant.toml`; the exit status is the number of sites that survive and are not listed,
or are listed and do not survive, or do not exist. Sites stand in groups, each with the tests that are there for it;
each group takes about a minute on one core.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

MUTATION = Path(__file__).resolve().parents[1] / "tests" / "mutation"
sys.path.append(str(MUTATION))

sites: Any = import_module("sites")
killing: Any = import_module("killing")


def of(folder: str, *files: str) -> tuple[str, ...]:
    return tuple(f"tests/{folder}/test_{file}.py" for file in files)


def within(file: str, *names: str) -> tuple[str, ...]:
    return tuple(f"tests/{file}.py::test_{name}" for name in names)


# How the names of a group's sites begin, and its tests. A site is in the group that knows most of its name.
GROUPS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "formats": (
        (
            "runtime.circuit",
            "runtime.model.difference",
            "runtime.verifying.disclosure",
            "runtime.field",
            "runtime.model.files",
            "runtime.model.keys",
            "runtime.model.lowered",
            "runtime.visible",
        ),
        (
            *of("formats", "difference", "files", "keys", "packed", "visible"),
            *of("protocol", "circuit", "channel"),
            *of("circuit", "band"),
            *of("lowering", "encoding"),
            *of("kernels", "field"),
            *within(
                "soundness/test_private",
                "an_opening_opens_one_digest",
                "an_opening_is_as_long_as_the_statement_says",
                "openings_in_files",
                "openings_of_other_forms",
                "the_two_circuits_of_a_key",
            ),
            *within("hiding/test_links", "a_models_circuit_has_no_renewed_columns"),
        ),
    ),
    "statements": (
        (
            "runtime.protocol.statement",
            "runtime.protocol.parameters",
            "runtime.protocol.work_limits",
            "runtime.protocol.plan",
            "runtime.protocol.opening.forms",
            "runtime.protocol.axis_weights",
            "runtime.protocol.opening.shared",
            "runtime.protocol.opening.tails",
        ),
        (
            *of("protocol", "parameters", "plan", "forms", "weights"),
            *of("hiding/traps", "encoding"),
            *within("soundness/test_private", "a_bound_is_all_that_the_positions_bound"),
        ),
    ),
    "functions": (
        (
            "runtime.circuit.function",
            "runtime.model.signature",
            "runtime.model.lowered:LoweredModel.require",
            "runtime.model.lowered:LoweredModel.function_signature",
            "runtime.model.lowered:LoweredModel._tokenizer",
            "runtime.model.lowered:LoweredModel.private_circuit: call",
            "runtime.model.lowered:LoweredModel.__post_init__: atom",
            "runtime.model.lowered:LoweredModel.circuit: atom: not self.signature",
            "runtime.model.keys:VerifyingKey.decode: atom: [signature",
            "runtime.protocol.function_statement",
            "runtime.verifying.disclosure:cells",
            "runtime.verifying.function_verifier",
            "runtime.verifying.verifier:verify: atom: function",
        ),
        of("functions", "circuit", "keys", "proofs", "signature", "statement"),
    ),
    "verifier": (
        (
            "runtime.verifying.verifier",
            "runtime.model.subjects",
            "runtime.model.links",
            "runtime.model.weight_ranges",
            "runtime.model.keys:VerifyingKey.check_ranges",
            "runtime.protocol.conversation",
            "runtime.protocol.verification",
        ),
        (
            *of("protocol", "transcript"),
            *of("hiding/traps", "identity"),
            *of("hiding", "links", "ranges", "rotate"),
            *of("soundness", "statement"),
            *within(
                "protocol/test_end_to_end",
                "a_key_of_few_bits_is_not_believed",
                "a_key_that_hides_no_weights_lets_nothing_hide",
            ),
            *within("soundness/test_private", "a_key_without_columns_for_tokens"),
            *within("formats/test_reading", "other_tokens_of_a_text_are_not_canonical"),
            *within("tools/test_checked", "a_key_without_a_valid_range_proof_is_invalid"),
        ),
    ),
    "conversation": (
        ("",),
        (
            *of("protocol", "transcript", "channel", "merkle"),
            *within(
                "soundness/test_messages",
                "columns_that_are_committed_in_another_encoding",
                "pads_in_a_proof_that_does_not_hide",
                "work_that_was_not_done",
                "one_element_about_private_tokens_is_wrong",
                "one_element_is_wrong",
            ),
            *within("protocol/test_transcript_page", "the_order_is_what_is_absorbed"),
        ),
    ),
}


def group_of(site: Any) -> str:
    known = [
        (len(s), name)
        for name, (starts, _) in GROUPS.items()
        for s in starts
        if site.name.startswith(s)
    ]
    return max(known)[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("parts", nargs="*", metavar="part of a name")
    parser.add_argument("--only", choices=GROUPS)
    arguments = parser.parse_args()
    parts = arguments.parts or [""]
    redundant = tomllib.loads((MUTATION / "redundant.toml").read_text())
    found = [site for site in sites.sites() if any(part in site.name for part in parts)]
    if arguments.only:
        found = [site for site in found if group_of(site) == arguments.only]
        return take_out(found, arguments.only, redundant)
    gone = sorted(set(redundant) - {site.name for site in sites.sites()})
    for name in gone:
        print(f"{name}: listed as redundant, but it does not exist")
    problems = len(gone)
    for group in dict.fromkeys(map(group_of, found)):
        # A run of pytest, in a process of its own.
        command = [sys.executable, __file__, "--only", group, "--", *parts]
        problems += subprocess.run(command).returncode
    print(f"{len(found)} taken out, {problems} problems")
    return problems


def take_out(found: list[Any], group: str, redundant: dict[str, str]) -> int:
    """Print what notices that each site is gone. The number of those that nothing notices, though they are not
    redundant, or that something does, though they are."""
    # pytest keeps what tests print to itself, and takes the standard output for that.
    console = Console(file=os.fdopen(os.dup(1), "w"), soft_wrap=True, highlight=False)
    problems = 0

    def told(name: str, killer: str) -> None:
        nonlocal problems
        wrong = bool(killer) == (name in redundant)
        problems += wrong
        verdict = killer or "SURVIVED"
        if name in redundant:
            verdict = f"{killer}, though it is listed" if killer else redundant[name]
        console.print(f"{escape(name)}: {escape(verdict)}", style="bold red" if wrong else "")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("")

        def doing(what: str, number: int, total: int) -> None:
            progress.update(task, description=escape(what[:70]), completed=number, total=total)

        killing.kill(found, GROUPS[group][1], doing=doing, told=told)
    return problems


if __name__ == "__main__":
    sys.exit(min(main(), 100))
