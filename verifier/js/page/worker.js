/** Checks in the background, so that the page goes on; it is told of steps, and of a statement or a refusal. */

import { check } from "../check.js";

self.onmessage = async ({ data: { program, key, proof, options } }) => {
  const step = (name) => self.postMessage({ step: name });
  try {
    const compiled = await WebAssembly.compile(program);
    self.postMessage({ statement: await check(compiled, key, proof, options, step) });
  } catch (error) {
    self.postMessage({ refused: { reason: error.message, usable: error.usable ?? null } });
  }
};
