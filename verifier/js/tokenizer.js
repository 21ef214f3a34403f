/**
 * The text of a statement's tokens, by the tokenizer in the key: decoding as the `tokenizers` library does it, of the
 * parts that keys may have. Texts are encoded by the program, which says whether a prompt's tokens are canonical.
 */

const SECTIONS = { first: 8, entry: 16, alignment: 64, tokenizer: 5 };
const COMPACT = 1;
// Names of the parts of a template.
const ADDED = { first: 0, count: 1 };
const BYTE = /^<0x([0-9A-F]{2})>$/i;

/** A tokenizer: `token(id)`, its text or null; `added`, ids of tokens that no text is cut into; and its parts. */
export function readTokenizer(key) {
  const data = section(key, SECTIONS.tokenizer);
  return data[0] === COMPACT ? compact(data) : whole(JSON.parse(new TextDecoder().decode(data)));
}

/** A section of a container that was found to be in order. */
function section(data, number) {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let end = SECTIONS.first + SECTIONS.entry * view.getUint16(6, true);
  for (let i = 0; ; i += 1) {
    const start = Math.ceil(end / SECTIONS.alignment) * SECTIONS.alignment;
    end = start + Number(view.getBigUint64(SECTIONS.first + SECTIONS.entry * i + 8, true));
    if (i === number) {
      return data.subarray(start, end);
    }
  }
}

function compact(data) {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const [size, count] = [view.getUint32(1, true), view.getUint32(5, true)];
  const start = 9 + size;
  const parts = JSON.parse(new TextDecoder().decode(data.subarray(9, start)));
  const lengths = data.subarray(start, start + count);
  const merges = data.subarray(start + count, start + 2 * count);
  const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
  const starts = new Uint32Array(count + 1);
  starts[0] = start + 2 * count + sum(merges);
  lengths.forEach((length, i) => {
    starts[i + 1] = starts[i] + length;
  });
  const others = new Map();
  const added = new Set();
  for (const run of parts.added_tokens) {
    if (typeof run[ADDED.count] === "string") {
      others.set(run[ADDED.first], run[ADDED.count]);
      added.add(run[ADDED.first]);
    } else {
      for (let i = 0; i < run[ADDED.count]; i += 1) {
        added.add(run[ADDED.first] + i);
      }
    }
  }
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const token = (id) =>
    id < count ? decoder.decode(data.subarray(starts[id], starts[id + 1])) : (others.get(id) ?? null);
  return { token, added, decoder: parts.decoder, postProcessor: parts.post_processor };
}

function whole(parts) {
  const names = new Map();
  for (const [text, id] of Object.entries(parts.model.vocab)) {
    names.set(id, text);
  }
  const added = new Set();
  for (const { id, content } of parts.added_tokens) {
    names.set(id, content);
    added.add(id);
  }
  const token = (id) => names.get(id) ?? null;
  return { token, added, decoder: parts.decoder, postProcessor: parts.post_processor };
}

/** What a statement's tokens say: texts and tokens, null for what is private, and how the answer ends. */
export function describe(tokenizer, { prompt_ids: prompt, output_ids: output, ends }) {
  const found = { prompt: null, output: null, ended: null, after_end: null, pieces: {} };
  const pieces = (ids) => ids.map((id) => piece(tokenizer, id));
  if (prompt !== null) {
    found.prompt = decode(tokenizer, inner(tokenizer, prompt));
    found.pieces.prompt = pieces(prompt);
  }
  if (output !== null) {
    const end = output.findIndex((id) => ends.includes(id));
    const length = end < 0 ? output.length : end;
    found.output = continuation(tokenizer, prompt ?? [], output.slice(0, length));
    found.pieces.output = pieces(output);
    found.ended = end >= 0;
    found.after_end = Math.max(0, output.length - length - 1);
  }
  return found;
}

function piece(tokenizer, id) {
  const text = tokenizer.token(id) === null ? null : decode(tokenizer, [id]);
  return { id, text, special: tokenizer.added.has(id) };
}

