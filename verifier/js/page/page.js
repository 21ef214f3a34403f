/**
 * The page: it takes files, has them checked in a worker, and says what that found. Whatever comes from files or from
 * the address is set as text, never as markup, in runs of which all can be seen.
 */

import { runs } from "../visible.js";

const STEPS = {
  read: "Reading the files",
  proof: "Checking the key, the ranges of its weights, and the proof",
  text: "Reading the text",
};
const MIB = 1 << 20;
// Longer files are none of ours: the formats have these limits.
const MOST = { key: 128 * MIB, proof: 32 * MIB, opening: 64 * MIB };
const ID = /^[0-9a-f]{64}$/;
// Tokens that are listed; examples of a tensor, and numbers of each.
const MOST_LISTED = 4096;
const MOST_EXAMPLES = 64;
const MOST_NUMBERS = 12;

const $ = (id) => document.getElementById(id);
const chosen = { key: null, proof: null, opening: null };
let worker = null;

/** An element with attributes and children, which are elements or texts of ours. */
function made(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

/** A text from elsewhere in a box of its own. */
function theirs(text, ...classes) {
  const box = made("bdi", { class: ["theirs", ...classes].join(" "), dir: "auto" });
  for (const run of runs(text)) {
    const part = made("span", run.escaped ? { class: "escaped" } : {});
    part.textContent = run.text;
    box.append(part);
    if (run.text === "\\n" && run.escaped) {
      box.append("\n");
    }
  }
  return box;
}

function paragraph(...children) {
  return made("p", {}, ...children);
}

function id(text) {
  const code = made("code", { class: "id" });
  code.textContent = text;
  return code;
}

const tokens = (count) => `${count} token${count === 1 ? "" : "s"}`;

function choose(what, file) {
  chosen[what] = file;
  const name = $(`${what}-name`);
  if (name) {
    name.replaceChildren(file === null ? "none yet" : theirs(file.name, "inline"));
  }
}

/** Of files that were dropped, each is what its first bytes say. */
async function drop(files) {
  const kinds = { ZKLV: "key", ZKLP: "proof", ZKLO: "opening" };
  for (const file of files) {
    const start = new TextDecoder("latin1").decode(await file.slice(0, 4).arrayBuffer());
    if (!(start in kinds)) {
      tell("Refused", [paragraph("This is neither a key, nor a proof, nor an opening: "), theirs(file.name)], "refused");
      return;
    }
    choose(kinds[start], file);
  }
  announce("Files taken. Press Check.");
}

function announce(text) {
  $("status").textContent = text;
}

function tell(heading, parts, kind) {
  working(false);
  $("heading").textContent = heading;
  $("said").replaceChildren(...parts);
  const verdict = $("verdict");
  verdict.className = kind;
  verdict.hidden = false;
  announce(heading);
  verdict.focus();
}

function refuse(reason, usable) {
  const heading = usable === true ? "INVALID" : "Refused";
  const note =
    usable === true
      ? "This proves nothing. The reason:"
      : usable === false
        ? "The files or what was asked for can not be used, so there is no verdict. The reason:"
        : "The check did not come to an end, so there is no verdict. The reason:";
  tell(heading, [paragraph(note), theirs(reason)], "refused");
}

function working(on) {
  $("working").hidden = !on;
  $("check").disabled = on;
  if (on) {
    $("verdict").hidden = true;
  }
}

function step(name) {
  $("step").textContent = STEPS[name];
  $("progress").value = Object.keys(STEPS).indexOf(name) + 1;
  announce(STEPS[name]);
}

async function bytes(what) {
  const file = chosen[what];
  if (file.size > MOST[what]) {
    throw new Error(`a ${what} of more than ${MOST[what] / MIB} MiB`);
  }
  return new Uint8Array(await file.arrayBuffer());
}

function program() {
  const text = atob($("program").textContent.trim());
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}

async function start() {
  const [modelId, nonce] = ["model", "nonce"].map((name) => $(name).value.trim().toLowerCase());
  if (chosen.key === null || chosen.proof === null) {
    refuse("a key and a proof are needed", false);
    return;
  }
  if (modelId && !ID.test(modelId)) {
    refuse("a model id has 64 hexadecimal digits", false);
    return;
  }
  remember(modelId);
  working(true);
  step("read");
  const begun = performance.now();
  const options = { allowNoncanonicalPrompt: $("noncanonical").checked };
  let [key, proof] = [null, null];
  try {
    [key, proof] = [await bytes("key"), await bytes("proof")];
    if (chosen.opening !== null) {
      options.opening = await bytes("opening");
    }
  } catch (error) {
    refuse(error.message, false);
    return;
  }
  if (modelId) {
    options.modelId = modelId;
  }
  if (nonce) {
    options.nonce = nonce;
  }
  const url = URL.createObjectURL(new Blob([$("worker").textContent], { type: "text/javascript" }));
  worker = new Worker(url);
  const end = () => {
    worker?.terminate();
    worker = null;
    URL.revokeObjectURL(url);
  };
  worker.onmessage = ({ data }) => {
    if (data.step) {
      step(data.step);
      return;
    }
    end();
    if (data.refused) {
      refuse(data.refused.reason, data.refused.usable);
    } else {
      say(data.statement, { modelId, nonce, size: proof.length, seconds: (performance.now() - begun) / 1000 });
    }
  };
  worker.onerror = (event) => {
    end();
    refuse(event.message ?? "the worker failed", null);
  };
  worker.postMessage({ program: program(), key, proof, options });
}

/** Say a statement that was proved. */
function say(statement, { modelId, nonce, size, seconds }) {
  const { visibility } = statement;
  const secret = Object.keys(visibility).filter((what) => visibility[what] !== "public");
  const ofTensors = "tensors" in statement;
  const parts = [
    paragraph(`The ${ofTensors ? "function" : "model"} that calls itself`),
    theirs(statement.name),
    paragraph("with the id ", id(statement.model_id), statement.rotated_from ? ", rotated from " : "", statement.rotated_from ? id(statement.rotated_from) : ""),
  ];
  parts.push(
    modelId
      ? paragraph("This is the model that you pinned.")
      : made("p", { class: "warn" }, "No model id was pinned: whoever made the key says that it is this model's. Compare the id with one from somebody you trust."),
  );
  parts.push(...(ofTensors ? inferred(statement) : generated(statement)));
  parts.push(made("h3", {}, "How sure, and what stays private"));
  parts.push(paragraph(`Security: ${statement.security_bits} bits.`));
  parts.push(
    paragraph(
      statement.hiding
        ? `Private: ${secret.join(", ")}. The proof reveals nothing more about them.`
        : "This proof is not hiding: it may reveal something about the weights.",
    ),
  );
  parts.push(
    nonce
      ? paragraph("The proof carries the nonce that you asked for.")
      : paragraph(statement.nonce ? "Nonce: " : "No nonce: the proof may be an old one.", statement.nonce ? id(statement.nonce) : ""),
  );
  parts.push(paragraph("Ranges of the weights: proved by the key, checked now."));
  parts.push(paragraph(`Proof: ${(size / 1024).toFixed(1)} KiB, checked in ${seconds.toFixed(2)} s.`));
  parts.push(made("h3", {}, "What is not claimed"));
  const open = [
    ...(ofTensors
      ? [
          "That the outputs are right about the world: only that this function gives them for these inputs.",
          "What the inputs show, or where they come from; of private ones, that there are some.",
        ]
      : ["That the answer is true, or useful: only that this model gives it."]),
    "Whose weights these are. An id stands for a function and its weights; that the function is a certain architecture is what zklemma audit shows of the key.",
    `That anyone chose the ${ofTensors ? "inputs" : "prompt"} in good faith, or that this is the only answer that was asked for.`,
    ...statement.unchecked.map((what) => `Not checked by this page: ${what}. zklemma verify checks it.`),
  ];
  parts.push(made("ul", {}, ...open.map((text) => made("li", {}, text))));
  tell("VALID", parts, "valid");
}

/** What a language model was given, and answers. */
function generated(statement) {
  const { digests } = statement;
  const parts = [];
  const most = digests.prompt ? "at most " : "";
  parts.push(made("h3", {}, `was given the prompt, ${most}${tokens(statement.prompt_tokens)} long`));
  parts.push(...told(statement, "prompt"));
  if (statement.canonical_prompt === true) {
    parts.push(paragraph("These are the tokens that the tokenizer makes of this text."));
  } else if (statement.canonical_prompt === false) {
    parts.push(made("p", { class: "warn" }, "These are not the tokens that the tokenizer makes of this text: the model was given the tokens."));
  }
  parts.push(made("h3", {}, `and answers greedily, ${tokens(statement.generated)} long`));
  parts.push(...told(statement, "output"));
  if (statement.ended === true) {
    const after = statement.after_end ? `; what follows, ${tokens(statement.after_end)}, is no part of the answer` : "";
    parts.push(paragraph(`The answer is ended by one of the model's tokens for that${after}.`));
  } else if (statement.ended === false) {
    parts.push(paragraph(`The answer is cut by the limit of ${tokens(statement.generated)}.`));
  }
  return parts;
}

/** What a function was given, and gives. */
function inferred(statement) {
  const of = `${statement.examples} example${statement.examples === 1 ? "" : "s"}`;
  const inputs = statement.tensors.filter(({ role }) => role === "input");
  const outputs = statement.tensors.filter(({ role }) => role === "output");
  return [
    made("h3", {}, `was given the input${inputs.length === 1 ? "" : "s"}, of ${of}`),
    ...inputs.flatMap(tensor),
    made("h3", {}, `and gives the output${outputs.length === 1 ? "" : "s"}, of ${of}`),
    ...outputs.flatMap(tensor),
  ];
}

/** A tensor: what each example has of it, and the label of the largest number. */
function tensor({ name, shape, digest, revealed, values, labels, fraction_bits: bits, ids }) {
  const size = shape.slice(1).join(" x ") || "one number";
  const head = made("p", {}, theirs(name, "inline"), ` ${size}`);
  if (values === null) {
    head.append(...(digest === null ? [", private"] : [", private, with the digest ", id(digest)]));
    return [head];
  }
  const each = labels === null ? 0 : labels.length / values.length;
  const rows = values.slice(0, MOST_EXAMPLES).map((example, number) => {
    const flat = [example].flat(Infinity);
    const more = flat.length - MOST_NUMBERS;
    const numbers = made("td", {}, flat.slice(0, MOST_NUMBERS).map(ids === null ? shown : String).join("  "), more > 0 ? ` and ${more} more` : "");
    const own = labels === null ? [] : labels.slice(number * each, (number + 1) * each).slice(0, MOST_NUMBERS);
    const label = made("td", {}, ...own.map((text) => theirs(text, "inline")));
    return made("tr", {}, made("th", { scope: "row" }, String(number + 1)), ...(labels === null ? [] : [label]), numbers);
  });
  const names = ["Example", ...(labels === null ? [] : ["Largest"]), "Numbers"];
  const rest = values.length - rows.length;
  return [
    head,
    ...(revealed ? [paragraph("revealed: it opens the proof's digest ", id(digest))] : []),
    made(
      "table",
      {},
      made("caption", {}, ids === null ? `multiples of 2^${-bits}` : `ids below ${ids}`),
      made("thead", {}, made("tr", {}, ...names.map((text) => made("th", { scope: "col" }, text)))),
      made("tbody", {}, ...rows),
    ),
    ...(rest > 0 ? [paragraph(`and ${rest} more example${rest === 1 ? "" : "s"}`)] : []),
  ];
}

/** A number in few digits. */
function shown(number) {
  return String(Number(number.toPrecision(6)));
}

/** A prompt or an answer, and its tokens. */
function told(statement, what) {
  const digest = statement.digests[what];
  if (statement[`${what}_ids`] === null) {
    return [paragraph("private, with the digest ", id(digest))];
  }
  const pieces = statement.pieces[what];
  const items = pieces.slice(0, MOST_LISTED).map(({ id: number, text, special }) =>
    made("li", {}, id(String(number)), text === null ? "(no token)" : theirs(text, "inline", ...(special ? ["special"] : []))),
  );
  const rest = pieces.length - items.length;
  return [
    theirs(statement[what]),
    ...(statement.revealed.includes(what) ? [paragraph("revealed: it opens the proof's digest ", id(digest))] : []),
    made(
      "details",
      {},
      made("summary", {}, `Its ${tokens(pieces.length)}; those in double frames are no text, but marks of turns and the like`),
      made("ol", { class: "tokens" }, ...items),
      ...(rest > 0 ? [paragraph(`and ${tokens(rest)} more`)] : []),
    ),
  ];
}

/** The pinned id is in the address behind #, which no server sees. */
function remember(modelId) {
  const hash = modelId ? `#model=${modelId}` : " ";
  history.replaceState(null, "", hash === " " ? location.pathname + location.search : hash);
}

function recall() {
  $("model").value = new URLSearchParams(location.hash.slice(1)).get("model") ?? "";
}

/** A file that the address names, of the same host. */
async function fetched(what, name) {
  const url = new URL(name, location.href);
  if (url.origin !== location.origin || location.protocol === "file:") {
    throw new Error(`${what}: only addresses on the page's own host are fetched`);
  }
  const response = await fetch(url);
  if (!response.ok) {
    throw new Error(`${what}: the host answers ${response.status}`);
  }
  choose(what, new File([await response.blob()], url.pathname));
}

async function fromAddress() {
  const asked = new URLSearchParams(location.search);
  const wanted = ["key", "proof", "opening"].filter((what) => asked.has(what));
  try {
    await Promise.all(wanted.map((what) => fetched(what, asked.get(what))));
  } catch (error) {
    refuse(error.message, false);
    return;
  }
  if (chosen.key !== null && chosen.proof !== null) {
    await start();
  }
}

for (const what of ["key", "proof", "opening"]) {
  $(what).addEventListener("change", ({ target }) => choose(what, target.files[0] ?? null));
}
$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  start();
});
$("stop").addEventListener("click", () => {
  worker?.terminate();
  worker = null;
  refuse("stopped", null);
});
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  $("drop").classList.add("over");
});
document.addEventListener("dragleave", () => $("drop").classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  $("drop").classList.remove("over");
  drop([...event.dataTransfer.files]);
});
window.addEventListener("hashchange", recall);
recall();
fromAddress();
