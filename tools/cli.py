"""The ``zklemma`` command: compile, prove, rotate, verify, reveal, inspect.

Exit status: 0 done (for verify: valid), 1 invalid proof, 2 unusable input, 130 interrupted. Errors
are one line on stderr. Commands import what they need when they run, so that verifying starts fast
and needs neither torch nor the compiler.
"""

from __future__ import annotations

import functools
import json
import signal
import sys
import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InvalidProof, UserError, ZklemmaError
from . import console

if TYPE_CHECKING:
    from ..runtime.keys import Artifact
    from ..runtime.protocol.statement import Statement


class Visibility(StrEnum):
    PRIVATE = "private"
    PUBLIC = "public"


class Item(StrEnum):
    PROMPT = "prompt"
    OUTPUT = "output"


INVALID, UNUSABLE, INTERRUPTED = 1, 2, 130

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Prove what a Gemma-3 model said, and verify it.",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Register a command whose expected errors end in one line and the right exit status."""

    @functools.wraps(function)
    def guarded(*arguments: Any, **options: Any) -> None:
        try:
            function(*arguments, **options)
        except ZklemmaError as error:
            console.fail(error)
            raise typer.Exit(INVALID if isinstance(error, InvalidProof) else UNUSABLE) from None
        except BrokenPipeError:
            raise
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            console.fail(f"{where}{error.strerror or error}")
            raise typer.Exit(UNUSABLE) from None
        except MemoryError:
            console.fail("out of memory")
            raise typer.Exit(UNUSABLE) from None
        except ModuleNotFoundError as error:
            if not error.name or error.name.startswith("zklemma"):
                raise
            extra = "prove" if function.__name__ in ("prove", "rotate") else "compile"
            console.fail(f"{error.name} is not installed: pip install 'zklemma[{extra}]'")
            raise typer.Exit(UNUSABLE) from None
        except KeyboardInterrupt:
            console.fail("interrupted")
            raise typer.Exit(INTERRUPTED) from None

    return app.command()(guarded)


def _emit(values: dict[str, Any]) -> None:
    print(json.dumps(values, ensure_ascii=False, allow_nan=False))


def _check_outputs(output: Path, vk: Path, *kept: Path) -> None:
    """`UserError` unless a model can be written: artifact, key and count each in a file of its own, none
    of which is ``kept``."""
    from ..runtime import files
    from ..runtime.budget import files_beside

    if vk.resolve() == output.resolve():
        raise UserError(f"{vk}: artifact and verifying key can not be the same file")
    used = {path.resolve() for path in kept}
    for path in (output, vk, *files_beside(output)):
        if path.resolve() in used:
            raise UserError(
                f"{path}: would take the place of a file that is needed; choose another name"
            )
        used.add(path.resolve())
    files.require_writable(output)
    files.require_writable(vk)


def _save(artifact: Artifact, output: Path, vk: Path) -> dict[str, int]:
    """Write artifact and key; both files or, on a full disk, none. Returns their sizes."""
    from ..runtime import files
    from ..runtime.keys import save_artifact

    with files.atomic_write(vk) as file:
        size = file.write(artifact.key.encode())
        file.flush()
        return {"vk_bytes": size, "artifact_bytes": save_artifact(output, artifact)}


