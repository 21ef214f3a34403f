"""``zklemma prove``: generate text, and prove that the model said it; or a function's outputs."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import UserError
from .. import console
from .options import AsJson, Quiet, Visibility, emit, hexadecimal, visibilities
from .outputs import check_outputs
from .warm import ready

if TYPE_CHECKING:
    from ...runtime.model.keys import Artifact


def prove(
    model: Annotated[Path, typer.Argument(help="The artifact (.zkl) that compile wrote.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The proof to write.")],
    max_new_tokens: Annotated[int | None, typer.Option(help="How many tokens to generate.")] = None,
    prompt: Annotated[str | None, typer.Option(help="The text to continue.")] = None,
    prompt_file: Annotated[
        Path | None,
        typer.Option(
            help="A file that holds the text; - for standard input. Others see arguments."
        ),
    ] = None,
    chat: Annotated[
        bool,
        typer.Option(
            "--chat", help="The text is a question: write it as the model was taught to read them."
        ),
    ] = False,
    prompt_visibility: Annotated[
        Visibility, typer.Option(help="Whether the proof says what the prompt was.")
    ] = Visibility.PUBLIC,
    output_visibility: Annotated[
        Visibility, typer.Option(help="Whether the proof says what the model answered.")
    ] = Visibility.PUBLIC,
    prompt_bound: Annotated[
        int | None,
        typer.Option(help="What a private prompt's length shows as. [default: a power of two]"),
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            help="An input of a function, NAME=FILE.npy, examples along the first axis; or an .npz with all.",
        ),
    ] = None,
    private: Annotated[
        list[str] | None,
        typer.Option(help="A function's input or output that the proof says nothing about."),
    ] = None,
    digest: Annotated[
        list[str] | None,
        typer.Option(help="A function's input or output of which the proof has a digest only."),
    ] = None,
    secret: Annotated[
        Path | None,
        typer.Option(
            help="Where to keep what opens a private prompt or output, or what is behind digests, later. "
            "[default: beside the proof, with .secret added]"
        ),
    ] = None,
    nonce: Annotated[
        str, typer.Option(help="Bytes in hexadecimal that the statement is to carry.")
    ] = "",
    hiding: Annotated[
        bool | None,
        typer.Option(
            "--hiding/--no-hiding",
            help="Hide what is private. Off only to measure what it costs.",
        ),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Generate text and prove that the model said it; or prove what a function gives for its inputs."""
    if inputs or private or digest:
        texts = prompt, prompt_file, max_new_tokens, prompt_bound
        hidden = Visibility.PRIVATE in (prompt_visibility, output_visibility)
        if any(option is not None for option in texts) or chat or hidden:
            raise UserError(
                "--input, --private and --digest are for functions, other options for language models"
            )
        from .prove_function import prove_function

        return prove_function(
            model,
            output,
            inputs or (),
            private or (),
            digest or (),
            secret,
            hexadecimal(nonce),
            hiding,
            as_json,
            quiet,
        )
    from ...runtime.model import files
    from ...runtime.model.budget import files_beside
    from ...runtime.model.keys import load_artifact
    from ...runtime.proving.answer import Privacy

    text = _prompt(prompt, prompt_file)
    if max_new_tokens is None:
        raise UserError("say how many tokens to generate by --max-new-tokens")
    privacy = Privacy(
        prompt_visibility is Visibility.PRIVATE,
        output_visibility is Visibility.PRIVATE,
        prompt_bound,
    )
    if prompt_bound is not None and not privacy.prompt:
        raise UserError("--prompt-bound is for private prompts: add --prompt-visibility private")
    if secret and not privacy.items:
        raise UserError("--secret is for private prompts or outputs: nothing here is either")
    carried = hexadecimal(nonce)
    secret = secret or output.with_name(f"{output.name}.secret")
    written = {output: files.PROOF} | ({secret: files.OPENING} if privacy.items else {})
    if privacy.items and output == secret:
        raise UserError(f"{output}: two outputs can not be the same file")
    read = [model, *files_beside(model), *([prompt_file] if prompt_file else [])]
    check_outputs(written, read)
    artifact = load_artifact(model)
    artifact.key.require("language model")
    artifact.budget.require()
    if chat:
        text = _asked(artifact, text)

    from ...runtime.kernels.memory import keep_freed_memory
    from ...runtime.proving import answer

    keep_freed_memory()
    ready(quiet)
    # stdout is for the JSON object alone, so the text moves to stderr then.
    stream = console.Stream(sys.stderr if as_json else sys.stdout)
    if answer.hides(artifact, privacy, hiding) != answer.hides(artifact, privacy):
        console.warn("this proof will show something of what is private: keep it to yourself")
    begin = artifact.key.continuation([], artifact.key.frame[0])
    if begin and text.startswith(begin):
        console.warn(
            f"the tokenizer puts {console.quote(begin)} before every prompt; this has one more"
        )
    start = time.perf_counter()
    show = None if quiet else stream.add
    tokens, generated = answer.generate(artifact, text, max_new_tokens, show, privacy)
    if show:
        stream.end()
    if artifact.key.text(tokens) != text:
        console.warn("the tokenizer reads the prompt as another text; the proof is about that one")
    seconds = {"generate": time.perf_counter() - start}
    with console.Bar(["load", "execute", "commit", "lookup", "einsum", "open"], not quiet) as bar:
        found = answer.prove_tokens(artifact, tokens, generated, hiding, bar, privacy, carried)
    data = files.encode_proof(artifact.key.digest, found.proof)
    with files.atomic_write(output) as file:  # Both files or, on a full disk, none.
        file.write(data)
        if privacy.items:
            from ...runtime.verifying import disclosure

            file.flush()
            opened = {w: disclosure.Opened(s.rows, s.salts) for w, s in found.sealed.items()}
            with files.atomic_write(secret, secret=True) as kept:
                kept.write(disclosure.encode(opened))
    report = {
        "model_id": artifact.key.model_id,
        "seconds": seconds | found.seconds,
        "proof_bytes": len(data),
        "peak_rss_bytes": console.peak_rss_bytes(),
        "predicted_bytes": found.predicted_bytes,
        "tokens": len(tokens) + len(generated),
        "generated": len(generated),
        "text": answer.text(artifact, tokens, generated),
        "ended": not artifact.eos.isdisjoint(generated),
        "committed_cells": found.committed_cells,
        "lookups": found.lookups,
        "security_bits": answer.security_bits(artifact, found.statement),
        "visibility": visibilities(artifact.key.private, found.statement),
        "secret": str(secret) if privacy.items else None,
        "hiding": found.hiding,
        "proofs_left": artifact.budget.proofs_left(),
    }
    if artifact.budget.low():
        console.warn(
            f"{model}: masks for {report['proofs_left']} more proofs are left; `zklemma rotate` gives it "
            "fresh ones"
        )
    if as_json:
        return emit(report)
    if quiet:
        return None
    *stages, total = found.seconds.items()
    parts = ", ".join(f"{name} {taken:.2f} s" for name, taken in stages)
    secrets = {"secret": f"{secret} (opens what is private: keep it)"} if privacy.items else {}
    console.table(
        "Proved",
        {
            "proof": f"{output} ({console.size(report['proof_bytes'])})",
            **secrets,
            "tokens": f"{report['tokens']}, of which {report['generated']} generated",
            "time": f"{total[1]:.2f} s to prove ({parts})",
            "memory": console.size(report["peak_rss_bytes"]),
            "committed": f"{found.committed_cells:,} cells, {found.lookups:,} lookups",
        },
    )


def _asked(artifact: Artifact, question: str) -> str:
    """A question as the model's template of conversations has it."""
    around = artifact.meta.get("chat")
    if not around:
        raise UserError(
            f"{artifact.key.name} has no template of conversations: leave --chat out, or write the whole prompt"
        )
    before, behind = around
    return f"{before}{question}{behind}"


def _prompt(text: str | None, path: Path | None) -> str:
    """The prompt, from an option, a file or standard input: its bytes, which are UTF-8, whatever the locale. The
    line end that closes a file is no part of it."""
    if (text is None) == (path is None):
        raise UserError(
            "give the prompt by --prompt or by --prompt-file, or the inputs of a function by --input"
        )
    where = "--prompt" if path is None else "standard input" if str(path) == "-" else str(path)
    try:
        if path is None:
            found = os.fsencode(text or "").decode("utf-8")
        else:
            data = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
            found = data.decode("utf-8")
    except UnicodeError:
        raise UserError(f"{where}: the prompt is not valid Unicode text in UTF-8") from None
    return found if path is None else found.removesuffix("\n").removesuffix("\r")
