"""``zklemma prove`` of a function: its outputs for a batch of inputs, and a proof of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...errors import UserError
from .. import console
from .options import emit
from .outputs import check_outputs
from .warm import ready


def prove_function(
    model: Path,
    output: Path,
    inputs: Sequence[str],
    private: Sequence[str],
    digest: Sequence[str],
    secret: Path | None,
    nonce: bytes,
    hiding: bool | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Prove what a function gives for the inputs in files. See `prove` for the options."""
    from ...runtime.model import files
    from ...runtime.model.budget import files_beside
    from ...runtime.model.keys import load_artifact
    from ...runtime.verifying import disclosure
    from .. import tensors

    if secret and not digest:
        raise UserError("--secret is for what is behind digests: add --digest")
    secret = secret or output.with_name(f"{output.name}.secret")
    if digest and output == secret:
        raise UserError(f"{output}: two outputs can not be the same file")
    given, read = tensors.load(inputs)
    written = {output: files.PROOF} | ({secret: files.OPENING} if digest else {})
    check_outputs(written, [model, *files_beside(model), *read])
    artifact = load_artifact(model)
    artifact.key.require("function")
    artifact.budget.require()

    from ...runtime.kernels.memory import keep_freed_memory
    from ...runtime.model.subjects import subject_of
    from ...runtime.protocol.soundness import security_bits
    from ...runtime.proving import inference

    keep_freed_memory()
    ready(quiet)
    visibility = inference.Visibility(private, digest)
    if inference.hides(artifact, visibility, hiding) != inference.hides(artifact, visibility):
        console.warn("this proof will show something of what is private: keep it to yourself")
    with console.Bar(["execute", "load", "commit", "lookup", "einsum", "open"], not quiet) as bar:
        made = inference.prove(artifact, given, visibility, hiding, bar, nonce)
    found = made.result
    with files.atomic_write(output) as file:  # Both files or, on a full disk, none.
        file.write(made.proof)
        if digest:
            file.flush()
            opened = {w: disclosure.Opened(s.rows, s.salts) for w, s in found.sealed.items()}
            with files.atomic_write(secret, secret=True) as kept:
                kept.write(disclosure.encode(opened))
    report = {
        "model_id": artifact.key.model_id,
        "seconds": found.seconds,
        "proof_bytes": len(made.proof),
        "peak_rss_bytes": console.peak_rss_bytes(),
        "predicted_bytes": found.predicted_bytes,
        "examples": found.statement.batch,
        "outputs": {name: array.tolist() for name, array in made.outputs.items()},
        "committed_cells": found.committed_cells,
        "lookups": found.lookups,
        "security_bits": security_bits(subject_of(artifact.key, found.statement).plan),
        "visibility": tensors.visibilities(artifact.key, found.statement),
        "secret": str(secret) if digest else None,
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
    secrets = {"secret": f"{secret} (opens what is behind digests: keep it)"} if digest else {}
    console.table(
        "Proved",
        {
            "proof": f"{output} ({console.size(report['proof_bytes'])})",
            **secrets,
            "examples": str(report["examples"]),
            "time": f"{total[1]:.2f} s to prove ({parts})",
            "memory": console.size(report["peak_rss_bytes"]),
            "committed": f"{found.committed_cells:,} cells, {found.lookups:,} lookups",
        },
    )
