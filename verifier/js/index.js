/** Checks zklemma proofs, in Node and in browsers: the verifier of this package's WebAssembly, and texts of tokens. */

import { check } from "./check.js";

export { Refused } from "./check.js";
export { runs, visible } from "./visible.js";

/** The statement that a proof's bytes prove under a key's; `Refused` if they prove none. See index.d.ts. */
export async function verify(key, proof, options = {}) {
  const { program, onStep, ...asked } = options;
  return check(await (program ?? compiled()), key, proof, asked, onStep);
}

let compiling;

/** The program beside this module, compiled once. */
function compiled() {
  compiling ??= load(new URL("./zklemma-verify.wasm", import.meta.url));
  return compiling;
}

async function load(url) {
  if (url.protocol === "file:") {
    const { readFile } = await import("node:fs/promises");
    return WebAssembly.compile(await readFile(url));
  }
  const response = await fetch(url);
  if (!response.ok) {
    throw new Error(`${url}: ${response.status} ${response.statusText}`);
  }
  return WebAssembly.compile(await response.arrayBuffer());
}
