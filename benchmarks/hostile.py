"""What keys and proofs cost that are made to cost much: seconds of the processor, and memory.

    python benchmarks/hostile.py [--only NAME ...] [--within] [--proved]

Each has a process of its own: for inspecting the key, its range proof, its links to older ones, a proof under it,
what that says, and texts with its tokenizer. The exit status is the number of those that take more than promised:
five seconds for all that `zklemma verify` does, and 1 GiB.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "hostile"))

cases: Any = import_module("cases")

STEPS = ("inspect", "ranges", "links", "verify", "report", "text")
# What `zklemma verify` does of these, and what it may take: seconds, bytes.
VERIFY = ("ranges", "links", "verify", "report")
SECONDS, MEMORY = 5.0, 1 << 30
WORKER = """
import json, sys, time
from pathlib import Path
from zklemma.errors import ZklemmaError
from zklemma.runtime.model.keys import load_key
from zklemma.runtime.verifying import reading
from zklemma.runtime.verifying.verifier import check_links, verify
from zklemma.tools.console import peak_rss_bytes
from zklemma.tools.inspection import describe

key, proof = map(Path, sys.argv[1:])
verified = []

def report():
    for found in verified:
        said = found.statement
        known = said.prompt_tokens, said.output_tokens
        reading.describe(load_key(key), *known, bool(found.canonical_prompt))

steps = {
    "inspect": lambda: describe(key, False),
    "ranges": lambda: load_key(key).check_ranges(),
    "links": lambda: check_links(load_key(key)),
    "verify": lambda: verified.append(verify(load_key(key), proof, None, True, check_ranges=False)),
    "report": report,
    "text": lambda: (lambda k: (k.text([0, 1, 2]), k.tokenize("w1 " * 1000)))(load_key(key)),
}
found = {}
for name, step in steps.items():
    start = time.process_time()
    try:
        step()
        said = "done"
    except ZklemmaError as error:
        said = f"{type(error).__name__}: {error}"
    found[name] = [time.process_time() - start, said[:200]]
print(json.dumps([found, peak_rss_bytes()]))
"""


def measure(key: Path, proof: Path) -> tuple[dict[str, Any], int]:
    done = subprocess.run(
        [sys.executable, "-c", WORKER, key, proof], capture_output=True, text=True, timeout=600
    )
    if done.returncode:
        return {"ended": [0.0, (done.stderr or str(done.returncode))[-200:]]}, 0
    found, peak = json.loads(done.stdout)
    return found, peak


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", action="append", help="a case's name; may be repeated")
    parser.add_argument("--within", action="store_true", help="only what is within the limits")
    parser.add_argument("--proved", action="store_true", help="only what has a valid proof")
    arguments = parser.parse_args()
    groups = {
        "within": cases.within,
        "proved": {name: make for name, (make, _) in cases.proved.items()},
    }
    wanted = [group for name, group in groups.items() if getattr(arguments, name)]
    known = {}
    for group in wanted or [cases.over, *groups.values()]:
        known |= group
    exceeded = 0
    table = Table(title="processor seconds, and MiB of the process", title_justify="left")
    for column in ("case", "key KiB", *STEPS, "MiB", "said"):
        table.add_column(column, justify="left" if column in ("case", "said") else "right")
    with tempfile.TemporaryDirectory() as folder:
        key, proof = Path(folder, "a.vk"), Path(folder, "a.proof")
        for name in arguments.only or known:
            for path, contents in zip((key, proof), known[name](), strict=True):
                path.write_bytes(contents)
            found, peak = measure(key, proof)
            times = [f"{found[step][0]:.2f}" if step in found else "" for step in STEPS]
            said = found.get("ended") or found["verify"]
            if said[1] == "done":
                said = found["report"]
            size = f"{key.stat().st_size / 1024:,.0f}"
            taken = sum(found[step][0] for step in VERIFY if step in found)
            wrong = "ended" in found or taken > SECONDS or peak > MEMORY
            exceeded += wrong
            style = "bold red" if wrong else ""
            table.add_row(name, size, *times, f"{peak >> 20:,}", said[1][:60], style=style)
    Console(width=160).print(table)
    return exceeded


if __name__ == "__main__":
    sys.exit(min(main(), 100))
