/** What a proof proves, under the names that `zklemma verify --json` has: of a language model or of a function. */
export type Statement = Generation | Inference;

/** What a proof of either kind says. */
export interface Proved {
  valid: true;
  usable: true;
  reason: null;
  /** What whoever made the key calls the model; anyone can make a key with any name. */
  name: string;
  /** 64 hexadecimal digits: what identifies the model. */
  model_id: string;
  /** The id that was asked for, if the key is of a model that was rotated from that one. */
  rotated_from: string | null;
  /** Whether the ranges of the weights were checked. */
  ranges: "checked" | null;
  nonce: string;
  hiding: boolean;
  security_bits: number;
  /** What the verdict leaves open, in words. */
  unchecked: string[];
}

/** What a language model says. */
export interface Generation extends Proved {
  /** Tokens of prompt and answer; of a private prompt a bound. */
  tokens: number;
  prompt_tokens: number;
  generated: number;
  /** Null for what is private and was not opened. */
  prompt_ids: number[] | null;
  output_ids: number[] | null;
  prompt: string | null;
  output: string | null;
  /** Every token of what is known, with the text that it has by itself, null if no token has the id. */
  pieces: { prompt?: Piece[]; output?: Piece[] };
  /** Ids that end an answer; whether one did, and how many tokens follow it, which are no part of the answer. */
  ends: number[];
  ended: boolean | null;
  after_end: number | null;
  visibility: Record<"weights" | "prompt" | "output", "private" | "public">;
  digests: { prompt?: string; output?: string };
  revealed: ("prompt" | "output")[];
  /** Whether the prompt's tokens are those that the tokenizer makes of its text; null if that is not known: the prompt
   * is private, or `unchecked` says why. */
  canonical_prompt: boolean | null;
}

/** What a function of tensors gives. */
export interface Inference extends Proved {
  /** How many examples the tensors are of. */
  examples: number;
  /** Inputs and outputs, in the order of the key. */
  tensors: Tensor[];
  /** Of the weights, and of each tensor by its name. */
  visibility: Record<string, "private" | "digest" | "public">;
  /** By "input NAME" and "output NAME", as is what was revealed. */
  digests: Record<string, string>;
  revealed: string[];
}

/** Real numbers in lists, as deep as a tensor has axes, examples first. */
export type Numbers = number | Numbers[];

export interface Tensor {
  name: string;
  role: "input" | "output";
  /** Examples, and then the axes of one. */
  shape: number[];
  /** Of the integers that stand for integer / 2^fraction_bits. */
  bits: number;
  fraction_bits: number;
  /** How many ids there are, where the tensor is of ids; null for real numbers. */
  ids: number | null;
  visibility: "private" | "digest" | "public";
  digest: string | null;
  /** Whether what was given opens the digest. */
  revealed: boolean;
  /** Null for what is not shown and was not opened. */
  values: Numbers | null;
  /** Of outputs that have labels, the one of the largest number, at each place along the axes before the last. */
  labels: string[] | null;
}

export interface Piece {
  id: number;
  text: string | null;
  /** Whether the tokenizer makes it of no ordinary text: marks of turns, the start of a text and the like. */
  special: boolean;
}

export interface Options {
  /** The model that the key must be of, or must have been rotated from, in hexadecimal. */
  modelId?: string;
  /** The bytes that the statement must carry, in hexadecimal. */
  nonce?: string;
  /** The contents of a file that opens a private prompt or output. */
  opening?: Uint8Array;
  /** Take a prompt whose tokens are not those that the tokenizer makes of its text, and say so. */
  allowNoncanonicalPrompt?: boolean;
  /** Leave out the ranges of the weights, for who checked them before. */
  skipRanges?: boolean;
  /** The compiled program, for who loads it in another way than from beside the module. */
  program?: WebAssembly.Module;
  /** Called as each step begins. */
  onStep?: (step: "proof" | "text") => void;
}

/** A key or proof that was refused: the message says why; `usable` is false for what could not be looked at. */
export class Refused extends Error {
  constructor(reason: string, usable: boolean);
  readonly usable: boolean;
}

/** The statement that a proof file's bytes prove under a key file's; rejects with `Refused` if they prove none. */
export function verify(key: Uint8Array, proof: Uint8Array, options?: Options): Promise<Statement>;

/** A text from elsewhere in runs, each as it is to be shown: what can not be seen, or moves others, is escaped. */
export function runs(text: string): { text: string; escaped: boolean }[];

/** Those runs in one line. */
export function visible(text: string): string;
