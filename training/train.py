"""Trains the shipped checkpoint: a small Gemma-3 for stories and documentation prose.

    python training/train.py --minutes 45 --out checkpoints/tiny-gemma3

Three streams are mixed, a fixed share of every batch each: generated stories (stories.py),
generated technical notes (notes.py) and prose harvested from installed packages (corpus.py).
A row of a batch starts at the beginning of a document, so the first token is always <bos>, as in
inference. Plain AdamW in float32 on one core; the learning rate follows a cosine over the *time*
given, so the recipe ends in a finished model on a machine of any speed. The checkpoint is written
in float16 and measured in both precisions on held-out paragraphs and on freshly drawn stories.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from pathlib import Path

import corpus
import notes
import numpy as np
import stories
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, PreTrainedTokenizerFast

SEED = 20
CONTEXT = 192
BATCH = 16
# Rows of a batch taken from each stream.
MIX = {"stories": 7, "notes": 2, "prose": 7}
GENERATED = {"stories": 60_000, "notes": 30_000}
HELD_OUT_GENERATED = 200
VOCAB = 1024
PAD, EOS, BOS, UNK = range(4)
SPECIAL = ["<pad>", "<eos>", "<bos>", "<unk>"]
PEAK_RATE, FINAL_RATE, WARMUP_STEPS = 4e-3, 4e-5, 100
LOCAL, GLOBAL = "sliding_attention", "full_attention"
PROMPTS = (
    "Once upon a time",
    "The function returns",
    "One morning, Lily",
    "This method takes a list and",
    '"Where are you going?" asked the fox.',
    "If the file does not exist,",
)

Texts = dict[str, list[str]]


def gather(cache: Path | None) -> tuple[Texts, Texts]:
    """(training, held-out) documents of every stream."""
    if cache is not None and cache.exists():
        prose = json.loads(cache.read_text())
    else:
        prose = corpus.paragraphs()
        if cache is not None:
            cache.write_text(json.dumps(prose))
    train: Texts = {}
    held: Texts = {}
    train["prose"], held["prose"] = corpus.split(prose)
    for name, make in (("stories", stories.story), ("notes", notes.note)):
        rng = random.Random(f"{SEED}-{name}")
        texts = list(dict.fromkeys(make(rng) for _ in range(GENERATED[name])))
        held[name], train[name] = texts[:HELD_OUT_GENERATED], texts[HELD_OUT_GENERATED:]
    return train, held


def train_tokenizer(texts: Texts) -> PreTrainedTokenizerFast:
    """Byte-level BPE: any byte string has tokens, <bos> is put in front, nothing is unknown."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    sample = texts["prose"] + texts["stories"][:4000] + texts["notes"][:2000]
    tokenizer.train_from_iterator(sample, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<bos> $A", pair="<bos> $A $B", special_tokens=[("<bos>", BOS)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="<eos>",
        bos_token="<bos>",
        unk_token="<unk>",
        model_max_length=512,
        clean_up_tokenization_spaces=False,
    )


def configuration() -> Gemma3TextConfig:
    return Gemma3TextConfig(
        vocab_size=VOCAB,
        hidden_size=128,
        num_hidden_layers=6,
        num_attention_heads=4,
        num_key_value_heads=1,
        head_dim=32,
        intermediate_size=384,
        sliding_window=24,
        layer_types=[LOCAL, LOCAL, GLOBAL, LOCAL, LOCAL, GLOBAL],
        rope_parameters={
            LOCAL: {"rope_type": "default", "rope_theta": 10_000.0},
            GLOBAL: {"rope_type": "default", "rope_theta": 1_000_000.0},
        },
        query_pre_attn_scalar=32,
        rms_norm_eps=1e-6,
        hidden_activation="gelu_pytorch_tanh",
        max_position_embeddings=512,
        tie_word_embeddings=True,
        pad_token_id=PAD,
        eos_token_id=EOS,
        bos_token_id=BOS,
    )


def new_model() -> Gemma3ForCausalLM:
    model = Gemma3ForCausalLM(configuration())
    model.set_attn_implementation("eager")
    return model


class Stream:
    """Shuffled documents laid end to end; a row starts at a document and runs on past its end."""

    def __init__(self, texts: list[str], tokenizer: PreTrainedTokenizerFast, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        order = self.rng.permutation(len(texts))
        ids = tokenizer([texts[i] for i in order])["input_ids"]
        flat = [np.array([*document, EOS], dtype=np.int16) for document in ids]
        self.tokens = np.concatenate(flat)
        starts = np.cumsum([0, *map(len, flat)])[:-1]
        self.starts = starts[starts + CONTEXT + 1 <= len(self.tokens)]
        self.queue = np.empty(0, dtype=np.int64)

    def rows(self, n: int) -> np.ndarray:
        if len(self.queue) < n:
            self.queue = self.rng.permutation(self.starts)
        take, self.queue = self.queue[:n], self.queue[n:]
        return np.stack([self.tokens[s : s + CONTEXT + 1] for s in take]).astype(np.int64)


def loss_of(model: Gemma3ForCausalLM, rows: torch.Tensor) -> torch.Tensor:
    logits = model(input_ids=rows[:, :-1], use_cache=False).logits
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())