@command
def compile(
    checkpoint: Annotated[
        str,
        typer.Argument(
            help="A Gemma-3 text model: a Hugging Face directory, a GGUF file, a hub id, or gemma3-270m."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The artifact to write (.zkl).")],
    vk: Annotated[
        Path | None, typer.Option(help="The verifying key to write. [default: beside the artifact]")
    ] = None,
    max_tokens: Annotated[
        int, typer.Option(help="The most tokens, prompt and output, of one proof.")
    ] = 256,
    weights: Annotated[
        Visibility, typer.Option(help="Whether proofs may show anything of the weights.")
    ] = Visibility.PRIVATE,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Compile a checkpoint into an artifact for proving and a key for verifying."""
    vk = vk or output.with_suffix(".vk")
    _check_outputs(output, vk)

    from . import compiling

    start = time.perf_counter()
    with console.Bar(list(compiling.STAGES), not quiet) as bar:
        artifact, report = compiling.compile(
            checkpoint, max_tokens, bar, weights is Visibility.PRIVATE
        )
    report |= _save(artifact, output, vk)
    report["seconds"] = time.perf_counter() - start
    report["peak_rss_bytes"] = console.peak_rss_bytes()
    if as_json:
        return _emit(report)
    fidelity = report["fidelity"]
    console.table(
        f"Compiled {report['name']}",
        {
            "model id": report["model_id"],
            "parameters": f"{report['parameters']:,}",
            "tokens": f"at most {report['max_tokens']} in one proof",
            "fidelity": f"{fidelity['greedy_agreement']:.2%} of next tokens as in fp32 PyTorch, "
            f"{fidelity['delta_nats']:+.4f} nats a token ({fidelity['positions']} positions)",
            "artifact": f"{output} ({console.size(report['artifact_bytes'])})",
            "verifying key": f"{vk} ({console.size(report['vk_bytes'])})",
            "time": f"{report['seconds']:.1f} s",
        },
    )


@command
def export(
    checkpoint: Annotated[
        str,
        typer.Argument(
            help="A Gemma-3 text model: a Hugging Face directory, a GGUF file, a hub id, or gemma3-270m."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write (.mlir).")],
    max_tokens: Annotated[int, typer.Option(help="The number of positions.")] = 64,
) -> None:
    """Write a checkpoint as calibrated `nn` text, which zk-opt can lower to any level."""
    from ..runtime import files

    files.require_writable(output)

    from io import StringIO

    from xdsl.printer import Printer

    from ..compiler.calibrated import calibrated_model, supported_length
    from ..compiler.frontend.checkpoint import load_checkpoint

    loaded = load_checkpoint(checkpoint)
    module = calibrated_model(loaded, supported_length(loaded, max_tokens))
    with files.atomic_write(output) as file:
        text = StringIO()
        Printer(stream=text).print_op(module)
        file.write(f"{text.getvalue()}\n".encode())


@command
def prove(
    model: Annotated[Path, typer.Argument(help="The artifact (.zkl) that compile wrote.")],
    max_new_tokens: Annotated[int, typer.Option(help="How many tokens to generate.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The proof to write.")],
    prompt: Annotated[str | None, typer.Option(help="The text to continue.")] = None,
    prompt_file: Annotated[
        Path | None,
        typer.Option(
            help="A file that holds the text; - for standard input. Others see arguments."
        ),
    ] = None,
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
    secret: Annotated[
        Path | None,
        typer.Option(
            help="Where to keep what opens a private prompt or output later. [default: beside the "
            "proof, with .secret added]"
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
    """Generate text and prove that the model said it."""
    from ..runtime import files
    from ..runtime.answer import Privacy
    from ..runtime.budget import files_beside
    from ..runtime.keys import load_artifact

    text = _prompt(prompt, prompt_file)
    privacy = Privacy(
        prompt_visibility is Visibility.PRIVATE,
        output_visibility is Visibility.PRIVATE,
        prompt_bound,
    )
    if prompt_bound is not None and not privacy.prompt:
        raise UserError("--prompt-bound is for private prompts: add --prompt-visibility private")
    if secret and not privacy.items:
        raise UserError("--secret is for private prompts or outputs: nothing here is either")
    carried = _hexadecimal(nonce)
    secret = secret or output.with_name(f"{output.name}.secret")
    written = [output, secret] if privacy.items else [output]
    kept = {path.resolve() for path in (model, *files_beside(model))}
    for path in written:
        if path.resolve() in kept:
            raise UserError(f"{path}: the proof can not take the place of the model or its count")
        files.require_writable(path)
    if privacy.items and output.resolve() == secret.resolve():
        raise UserError(f"{output}: the proof and its secret can not be the same file")
    artifact = load_artifact(model)
    artifact.budget.require()

    from ..runtime import answer
    from ..runtime.kernels.memory import keep_freed_memory

    keep_freed_memory()
    # stdout is for the JSON object alone, so the text moves to stderr then.
    text_to = sys.stderr if as_json else sys.stdout

    def stream(text: str) -> None:
        if not (quiet and as_json):
            print(console.printable(text), end="", flush=True, file=text_to)

    if answer.hides(artifact, privacy, hiding) != answer.hides(artifact, privacy):
        console.warn("this proof will show something of what is private: keep it to yourself")
    start = time.perf_counter()
    tokens, generated = answer.generate(artifact, text, max_new_tokens, stream, privacy)
    stream("\n")
    seconds = {"generate": time.perf_counter() - start}
    with console.Bar(["load", "execute", "commit", "lookup", "einsum", "open"], not quiet) as bar:
        found = answer.prove_tokens(artifact, tokens, generated, hiding, bar, privacy, carried)
    data = files.encode_proof(artifact.key.digest, found.proof)
    with files.atomic_write(output) as file:  # Both files or, on a full disk, none.
        file.write(data)
        if privacy.items:
            from ..runtime import disclosure

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
        "committed_cells": found.committed_cells,
        "lookups": found.lookups,
        "security_bits": answer.security_bits(artifact, found.statement),
        "visibility": _visibility(artifact.key.private, found.statement),
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
        return _emit(report)
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


def _prompt(text: str | None, path: Path | None) -> str:
    """The prompt, from an option, a file or standard input. The line end that closes a file is no part of it."""
    if (text is None) == (path is None):
        raise UserError("give the prompt by --prompt or by --prompt-file")
    if path is None:
        assert text is not None
        return text
    try:
        found = sys.stdin.read() if str(path) == "-" else path.read_text("utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{path}: the prompt is not UTF-8 text") from None
    return found.removesuffix("\n")


def _hexadecimal(nonce: str) -> bytes:
    from ..runtime.protocol.statement import MOST_NONCE

    try:
        found = bytes.fromhex(nonce)
    except ValueError:
        raise UserError(f"--nonce {nonce}: not hexadecimal (an even number of 0-9, a-f)") from None
    if len(found) > MOST_NONCE:
        raise UserError(f"--nonce {nonce}: longer than {MOST_NONCE} bytes")
    return found


def _visibility(private: bool, statement: Statement) -> dict[str, str]:
    """What is private and what public, by name."""
    names = {"weights": private, **{w: w in statement.digests for w in ("prompt", "output")}}
    return {name: str(Visibility.PRIVATE if p else Visibility.PUBLIC) for name, p in names.items()}


@command
def reveal(
    secret: Annotated[Path, typer.Argument(help="The file that prove kept beside a proof.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The opening to write.")],
    what: Annotated[
        list[Item] | None, typer.Option(help="What to reveal. [default: all that is private]")
    ] = None,
) -> None:
    """Write what opens a private prompt or output, for `verify --reveal`."""
    from ..runtime import disclosure, files

    if output.resolve() == secret.resolve():
        raise UserError(f"{output}: the opening can not take the place of the secret")
    files.require_writable(output)
    kept = disclosure.decode(files.read(secret), str(secret))
    names = [str(item) for item in what or kept]
    for name in names:
        if name not in kept:
            raise UserError(f"{secret}: it opens no {name}, only {' and '.join(kept)}")
    with files.atomic_write(output) as file:
        file.write(disclosure.encode({name: kept[name] for name in names}))


@command
def rotate(
    model: Annotated[Path, typer.Argument(help="The artifact (.zkl) whose masks run out.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The artifact to write (.zkl).")],
    vk: Annotated[
        Path | None, typer.Option(help="The verifying key to write. [default: beside the artifact]")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Commit the same weights under fresh masks, with a key that is linked to the old one."""
    from ..runtime.budget import files_beside
    from ..runtime.keys import load_artifact

    vk = vk or output.with_suffix(".vk")
    # Older proofs still need the older key.
    _check_outputs(output, vk, model, model.with_suffix(".vk"), *files_beside(model))

    from ..runtime import rotation
    from ..runtime.kernels.memory import keep_freed_memory

    keep_freed_memory()
    start = time.perf_counter()
    old = load_artifact(model)
    with console.Bar(list(rotation.STAGES), not quiet) as bar:
        artifact = rotation.rotate(old, bar)
    sizes = _save(artifact, output, vk)
    report = {
        "name": artifact.key.name,
        "model_id": artifact.key.model_id,
        "rotated_from": old.key.model_id,
        "ancestors": [ancestor.digest.hex() for ancestor in artifact.key.ancestors],
        **sizes,
        "proofs_left": artifact.budget.proofs_left(),
        "seconds": time.perf_counter() - start,
        "peak_rss_bytes": console.peak_rss_bytes(),
    }
    if as_json:
        return _emit(report)
    console.table(
        f"Rotated {report['name']}",
        {
            "model id": report["model_id"],
            "rotated from": report["rotated_from"],
            "proofs left": str(report["proofs_left"]),
            "artifact": f"{output} ({console.size(report['artifact_bytes'])})",
            "verifying key": f"{vk} ({console.size(report['vk_bytes'])})",
            "time": f"{report['seconds']:.1f} s",
        },
    )


@command
def verify(
    key: Annotated[Path, typer.Argument(help="The verifying key (.vk) of the model.")],
    proof: Annotated[Path, typer.Argument(help="The proof.")],
    model_id: Annotated[
        str | None,
        typer.Option(help="The model that the key must be of, or must have been rotated from."),
    ] = None,
    opening: Annotated[
        Path | None, typer.Option("--reveal", help="What opens a private prompt or output.")
    ] = None,
    nonce: Annotated[
        str | None, typer.Option(help="The bytes, in hexadecimal, that the proof has to carry.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a proof: exit status 0 if it is valid, 1 if not."""
    start = time.perf_counter()
    from ..runtime import files
    from ..runtime.keys import load_key
    from ..runtime.progress import Clock, Silent
    from ..runtime.verifier import check_identity
    from ..runtime.verifier import verify as check

    clock = Clock(Silent())
    clock.start("load")
    model, data = load_key(key), files.read(proof)
    _ = model.circuit  # Decoded when it is first asked for.
    opened: dict[str, Any] = {}
    if opening:
        from ..runtime import disclosure

        opened = disclosure.decode(files.read(opening), str(opening))
    wanted = None if nonce is None else _hexadecimal(nonce)
    report: dict[str, Any] = {
        "valid": False,
        "reason": None,
        "model_id": model.model_id,
        "pinned": None if model_id is None else False,
        "rotated_from": None,
        "prompt": None,
        "output": None,
        "tokens": None,
        "visibility": None,
        "hiding": None,
        "security_bits": None,
        "proof_bytes": len(data),
    }
    clock.start("check")
    try:
        if model_id is not None:
            check_identity(model, model_id)
            report["pinned"] = True
            pinned = bytes.fromhex(model_id).hex()
            report["rotated_from"] = pinned if pinned != model.model_id else None
        claimed, content = files.decode_proof(data, str(proof))
        if claimed != model.digest:
            older = any(ancestor.digest == claimed for ancestor in model.ancestors)
            hint = ", but of one that it was rotated from: check it with the older key" * older
            raise InvalidProof(
                f"the proof is one of model {claimed.hex()}, not of this key's{hint}"
            )
        verified = check(model, content)
        statement = verified.statement
        if wanted is not None and statement.nonce != wanted:
            carried = f"the nonce {statement.nonce.hex()}" if statement.nonce else "no nonce"
            raise InvalidProof(f"the proof carries {carried}, not {wanted.hex() or 'none'}")
        shown = {
            what: disclosure.tokens(statement, what, found, model.parameters)
            for what, found in opened.items()
        }
    except InvalidProof as error:
        report["reason"] = console.one_line(str(error))
    else:
        clock.start("text")
        prompt = shown.get("prompt", statement.prompt_tokens)
        output = shown.get("output", statement.output_tokens)
        known = [] if prompt is None else list(prompt)
        report |= {
            "valid": True,
            "prompt": None if prompt is None else model.text(prompt),
            "output": None if output is None else model.continuation(known, output),
            "tokens": statement.prompt + statement.generated,
            "prompt_tokens": statement.prompt,
            "generated": statement.generated,
            "token_ids": None if None in (prompt, output) else [*known, *(output or ())],
            "visibility": _visibility(model.private, statement),
            "digests": {what: digest.hex() for what, digest in statement.digests.items()},
            "revealed": list(shown),
            "nonce": statement.nonce.hex(),
            "hiding": statement.hiding,
            "security_bits": verified.security_bits,
        }
    clock.stop()
    report |= {"stages": clock.seconds, "seconds": time.perf_counter() - start}
    if as_json:
        _emit(report)
    else:
        _print_verdict(model.name, report)
    if not report["valid"]:
        raise typer.Exit(INVALID)


def _print_verdict(name: str, report: dict[str, Any]) -> None:
    if not report["valid"]:
        print(f"INVALID: {report['reason']}")
        return
    print("VALID")
    print(console.statement(name, report))


@command
def inspect(
    path: Annotated[Path, typer.Argument(help="A .zkl, .vk, proof or opening file.")],
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Verify a key's proof that its weights are in range, and its links."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what a file is: digests, sizes, statistics."""
    from .inspection import describe

    report = describe(path, check)
    if as_json:
        return _emit(report)
    title = f"{report.pop('file')}: {report.pop('kind')}"
    console.table(title, {name: console.value(found) for name, found in report.items()})


@command
def security(
    key: Annotated[Path, typer.Argument(help="The verifying key (.vk) of a model.")],
    prompt_tokens: Annotated[int | None, typer.Option(help="Tokens of the prompt.")] = None,
    new_tokens: Annotated[int | None, typer.Option(help="Generated tokens.")] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Of proofs that show neither prompt nor output.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print every soundness term of a key's proofs, their sum, and what hiding rests on."""
    from ..runtime.keys import load_key
    from .security import security

    report = security(load_key(key), prompt_tokens, new_tokens, private)
    if as_json:
        return _emit(report)
    bits = report.pop("terms")
    console.table(
        "Soundness terms, in bits", {name: f"{value:.2f}" for name, value in bits.items()}
    )
    console.table("Altogether", {name: console.value(found) for name, found in report.items()})


@command
def bench(
    model: Annotated[str, typer.Argument(help="gemma3-270m or gemma3-1b.")],
    tokens: Annotated[int, typer.Option(help="Tokens of one proof, prompt and output.")],
    generated: Annotated[int, typer.Option(help="How many of them are generated.")] = 1,
    cache: Annotated[
        Path | None,
        typer.Option(help="Where models are kept. [default: ~/.cache/zklemma]"),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Measure compile, prove and verify on random weights in a real model's shape."""
    from .bench import bench, default_cache, print_breakdown, rows

    report = bench(model, tokens, generated, cache or default_cache(), quiet)
    if as_json:
        return _emit(report)
    host = report["machine"]
    title = f"{model}, {tokens} tokens, {generated} generated, {host['cpu']}, {host['cores']} cores"
    console.table(title, rows(report))
    print_breakdown(report)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> None:
    # Being told to stop must clean up as an interrupt at the keyboard does.
    signal.signal(signal.SIGTERM, _interrupt)
    app()


def zk_opt() -> None:
    """The `zk-opt` command, which a light install has too and can not run."""
    try:
        from .zk_opt import main as run
    except ModuleNotFoundError as error:
        console.fail(f"{error.name} is not installed: pip install 'zklemma[compile]'")
        sys.exit(UNUSABLE)
    run()


if __name__ == "__main__":
    main()
