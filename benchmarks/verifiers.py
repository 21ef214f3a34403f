"""How long each verifier takes for a key and a proof, ranges of the weights included, and the bytes of WebAssembly.

Usage: python benchmarks/verifiers.py model.vk answer.proof [--runs 5]

After `make verifier`. Times are medians in seconds: of Python's verifier and of wasmtime in this process; of the
native program, with starting it; and of Node by the npm package, without starting Node. Compiling for
wasmtime, which each process does once, is a line of its own.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from zklemma.errors import UserError
from zklemma.runtime.model.keys import VerifyingKey
from zklemma.runtime.verifying import native, wasm
from zklemma.runtime.verifying.verify import verify

NODE = """
import { readFileSync } from "node:fs";
const [module, key, proof, runs] = process.argv.slice(1);
const { verify } = await import(module);
const program = await WebAssembly.compile(readFileSync(new URL("./zklemma-verify.wasm", module)));
const files = [key, proof].map((name) => readFileSync(name));
const found = [];
for (let run = 0; run < runs; run += 1) {
  const start = performance.now();
  await verify(...files, { program });
  found.push((performance.now() - start) / 1000);
}
console.log(JSON.stringify(found));
"""


def timed(check: Callable[[], object], runs: int) -> list[float]:
    found = []
    for _ in range(runs):
        start = time.perf_counter()
        check()
        found.append(time.perf_counter() - start)
    return found


def of_python(key: bytes, proof: bytes) -> None:
    verify(VerifyingKey.decode(key), proof, allow_noncanonical_prompt=True)


def valid(verdicts: list[dict[str, object]]) -> None:
    if not all(found["valid"] for found in verdicts):
        sys.exit(f"the proof is not valid: {verdicts[0]['reason']}")


def of_node(key: Path, proof: Path, runs: int) -> list[float]:
    module = (wasm.BUILT.parent / "index.js").resolve().as_uri()
    arguments = [module, str(key), str(proof), str(runs)]
    command = ["node", "--input-type=module", "--eval", NODE, "--", *arguments]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("key", type=Path)
    parser.add_argument("proof", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    key, proof, runs = given.key.read_bytes(), given.proof.read_bytes(), given.runs
    try:
        print(f"{wasm.BUILT.name}: {len(wasm.contents())} bytes")
        (first,) = timed(lambda: valid(wasm.verdicts(key, [proof])), 1)
        times = {
            "python": timed(lambda: of_python(key, proof), runs),
            "native": timed(lambda: valid(native.verdicts(key, [proof])), runs),
            "wasmtime": timed(lambda: valid(wasm.verdicts(key, [proof])), runs),
        }
    except UserError as error:
        sys.exit(f"error: {error}")
    if shutil.which("node"):
        times["node"] = of_node(given.key, given.proof, runs)
    medians = {name: statistics.median(found) for name, found in times.items()}
    print(f"compiling for wasmtime: {max(0.0, first - medians['wasmtime']):.2f} s")
    for name, median in medians.items():
        print(f"{name:<10} {median:.2f} s")


if __name__ == "__main__":
    main()
