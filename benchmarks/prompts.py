"""Whether the integers take any text at all, and whether they say what PyTorch says.

Prompts are cut at random places from held-out texts of every kind; others are pieces joined, arbitrary
tokens, one token over and over, or arbitrary characters. Of each, and the token after it, the witness of a
proof is made: a value outside its calibrated range stops it.

With ``--generate N`` the first prompts are continued greedily by N tokens as well, by the integers and by
PyTorch in fp32, and neither stops at the end of a text. Each goes on from its own words, so what counts of
two texts is where they first differ, and how close PyTorch's two best tokens were there: its margin, a
difference of logits.

    python benchmarks/prompts.py MODEL.zkl [--prompts N] [--longest TOKENS] [--seed S]
        [--generate N --checkpoint DIR [--count M]] [--json] [--quiet]
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

import torch
from zklemma.compiler.analysis.fidelity import pytorch_model
from zklemma.compiler.frontend.checkpoint import load_checkpoint
from zklemma.compiler.texts import HELD_OUT, kinds
from zklemma.errors import RangeError, UserError
from zklemma.runtime.model.keys import load_artifact
from zklemma.runtime.witness.executor import Executor
from zklemma.tools import bench, console

# More than the characters of a token, so that what is cut has tokens enough.
CHARACTERS = 16
# Ranges of code points that arbitrary characters come from, each as often as another: ASCII, what two bytes
# encode, and everything but surrogates.
CODE_POINTS = ((0x20, 0x7E), (0x80, 0x7FF), (0x800, 0xD7FF), (0xE000, 0x10FFFF))

Ids = list[int]


class Prompt(NamedTuple):
    kind: str
    ids: Ids


def prompts_of(
    tokenize: Callable[[str], Ids], vocabulary: int, count: int, longest: int, seed: int
) -> list[Prompt]:
    """Prompts of at most ``longest`` tokens, whose kinds take turns; the same ones for the same seed, and
    the first of more.

    ``tokenize`` begins every text as the tokenizer does, and so do prompts of arbitrary tokens.
    """
    rng = random.Random(seed)
    start, texts = tokenize(""), kinds(HELD_OUT)

    def tokens(text: str, size: int) -> Ids:
        return tokenize(text)[len(start) :][:size]

    def cut(text: str, size: int) -> Ids:
        at = rng.randrange(len(text))
        return tokens(text[at : at + CHARACTERS * size], size)

    def joined(size: int) -> Ids:
        pieces = [cut(rng.choice(list(texts.values())), rng.randint(1, size)) for _ in range(4)]
        return [token for piece in pieces for token in piece][:size]

    def arbitrary(size: int) -> Ids:
        return rng.choices(range(vocabulary), k=size)

    def repeated(size: int) -> Ids:
        return arbitrary(1) * size

    def characters(size: int) -> Ids:
        found = (chr(rng.randint(*rng.choice(CODE_POINTS))) for _ in range(size))
        return tokens("".join(found), size)

    makers: dict[str, Callable[[int], Ids]] = {
        **{kind: partial(cut, text) for kind, text in texts.items()},
        "joined": joined,
        "arbitrary": arbitrary,
        "repeated": repeated,
        "characters": characters,
    }
    prompts = []
    for name in islice(cycle(makers), count):
        size = rng.randint(1, longest - len(start))
        prompts.append(Prompt(name, [*start, *makers[name](size)]))
    return prompts


def witness(executor: Executor, ids: Ids) -> object:
    """What a proof of a prompt and one more token commits to."""
    return executor.witness([*ids, *executor.generate(ids, 1)], len(ids), 1)


def stops_of(
    run: Callable[[Ids], object], prompts: Sequence[Prompt], step: Callable[[str], None]
) -> list[dict[str, Any]]:
    """The prompts that stop ``run`` for a value outside its range, and what it says."""
    stops = []
    for number, prompt in enumerate(prompts):
        step(prompt.kind)
        try:
            run(prompt.ids)
        except RangeError as error:
            stops.append({**_which(number, prompt), "error": str(error)})
    return stops


def compare(
    integers: Callable[[Ids], Ids],
    pytorch: Callable[[Ids], list[tuple[int, float]]],
    prompts: Sequence[Prompt],
    step: Callable[[str], None],
) -> dict[str, Any]:
    """Continuations by both, of which PyTorch's has a margin for each token: how many are identical, and
    the first difference of each that is not. A prompt that stops the integers is neither."""
    identical, differences, stops = 0, [], []
    for number, prompt in enumerate(prompts):
        step(prompt.kind)
        try:
            ours = integers(prompt.ids)
        except RangeError as error:
            stops.append({**_which(number, prompt), "error": str(error)})
            continue
        pairs = zip(ours, pytorch(prompt.ids), strict=True)
        first = next(
            ((at, m) for at, (token, (other, m)) in enumerate(pairs) if token != other), None
        )
        if first is None:
            identical += 1
        else:
            at, margin = first
            differences.append({**_which(number, prompt), "at": at, "margin": margin})
    return {
        "texts": len(prompts),
        "identical": identical,
        "differences": differences,
        "stops": stops,
    }


def _which(number: int, prompt: Prompt) -> dict[str, Any]:
    return {"prompt": number, "kind": prompt.kind, "prompt_tokens": len(prompt.ids)}


@torch.no_grad()
def pytorch_greedy(model: Any, ids: Ids, count: int) -> list[tuple[int, float]]:
    """The ``count`` most likely tokens after ``ids``, one after the other, each with its margin."""
    found, given, cache = [], torch.tensor([ids]), None
    for _ in range(count):
        said = model(given, past_key_values=cache, use_cache=True)
        cache = said.past_key_values
        best = torch.topk(said.logits[0, -1], 2)
        first, second = best.values.tolist()
        found.append((int(best.indices[0]), first - second))
        given = best.indices[None, :1]
    return found


def check(options: argparse.Namespace, start: int, most: int) -> None:
    """Refuse what a model of ``most`` tokens, whose texts begin with ``start`` ones, cannot be asked."""
    for name, least in (("prompts", 1), ("count", 1), ("longest", start + 1)):
        if (given := getattr(options, name)) < least:
            raise UserError(f"--{name} is {given}: give at least {least}")
    if options.generate is not None:
        if options.checkpoint is None:
            raise UserError("--generate compares with PyTorch: give its --checkpoint")
        if not 1 <= options.generate < most - start:
            raise UserError(f"--generate is {options.generate}: give 1 to {most - start - 1}")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """The report; a bar on the terminal unless ``quiet``."""
    artifact = load_artifact(options.model)
    executor = Executor(artifact.key.circuit, artifact.program, artifact.params)
    tokenize, most = artifact.key.tokenize, executor.max_tokens
    check(options, len(tokenize("")), most)
    longest = min(options.longest, most - 1)
    prompts = prompts_of(tokenize, executor.vocabulary, options.prompts, longest, options.seed)
    continued = []
    if options.generate:
        room = most - options.generate
        continued = [Prompt(kind, ids[:room]) for kind, ids in prompts[: options.count]]
    with bench.steps(12, options.quiet) as bar:
        task = bar.add_task("", total=len(prompts) + len(continued))

        def step(what: str) -> None:
            bar.update(task, description=what, advance=1)

        start = time.perf_counter()
        stops = stops_of(lambda ids: witness(executor, ids), prompts, step)
        seconds = time.perf_counter() - start
        generation = None
        if options.generate:
            model = pytorch_model(load_checkpoint(options.checkpoint))
            generation = {
                "tokens": options.generate,
                **compare(
                    lambda ids: executor.generate(ids, options.generate),
                    lambda ids: pytorch_greedy(model, ids, options.generate),
                    continued,
                    step,
                ),
            }
    return {
        "machine": console.machine(),
        "model": artifact.key.name,
        "model_id": artifact.key.model_id,
        "seed": options.seed,
        "prompts": len(prompts),
        "tokens": sum(len(prompt.ids) for prompt in prompts),
        "seconds": seconds,
        "kinds": dict(Counter(prompt.kind for prompt in prompts)),
        "stops": stops,
        "generation": generation,
    }


def show(report: Mapping[str, Any]) -> None:
    stopped = Counter(stop["kind"] for stop in report["stops"])
    console.grid(
        f"{report['model']}: {report['prompts']} prompts of {report['tokens']:,} tokens, "
        f"{report['seconds']:.1f} s",
        ("kind", "prompts", "stopped"),
        [(kind, str(n), str(stopped[kind])) for kind, n in report["kinds"].items()],
    )
    for stop in report["stops"]:
        print(f"prompt {stop['prompt']} ({stop['kind']}): {stop['error']}")
    if found := report["generation"]:
        print(
            f"{found['identical']} of {found['texts']} texts of {found['tokens']} generated tokens are "
            "as in fp32 PyTorch"
        )
        if found["differences"]:
            console.grid(
                "The others",
                ("prompt", "kind", "its tokens", "first difference", "margin"),
                [
                    (
                        *(str(row[name]) for name in ("prompt", "kind", "prompt_tokens", "at")),
                        f"{row['margin']:.2g}",
                    )
                    for row in found["differences"]
                ],
            )
        for stop in found["stops"]:
            print(f"generating, prompt {stop['prompt']} ({stop['kind']}): {stop['error']}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Run held-out prompts of every kind.")
    parser.add_argument("model", type=Path, help="the artifact (.zkl)")
    parser.add_argument("--prompts", type=int, default=1000, help="how many")
    parser.add_argument(
        "--longest", type=int, default=200, help="tokens of a prompt, at most what the model takes"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--generate", type=int, help="tokens to generate and compare")
    parser.add_argument("--count", type=int, default=100, help="prompts to generate from")
    parser.add_argument("--checkpoint", type=Path, help="what PyTorch generates with")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    report = measure(options := parser.parse_args())
    if options.json:
        print(json.dumps(report))
    else:
        show(report)


if __name__ == "__main__":
    bench.script(main)
