/**
 * A host of a WASI program that reads files, prints and ends: what `zklemma-verify` asks for, and nothing else. There
 * is one folder, which holds the files given; whatever else a program asks for fails.
 */

const BAD_DESCRIPTOR = 8;
const NO_ENTRY = 44;
const NOT_SUPPORTED = 52;
const FOLDER = 3;

class Exit extends Error {
  constructor(status) {
    super(`exit status ${status}`);
    this.status = status;
  }
}

/**
 * Run a compiled program with arguments, its name first, and a Map of files: its exit status and what it printed.
 * An Error if it stops in another way than by ending.
 */
export async function run(program, args, files) {
  const printed = ["", "", ""];
  const decoders = printed.map(() => new TextDecoder());
  const texts = args.map((text) => new TextEncoder().encode(`${text}\0`));
  const open = new Map();
  let memory;
  const view = () => new DataView(memory.buffer);
  const bytes = (at, size) => new Uint8Array(memory.buffer, at, size);
  const put = (at, ...numbers) => {
    numbers.forEach((number, i) => view().setUint32(at + 4 * i, number, true));
    return 0;
  };
  const buffers = (at, count) =>
    Array.from({ length: count }, (_, i) =>
      bytes(view().getUint32(at + 8 * i, true), view().getUint32(at + 8 * i + 4, true)),
    );
  const known = {
    args_sizes_get: (count, size) => {
      put(count, texts.length);
      return put(size, texts.reduce((sum, text) => sum + text.length, 0));
    },
    args_get: (pointers, at) => {
      for (const [i, text] of texts.entries()) {
        put(pointers + 4 * i, at);
        bytes(at, text.length).set(text);
        at += text.length;
      }
      return 0;
    },
    environ_sizes_get: (count, size) => put(count, 0) || put(size, 0),
    environ_get: () => 0,
    // The folder is called ".".
    fd_prestat_get: (descriptor, at) => (descriptor === FOLDER ? put(at, 0, 1) : BAD_DESCRIPTOR),
    fd_prestat_dir_name: (_, at) => {
      bytes(at, 1).set([0x2e]);
      return 0;
    },
    path_open: (_folder, _follow, at, size, _flags, _rights, _inherited, _modes, found) => {
      const name = new TextDecoder().decode(bytes(at, size));
      if (!files.has(name)) {
        return NO_ENTRY;
      }
      const descriptor = FOLDER + 1 + open.size;
      open.set(descriptor, { data: files.get(name), at: 0 });
      return put(found, descriptor);
    },
    fd_read: (descriptor, at, count, found) => {
      const file = open.get(descriptor);
      if (!file) {
        return BAD_DESCRIPTOR;
      }
      const start = file.at;
      for (const buffer of buffers(at, count)) {
        const part = file.data.subarray(file.at, file.at + buffer.length);
        buffer.set(part);
        file.at += part.length;
      }
      return put(found, file.at - start);
    },
    fd_write: (descriptor, at, count, found) => {
      if (descriptor !== 1 && descriptor !== 2) {
        return BAD_DESCRIPTOR;
      }
      let size = 0;
      for (const buffer of buffers(at, count)) {
        // A copy: decoders take no memory that may be shared or grow.
        printed[descriptor] += decoders[descriptor].decode(buffer.slice(), { stream: true });
        size += buffer.length;
      }
      return put(found, size);
    },
    fd_close: () => 0,
    proc_exit: (status) => {
      throw new Exit(status);
    },
  };
  const imports = {};
  for (const { module, name } of WebAssembly.Module.imports(program)) {
    imports[module] ??= {};
    imports[module][name] = known[name] ?? (() => NOT_SUPPORTED);
  }
  const { exports } = await WebAssembly.instantiate(program, imports);
  memory = exports.memory;
  let status = 0;
  try {
    exports._start();
  } catch (error) {
    if (!(error instanceof Exit)) {
      throw new Error(`the verifier stopped: ${printed[2].trim() || error.message}`);
    }
    status = error.status;
  }
  return { status, output: printed[1] };
}