def rate(progress: float, step: int) -> float:
    cosine = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    return (FINAL_RATE + (PEAK_RATE - FINAL_RATE) * cosine) * min(1.0, (step + 1) / WARMUP_STEPS)


def optimizer_for(model: Gemma3ForCausalLM) -> torch.optim.AdamW:
    matrices = [p for p in model.parameters() if p.ndim > 1]
    gains = [p for p in model.parameters() if p.ndim == 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": gains, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=PEAK_RATE, betas=(0.9, 0.95), fused=True)


def text_of(tokenizer: PreTrainedTokenizerFast, ids: list[int]) -> str:
    return str(tokenizer.decode(ids, skip_special_tokens=True))


@torch.no_grad()
def measure(
    model: Gemma3ForCausalLM, tokenizer: PreTrainedTokenizerFast, texts: list[str]
) -> tuple[float, float]:
    """(nats per token, bits per byte) over whole documents, <eos> included, cut at CONTEXT."""
    nats, count, size = 0.0, 0, 0
    for text in texts:
        ids = [*tokenizer(text)["input_ids"], EOS][: CONTEXT + 1]
        rows = torch.tensor([ids])
        nats += loss_of(model, rows).item() * (len(ids) - 1)
        count += len(ids) - 1
        size += len(text_of(tokenizer, ids).encode())
    return nats / count, nats / size / math.log(2)


@torch.no_grad()
def greedy(
    model: Gemma3ForCausalLM, tokenizer: PreTrainedTokenizerFast, prompt: str, n: int = 64
) -> str:
    """The prompt and its n likeliest tokens, one after the other, up to <eos>."""
    ids: list[int] = tokenizer(prompt)["input_ids"]
    for _ in range(n):
        ids.append(int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
        if ids[-1] == EOS:
            break
    return text_of(tokenizer, ids)


def save(model: Gemma3ForCausalLM, tokenizer: PreTrainedTokenizerFast, out: Path) -> None:
    """Writes a float16 copy that transformers, and this project, can load."""
    half = new_model()
    half.load_state_dict(model.state_dict())
    half.generation_config.do_sample = False
    half.half().save_pretrained(out)
    tokenizer.save_pretrained(out)


def report(
    model: Gemma3ForCausalLM, tokenizer: PreTrainedTokenizerFast, held: Texts, out: Path
) -> dict:
    """Held-out perplexity in float32 and after rounding the weights to float16, and samples."""
    model.eval()
    rounded = Gemma3ForCausalLM.from_pretrained(out, dtype=torch.float32).eval()
    result: dict = {"perplexity": {}, "samples": {}}
    for name, texts in held.items():
        for precision, candidate in (("fp32", model), ("fp16", rounded)):
            nats, bits = measure(candidate, tokenizer, texts)
            result["perplexity"][f"{name}/{precision}"] = {
                "nats_per_token": round(nats, 4),
                "bits_per_byte": round(bits, 4),
            }
    for prompt in PROMPTS:
        result["samples"][prompt] = greedy(rounded, tokenizer, prompt)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the small Gemma-3 checkpoint.")
    parser.add_argument("--minutes", type=float, default=45, help="wall time of the optimisation")
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--corpus-cache", type=Path, help="file that keeps the harvested prose")
    parser.add_argument("--compile", action="store_true", help="torch.compile the training step")
    parser.add_argument("--save-every", type=float, default=5, help="minutes between checkpoints")
    args = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    train, held = gather(args.corpus_cache)
    tokenizer = train_tokenizer(train)
    streams = {name: Stream(train[name], tokenizer, SEED) for name in MIX}
    for name, stream in streams.items():
        print(f"{name}: {len(train[name])} documents, {len(stream.tokens)} tokens", flush=True)

    model = new_model()
    optimizer = optimizer_for(model)
    objective = torch.compile(loss_of) if args.compile else loss_of
    start = saved = time.monotonic()
    step, total, smooth = 0, 60 * args.minutes, 0.0
    while (elapsed := time.monotonic() - start) < total:
        for group in optimizer.param_groups:
            group["lr"] = rate(elapsed / total, step)
        rows = np.concatenate([streams[name].rows(n) for name, n in MIX.items()])
        loss = objective(model, torch.from_numpy(rows))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        smooth = loss.item() if step == 0 else 0.95 * smooth + 0.05 * loss.item()
        step += 1
        if step % 50 == 0:
            speed = step * BATCH * CONTEXT / (time.monotonic() - start)
            print(f"step {step} {elapsed:.0f} s loss {smooth:.4f} {speed:.0f} tok/s", flush=True)
        if time.monotonic() - saved > 60 * args.save_every:
            saved = time.monotonic()
            save(model, tokenizer, args.out)
    save(model, tokenizer, args.out)
    result = report(model, tokenizer, held, args.out)
    result["steps"], result["tokens"] = step, step * BATCH * CONTEXT
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
