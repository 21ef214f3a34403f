"""``zklemma verify``: check a proof, and say what it says."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...errors import InvalidProof
from .. import console
from .guard import INVALID
from .limits import limit
from .options import AllowNoncanonicalPrompt, AsJson, emit, hexadecimal, visibilities
from .outputs import check_outputs

if TYPE_CHECKING:
    from ...runtime.model.keys import VerifyingKey
    from ...runtime.verifying.disclosure import Opened
    from ...runtime.verifying.function_verifier import VerifiedFunction
    from ...runtime.verifying.verifier import Verified


class Engine(StrEnum):
    PYTHON = "python"
    NATIVE = "native"
    WASM = "wasm"


def verify(
    key: Annotated[Path, typer.Argument(help="The verifying key (.vk) of the model.")],
    proof: Annotated[Path, typer.Argument(help="The proof.")],
    model_id: Annotated[
        str | None,
        typer.Option(help="The model that the key must be of, or must have been rotated from."),
    ] = None,
    opening: Annotated[
        Path | None,
        typer.Option(
            "--reveal", help="What opens a private prompt or output, or digests of tensors."
        ),
    ] = None,
    outputs: Annotated[
        Path | None,
        typer.Option(help="An .npz to write the outputs of a function to, those that are known."),
    ] = None,
    nonce: Annotated[
        str | None, typer.Option(help="The bytes, in hexadecimal, that the proof has to carry.")
    ] = None,
    allow_noncanonical_prompt: AllowNoncanonicalPrompt = False,
    no_cache: Annotated[
        bool,
        typer.Option(
            "--no-cache",
            help="Check the weights' ranges even if it was done for this key before.",
        ),
    ] = False,
    engine: Annotated[
        Engine,
        typer.Option(help="Which verifier checks; `make verifier` builds the other ones."),
    ] = Engine.PYTHON,
    max_seconds: Annotated[
        float | None, typer.Option(min=0.0, help="Stop with exit status 2 if it takes longer.")
    ] = None,
    max_memory: Annotated[
        int | None,
        typer.Option(min=1, help="Stop with exit status 2 if it needs more address space, in MiB."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a proof: exit status 0 if it is valid, 1 if not."""
    start = time.perf_counter()
    if max_seconds is not None or max_memory is not None:
        limit(
            max_seconds,
            max_memory,
            "...runtime.model.keys",
            "...runtime.verifying.checked",
            "...runtime.verifying.native",
            "...runtime.verifying.wasm",
            "...runtime.model.tokenizer",
        )
    from ...runtime.model import files
    from ...runtime.model.keys import VerifyingKey, read_key
    from ...runtime.progress import Clock, Silent
    from ...runtime.verifying import checked, native, wasm
    from ...runtime.verifying.function_verifier import VerifiedFunction
    from ...runtime.verifying.own import Own
    from ...runtime.verifying.second import Second
    from ...runtime.verifying.verifier import read_proof

    if outputs:
        check_outputs({outputs: None}, [key, proof, *([opening] if opening else [])])
    clock = Clock(Silent())
    clock.start("load")
    contents, data = read_key(key), files.read(proof, files.PROOF.most)
    model = VerifyingKey.decode(contents, str(key))
    _ = model.circuit  # Decoded when it is first asked for.
    if outputs:
        model.require("function")
    if engine is Engine.PYTHON:
        checker = Own(model)
    else:
        runner = native if engine is Engine.NATIVE else wasm
        checker = Second(model, contents, runner.verdicts)
    opened: dict[str, Any] = {}
    if opening:
        from ...runtime.verifying import disclosure

        opened = disclosure.decode(files.read(opening, files.OPENING.most), str(opening))
    wanted = None if nonce is None else hexadecimal(nonce)
    report: dict[str, Any] = {
        "valid": False,
        "reason": None,
        "model_id": model.model_id,
        "pinned": None if model_id is None else False,
        "rotated_from": None,
        "ranges": None,
        **dict.fromkeys(_SAID[model.kind]),
        "visibility": None,
        "hiding": None,
        "security_bits": None,
        "proof_bytes": len(data),
    }
    clock.start("check")
    try:
        if model_id is not None:
            checker.check_identity(model_id)
            report["pinned"] = True
            pinned = bytes.fromhex(model_id).hex()
            report["rotated_from"] = pinned if pinned != model.model_id else None
        files.identify(files.PROOF, data, str(proof))
        content = read_proof(model, data, str(proof))
        if not no_cache and checked.known(model.ranges_digest):
            report["ranges"] = "remembered"
        else:
            clock.start("ranges")
            checker.check_ranges()
            report["ranges"] = "checked"
            if not no_cache:
                checked.remember(model.ranges_digest)
            clock.start("check")
        verified = checker.verify(content, allow_noncanonical_prompt)
        statement = verified.statement
        if wanted is not None and statement.nonce != wanted:
            carried = f"the nonce {statement.nonce.hex()}" if statement.nonce else "no nonce"
            raise InvalidProof(f"the proof carries {carried}, not {wanted.hex() or 'none'}")
        if isinstance(verified, VerifiedFunction):
            said = _function(model, verified, opened)
        else:
            said = _generated(model, verified, opened, allow_noncanonical_prompt)
    except InvalidProof as error:
        report["reason"] = str(error)
    else:
        clock.start("text")
        report |= {
            "valid": True,
            **said(),
            "digests": {what: digest.hex() for what, digest in statement.digests.items()},
            "revealed": list(opened),
            "nonce": statement.nonce.hex(),
            "hiding": statement.hiding,
            "security_bits": verified.security_bits,
        }
    clock.stop()
    report |= {"stages": clock.seconds, "seconds": time.perf_counter() - start}
    if outputs and report["valid"]:
        from ..tensors import save

        save(outputs, report["tensors"])
    if as_json:
        emit(report)
    else:
        _print_verdict(model, report)
    if not report["valid"]:
        raise typer.Exit(INVALID)


