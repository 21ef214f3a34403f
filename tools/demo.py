"""The whole path once: compile, audit, prove, verify in another process, and a forgery that is rejected.

``python -m zklemma.tools.demo CHECKPOINT FOLDER [PROMPT NEW_TOKENS [--chat]]`` runs the same commands that a
user would, each in its own process, and leaves model.zkl, model.vk and answer.proof in the folder.
"""

from __future__ import annotations

import json
import shlex
import struct
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ..runtime.model import files
from ..runtime.model.keys import load_key
from ..runtime.protocol.channel import Reader
from ..runtime.protocol.statement import read_statement
from . import console

PROMPT = "Once upon a time, there was a little fox who lived near the river."
NEW_TOKENS = 40


def run(*arguments: str, expected: int = 0) -> dict[str, Any]:
    """Run one command of ``zklemma``; its report, with the time of the whole process."""
    print(console.printable("$ " + shlex.join(["zklemma", *arguments])), flush=True)
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "zklemma.tools.cli", *arguments, "--json"], stdout=subprocess.PIPE
    )
    if done.returncode != expected:
        sys.exit(f"demo: the command ended with status {done.returncode}, not {expected}")
    return json.loads(done.stdout) | {"process": time.perf_counter() - start}


def forge(proof: Path, forged: Path) -> tuple[int, int]:
    """Copy a proof, saying another last token; the token before and after."""
    model_id, data = files.decode_proof(files.read(proof), str(proof))
    reader = Reader(data)
    statement = read_statement(reader)
    *others, last = statement.tokens
    other = last - 1 if last else 1
    said = replace(statement, tokens=(*others, other)).encode()
    content = struct.pack("<I", len(said)) + said + data[reader.position :]
    with files.atomic_write(forged) as file:
        file.write(files.encode_proof(model_id, content))
    return last, other


def main() -> None:
    checkpoint, folder = sys.argv[1], Path(sys.argv[2])
    prompt, new_tokens = sys.argv[3:5] or (PROMPT, str(NEW_TOKENS))
    folder.mkdir(parents=True, exist_ok=True)
    model, key = str(folder / "model.zkl"), str(folder / "model.vk")
    proof, forged = folder / "answer.proof", folder / "forged.proof"
    start = time.perf_counter()
    compiled = run("compile", checkpoint, "-o", model)
    audited = run("audit", key)
    proved = run(
        *("prove", model, "--prompt", prompt, "--max-new-tokens", new_tokens),
        *("-o", str(proof), *sys.argv[5:]),
    )
    verified = run("verify", key, str(proof))
    last, other = forge(proof, forged)
    refused = run("verify", key, str(forged), expected=1)
    forged.unlink()

    table = Table(title="What took how long", title_justify="left")
    for heading in ("stage", "seconds", "result"):
        table.add_column(heading, justify="right" if heading == "seconds" else "left")
    fidelity = compiled["fidelity"]
    table.add_row(
        "compile",
        f"{compiled['process']:.2f}",
        f"{compiled['parameters']:,} parameters, {fidelity['greedy_agreement']:.1%} of next tokens "
        f"as in PyTorch, peak memory {console.size(compiled['peak_rss_bytes'])}",
    )
    layers = audited["configuration"]["num_hidden_layers"]
    table.add_row(
        "audit",
        f"{audited['process']:.2f}",
        f"the key's circuits are those of a {audited['family']} model of {layers} layers",
    )
    results = {
        "commit": f"{proved['committed_cells']:,} cells",
        "lookup": f"{proved['lookups']:,} lookups",
        "total": f"{proved['tokens']} tokens, {proved['generated']} of them generated; proof "
        f"{console.size(proved['proof_bytes'])}, peak memory "
        f"{console.size(proved['peak_rss_bytes'])}",
    }
    for stage, taken in proved["seconds"].items():
        name = "generate" if stage == "generate" else f"prove: {stage}"
        table.add_row(name, f"{taken:.2f}", results.get(stage, ""))
    table.add_row(
        "verify", f"{verified['process']:.2f}", "VALID, in a process of its own, start included"
    )
    words = load_key(key)
    table.add_row(
        "verify a forgery",
        f"{refused['process']:.2f}",
        f"last token {console.quote(words.text([other]))} instead of "
        f"{console.quote(words.text([last]))}: INVALID, {console.printable(refused['reason'])}",
    )
    table.add_row(
        "all", f"{time.perf_counter() - start:.2f}", f"files in {console.printable(str(folder))}"
    )
    Console(markup=False).print(table)
    print(console.statement(compiled["name"], verified))


if __name__ == "__main__":
    main()
