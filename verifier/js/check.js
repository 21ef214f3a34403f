/** Asking the program about a key and a proof, and reading what it says. */

import { describe, readTokenizer } from "./tokenizer.js";
import { run } from "./wasi.js";

/** A proof or key that was refused: `usable` is false where it could not even be looked at. */
export class Refused extends Error {
  constructor(reason, usable) {
    super(reason);
    this.name = "Refused";
    this.usable = usable;
  }
}

const HEXADECIMAL = /^(?:[0-9a-f]{2})*$/i;

/**
 * The statement that a proof file's bytes prove under a key file's, as index.d.ts describes it, by a compiled program;
 * `Refused` if they prove none. `step` is told of what begins.
 */
export async function check(program, key, proof, options = {}, step = () => {}) {
  const { modelId, nonce, opening } = options;
  const files = new Map([
    ["key", key],
    ["proof", proof],
  ]);
  const asked = [];
  for (const [name, value] of [["--model-id", modelId], ["--nonce", nonce]]) {
    if (value !== undefined) {
      if (typeof value !== "string" || !HEXADECIMAL.test(value)) {
        throw new Refused(`${name.slice(2)}: not hexadecimal (an even number of 0-9, a-f)`, false);
      }
      asked.push(name, value);
    }
  }
  if (options.skipRanges) {
    asked.push("--skip-ranges");
  }
  if (opening !== undefined) {
    files.set("opening", opening);
    asked.push("--reveal", "opening");
  }
  if (options.allowNoncanonicalPrompt) {
    asked.push("--allow-noncanonical-prompt");
  }
  step("proof");
  const { output } = await run(program, ["zklemma-verify", ...asked, "key", "proof"], files);
  const [line] = output.split("\n");
  const statement = JSON.parse(line);
  if (statement.valid !== true) {
    throw new Refused(String(statement.reason), statement.usable === true);
  }
  step("text");
  // What a function gives is numbers, which need no tokenizer.
  return "tensors" in statement ? statement : { ...statement, ...texts(key, statement) };
}

function texts(key, statement) {
  try {
    return describe(readTokenizer(key), statement);
  } catch {
    throw new Refused("the key's tokenizer is malformed, or of a kind that is not known", false);
  }
}