# What is said of a proof that is valid, by the kind of the key.
_SAID = {"language model": ("prompt", "output", "tokens"), "function": ("examples", "tensors")}


def _generated(
    model: VerifyingKey,
    verified: Verified,
    opened: Mapping[str, Opened],
    allow_noncanonical_prompt: bool,
) -> Callable[[], dict[str, Any]]:
    """What a proof says of tokens; `InvalidProof` at once if what is opened is not what it says."""
    from ...runtime.verifying import disclosure, reading
    from ...runtime.verifying.verifier import check_prompt

    statement = verified.statement
    shown = {
        what: disclosure.tokens(statement, what, found, model.parameters)
        for what, found in opened.items()
    }
    canonical = verified.canonical_prompt
    if "prompt" in shown:
        canonical = check_prompt(model, shown["prompt"], allow_noncanonical_prompt)
    prompt = shown.get("prompt", statement.prompt_tokens)
    output = shown.get("output", statement.output_tokens)
    return lambda: {
        **reading.describe(model, prompt, output, bool(canonical)),
        "tokens": statement.prompt + statement.generated,
        "prompt_tokens": statement.prompt,
        "generated": statement.generated,
        "token_ids": None if None in (prompt, output) else [*(prompt or ()), *(output or ())],
        "visibility": visibilities(model.private, statement),
    }


def _function(
    model: VerifyingKey, verified: VerifiedFunction, opened: Mapping[str, Opened]
) -> Callable[[], dict[str, Any]]:
    """What a proof says of tensors; `InvalidProof` at once if what is opened is not what it says."""
    from ...runtime.verifying import disclosure
    from .. import tensors

    statement = verified.statement
    cells = {
        what: disclosure.cells(statement, what, found, model) for what, found in opened.items()
    }
    return lambda: {
        "examples": statement.batch,
        "tensors": tensors.describe(model, statement, cells),
        "visibility": tensors.visibilities(model, statement),
    }


def _print_verdict(model: VerifyingKey, report: dict[str, Any]) -> None:
    if not report["valid"]:
        print(f"INVALID: {console.printable(report['reason'])}")
        return
    print("VALID")
    if model.kind == "function":
        from .. import tensors

        print(tensors.statement(model, report))
    else:
        print(console.statement(model.name, report))