/** The tokens without what the tokenizer puts around every text. */
function inner(tokenizer, ids) {
  const [start, end] = frame(tokenizer.postProcessor);
  const rest = ids.slice(start.length, ids.length - end.length);
  const framed = [...start, ...rest, ...end];
  return framed.length === ids.length && framed.every((id, i) => id === ids[i]) ? rest : ids;
}

function frame(processor) {
  if (processor?.type === "Sequence") {
    return processor.processors.map(frame).reduce(([a, b], [start, end]) => [[...start, ...a], [...b, ...end]], [[], []]);
  }
  if (processor?.type !== "TemplateProcessing") {
    return [[], []];
  }
  const at = processor.single.findIndex((part) => "Sequence" in part);
  const ids = (parts) =>
    parts.flatMap((part) => processor.special_tokens[part.SpecialToken.id].ids);
  return at < 0 ? [[], []] : [ids(processor.single.slice(0, at)), ids(processor.single.slice(at + 1))];
}

/** The text that an output adds to that of a prompt. */
function continuation(tokenizer, prompt, output) {
  const [both, start] = [decode(tokenizer, [...prompt, ...output]), decode(tokenizer, prompt)];
  // An unfinished character at the prompt's end may be completed by the output.
  return prompt.length && both.startsWith(start) ? both.slice(start.length) : decode(tokenizer, output);
}

function decode(tokenizer, ids) {
  const tokens = ids.map((id) => tokenizer.token(id)).filter((text) => text !== null);
  if (!tokenizer.decoder) {
    return tokens.join(" ");
  }
  return steps(tokenizer.decoder)
    .reduce((texts, step) => DECODERS.get(step.type)(texts, step), tokens)
    .join("");
}

function steps(decoder) {
  return decoder.type === "Sequence" ? decoder.decoders.flatMap(steps) : [decoder];
}

const DECODERS = new Map(Object.entries({
  Replace: (texts, { pattern, content }) => texts.map((text) => text.replaceAll(pattern.String, () => content)),
  Fuse: (texts) => [texts.join("")],
  Strip: (texts, { content, start, stop }) => texts.map((text) => strip([...text], content, start, stop).join("")),
  Metaspace: (texts, { replacement, prepend_scheme: scheme }) =>
    texts.map((text, i) => text.replaceAll(replacement, i === 0 && scheme !== "never" ? "" : " ")),
  ByteFallback: (texts) => {
    const found = [];
    let bytes = [];
    const flush = () => {
      if (bytes.length) {
        found.push(...strictly(bytes));
        bytes = [];
      }
    };
    for (const text of texts) {
      const byte = BYTE.exec(text);
      if (byte) {
        bytes.push(Number.parseInt(byte[1], 16));
      } else {
        flush();
        found.push(text);
      }
    }
    flush();
    return found;
  },
  ByteLevel: (texts) => {
    const bytes = texts.flatMap((text) => {
      const own = [...text].map((c) => BYTE_OF.get(c));
      return own.includes(undefined) ? [...new TextEncoder().encode(text)] : own;
    });
    return [new TextDecoder("utf-8", { ignoreBOM: true }).decode(new Uint8Array(bytes))];
  },
}));

function strip(characters, content, start, stop) {
  let from = 0;
  while (from < start && characters[from] === content) {
    from += 1;
  }
  let to = characters.length;
  while (characters.length - to < stop && to > from && characters[to - 1] === content) {
    to -= 1;
  }
  return characters.slice(from, to);
}

/** Bytes as a text, or if they are none each as the sign for that. */
function strictly(bytes) {
  try {
    return [new TextDecoder("utf-8", { ignoreBOM: true, fatal: true }).decode(new Uint8Array(bytes))];
  } catch {
    return bytes.map(() => "\ufffd");
  }
}

/** Bytes by the characters that GPT-2's tokenizer writes them as: themselves where these can be seen. */
const BYTE_OF = (() => {
  const seen = (byte) => (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
  const found = new Map();
  let next = 0x100;
  for (let byte = 0; byte < 0x100; byte += 1) {
    found.set(String.fromCharCode(seen(byte) ? byte : next), byte);
    next += seen(byte) ? 0 : 1;
  }
  return found;
})();
