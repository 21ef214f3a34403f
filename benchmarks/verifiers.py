"""How long each verifier takes for a key and a proof, and for the key alone, and the bytes of WebAssembly.

Usage: python benchmarks/verifiers.py model.vk answer.proof [--runs 5]

After `make verifier`. Times are medians, in seconds of processors, which what else runs here changes little: of
Python's verifier and of wasmtime in this process; of the native program, with starting it; and of Node by the npm
package, without starting Node. The key is read, hashed and decoded; the rest is the proof, the ranges of the
weights, and whether the prompt is canonical. Compiling for wasmtime, which each process does once, is a line of its
own.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
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
const { run } = await import(new URL("./wasi.js", module));
const program = await WebAssembly.compile(readFileSync(new URL("./zklemma-verify.wasm", module)));
const files = [key, proof].map((name) => readFileSync(name));
const command = ["zklemma-verify", "--skip-ranges", "key"];
const found = [[], []];
for (let number = 0; number < runs; number += 1) {
  for (const [i, check] of [
    () => run(program, command, new Map([["key", files[0]]])),
    () => verify(...files, { program, allowNoncanonicalPrompt: true }),
  ].entries()) {
    const start = process.cpuUsage();
    await check();
    const { user, system } = process.cpuUsage(start);
    found[i].push((user + system) / 1e6);
  }
}
console.log(JSON.stringify(found));
"""
ONLY, ALLOW = "--skip-ranges", "--allow-noncanonical-prompt"
# Of the key alone, and of all.
Times = tuple[list[float], list[float]]


def processors() -> float:
    """Seconds of this process and of those that it waited for."""
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(times.ru_utime + times.ru_stime for times in used)


def timed(check: Callable[[], object], runs: int) -> list[float]:
    found = []
    for _ in range(runs):
        start = processors()
        check()
        found.append(processors() - start)
    return found


def of_key(key: bytes) -> None:
    found = VerifyingKey.decode(key)
    _ = found.circuit, found.digest


def of_python(key: bytes, proof: bytes) -> None:
    verify(VerifyingKey.decode(key), proof, allow_noncanonical_prompt=True)


def valid(verdicts: list[dict[str, object]]) -> None:
    if not all(found["valid"] for found in verdicts):
        sys.exit(f"the proof is not valid: {verdicts[0]['reason']}")


def of_node(key: Path, proof: Path, runs: int) -> Times:
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
        (first,) = timed(lambda: valid(wasm.verdicts(key, [], ONLY)), 1)
        times: dict[str, Times] = {
            "python": (timed(lambda: of_key(key), runs), timed(lambda: of_python(key, proof), runs))
        }
        for name, verdicts in (("native", native.verdicts), ("wasmtime", wasm.verdicts)):
            alone = timed(lambda run=verdicts: valid(run(key, [], ONLY)), runs)
            times[name] = alone, timed(lambda run=verdicts: valid(run(key, [proof], ALLOW)), runs)
    except UserError as error:
        sys.exit(f"error: {error}")
    if shutil.which("node"):
        times["node"] = of_node(given.key, given.proof, runs)
    medians = {name: [statistics.median(x) for x in found] for name, found in times.items()}
    print(f"compiling for wasmtime: {max(0.0, first - medians['wasmtime'][0]):.2f} s")
    print(f"{'':<10} {'key':>7} {'rest':>7}")
    for name, (alone, whole) in medians.items():
        print(f"{name:<10} {alone:5.3f} s {whole - alone:5.3f} s")


if __name__ == "__main__":
    main()
