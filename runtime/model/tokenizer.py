"""The tokenizer of a key: small in the file, and quick to use without reading all of it.

A tokenizer's usual file is JSON: for Gemma's 262 144 tokens 33 MB, which take seconds to read. A key holds it
in a *compact form* instead, of one byte for each length, so that it is canonical and can not expand:

    byte 1, number of bytes of the rest of the file as JSON (u32), number of tokens (u32), the rest,
    length of each token in bytes, number of merges that make each token, left length of each merge, all tokens

Lengths and numbers are single bytes, integers little-endian. A merge is known by the token that it makes and the
length of its left part; merges come in the order of the tokens they make. A tokenizer that does not fit (of
another kind than BPE, merges in another order, unusual options) is kept as the JSON that it is.

`CompactTokenizer` uses the `tokenizers` library for all that it does, on a *part* of the tokenizer that gives the
same result as the whole:

* Decoding looks up tokens and joins them, so the tokens that occur are enough.
* Encoding splits a text into words and these into characters, and joins neighbours by merges. Only strings of
  neighbours in one word can come about. The words are found by encoding with tokens of one character, and
  the tokens that may be in them by hashes of some of their bytes.

What a tokenizer may be made of is limited (`tokenizer_parts`), and so are the texts that it is used on.

Errors are ValueError, or whatever the library raises; `VerifyingKey` says which file they are about.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from .tokenizer_parts import MOST_ADDED, check_added, cost

FORM = 1
MOST_TOKENS = 1 << 20
MOST_MERGES = 1 << 21
MOST_BYTES = 1 << 24
# Of the JSON beside tokens and merges, and of one that has them; values in that.
MOST_REST = 1 << 20
MOST_JSON = 1 << 25
MOST_VALUES = 1 << 21
# Tokens in such a JSON, and half the merges: the library takes a few microseconds for each.
MOST_WHOLE = 1 << 19
# Bytes of a text once it is as long as the tokenizer's parts can make it, times their number; strings of neighbours
# that are looked up.
MOST_TEXT = 1 << 20
MOST_STRINGS = 1 << 22
# What tokens are looked for by: so many bytes of them, hashed to so many keys.
GRAM, KEYS = 4, 1 << 18
_HEADER = struct.Struct("<BII")
_FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")
# What the model has beside tokens and merges, and what it must be; None: anything.
_OPTIONS: dict[str, Any] = {
    "type": ("BPE",),
    "dropout": (None,),
    "unk_token": None,
    "continuing_subword_prefix": (None, ""),
    "end_of_word_suffix": (None, ""),
    "fuse_unk": (True, False),
    "byte_fallback": (True, False),
    "ignore_merges": (False,),
}
_PARTS = ("version", "normalizer", "pre_tokenizer", "post_processor", "decoder")


class TokenizerLike(Protocol):
    def encode(self, text: str) -> list[int]:
        """Token ids of a text, with what the post-processor adds."""
        ...

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of tokens, special ones shown; ids without a token are left out."""
        ...

    def pieces(self, tokens: Iterable[int]) -> dict[int, str | None]:
        """The text that each of these ids has by itself, None if no token has the id."""
        ...

    @property
    def frame(self) -> tuple[list[int], list[int]]:
        """What the post-processor puts before and behind the tokens of every text."""
        ...


def load(data: bytes | memoryview) -> TokenizerLike:
    """The tokenizer that `compact` has written, or that is given as JSON."""
    return CompactTokenizer(data) if data[:1] == bytes([FORM]) else WholeTokenizer(data)


class TooLong(ValueError):
    """A text that is longer than texts may be, with nothing wrong about the tokenizer."""


def require_short(size: int, cost: int) -> None:
    """`TooLong` unless a text of ``size`` bytes is short enough for a tokenizer of that `cost`."""
    if size * cost > MOST_TEXT:
        most = MOST_TEXT // cost
        raise TooLong(f"a text of {size} bytes is too long: the tokenizer takes at most {most}")


class WholeTokenizer:
    """A tokenizer from its JSON; ValueError if it is malformed, or not of an allowed kind."""

    def __init__(self, data: bytes | memoryview):
        text, self._cost = self._checked(bytes(data))
        self._tokenizer = Tokenizer.from_str(text)

    @staticmethod
    def _checked(data: bytes) -> tuple[str, int]:
        """What is used of the JSON, and its `cost`."""
        if len(data) > MOST_JSON or sum(map(data.count, (b",", b"[", b"{"))) > MOST_VALUES:
            raise ValueError("its JSON is too long")
        try:
            whole = json.loads(data)
            found = cost(whole)
            added = whole["added_tokens"]
            check_added([token["content"] for token in added])
            model = _model(whole["model"])
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError("its JSON is malformed") from error
        # What is not checked is left out, and so are padding and truncation, which no text has.
        parts = {name: whole.get(name) for name in _PARTS}
        kept = {**parts, "truncation": None, "padding": None, "added_tokens": added, "model": model}
        return json.dumps(kept), found

    def encode(self, text: str) -> list[int]:
        require_short(len(text.encode()), self._cost)
        return self._tokenizer.encode(text).ids

    def decode(self, tokens: Sequence[int]) -> str:
        known = {token: self._tokenizer.id_to_token(token) or "" for token in set(tokens)}
        sizes = {token: len(text.encode()) for token, text in known.items()}
        require_short(sum(map(sizes.__getitem__, tokens)), self._cost)
        return self._tokenizer.decode(list(tokens), skip_special_tokens=False)

    def pieces(self, tokens: Iterable[int]) -> dict[int, str | None]:
        return {x: self.decode([x]) if x in self else None for x in {*tokens}}

    def __contains__(self, number: int) -> bool:
        # The library takes ids of 32 bits.
        return 0 <= number < 1 << 32 and self._tokenizer.id_to_token(number) is not None

    @property
    def frame(self) -> tuple[list[int], list[int]]:
        return _frame(self._tokenizer)


class CompactTokenizer:
    """A tokenizer in the compact form; ValueError if ``data`` is malformed."""

    def __init__(self, data: bytes | memoryview):
        data = bytes(data)
        if len(data) < _HEADER.size:
            raise ValueError("it is truncated")
        form, rest_bytes, count = _HEADER.unpack_from(data)
        start = _HEADER.size + rest_bytes
        if form != FORM or count > MOST_TOKENS or start + 2 * count > len(data):
            raise ValueError("its header is malformed")
        numbers = np.frombuffer(data, np.uint8)
        self._lengths = numbers[start : start + count]
        self._merges = numbers[start + count : start + 2 * count]
        at = start + 2 * count
        merges, size = int(self._merges.sum(dtype=np.int64)), int(self._lengths.sum(dtype=np.int64))
        if at + merges + size != len(data):
            raise ValueError("its length is not that of its parts")
        if rest_bytes > MOST_REST or merges > MOST_MERGES or size > MOST_BYTES:
            raise ValueError("it is too long")
        self._left = numbers[at : at + merges]
        self._bytes = data[at + merges :]
        self._starts = np.cumsum(self._lengths, dtype=np.int64) - self._lengths
        self._first = np.cumsum(self._merges, dtype=np.int64) - self._merges
        self._check_characters()
        self._read_rest(data[_HEADER.size : start])
        self._splitters: dict[tuple[int, ...], Tokenizer] = {}

    def _check_characters(self) -> None:
        """Tokens and both parts of merges are UTF-8 and not empty."""
        self._bytes.decode()
        made = np.repeat(np.arange(len(self._merges)), self._merges)
        inside = (self._left > 0) & (self._left < self._lengths[made])
        if not self._lengths.all() or not inside.all():
            raise ValueError("a token or a part of a merge is empty")
        cells = np.frombuffer(self._bytes, np.uint8)
        for starts in (self._starts, self._starts[made] + self._left):
            if (cells[starts] & 0xC0 == 0x80).any():
                raise ValueError("a token or a part of a merge begins inside a character")

    def _read_rest(self, text: bytes) -> None:
        try:
            rest = json.loads(text)
            if _dump(rest) != text:
                raise ValueError("its JSON is not canonical")
            self._parts = {name: rest.pop(name) for name in _PARTS}
            self._options = rest.pop("model")
            runs = rest.pop("added_tokens")
            if rest or not _usual(self._options):
                raise ValueError("its JSON holds something else")
            self._added = _added(runs, self)
            self._cost = cost(self._parts)
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError("its JSON is malformed") from error
        unknown = self._options["unk_token"]
        if unknown is not None and type(unknown) is not str:
            raise ValueError("its token for what is unknown is malformed")

    def __len__(self) -> int:
        return len(self._lengths)

    def token(self, number: int) -> str:
        """The token of the vocabulary with this id, which must be in it."""
        start = int(self._starts[number])
        return self._bytes[start : start + int(self._lengths[number])].decode()

    def has_any(self, texts: Iterable[str]) -> bool:
        """Whether one of these is a token of the vocabulary."""
        wanted = {text.encode() for text in texts}
        lengths = np.isin(self._lengths, [len(text) for text in wanted])
        starts, sizes = self._starts[lengths].tolist(), self._lengths[lengths].tolist()
        return any(
            self._bytes[at : at + size] in wanted for at, size in zip(starts, sizes, strict=True)
        )

    def __contains__(self, number: int) -> bool:
        return 0 <= number < len(self) or number in self._added

    @property
    def frame(self) -> tuple[list[int], list[int]]:
        return _frame(self._part((), [], []))

    @cached_property
    def _keys(self) -> np.ndarray:
        """For each token the keys of four bytes at its start, near it and at its end, or of all its bytes."""
        size = np.minimum(self._lengths, GRAM).astype(np.int64)
        last = self._lengths - size
        places = self._starts + np.stack([np.zeros_like(last), np.minimum(last, GRAM - 1), last])
        return _key(_grams(self._bytes)[places], size)

    def _among(self, text: str) -> dict[str, int]:
        """The tokens that are parts of the text, and few others: what `_keys` looks at is in it."""
        grams, occurs = _grams(text.encode()), np.zeros(KEYS, bool)
        for size in range(1, GRAM + 1):
            occurs[_key(grams, np.array(size))] = True
        return self._numbered(np.flatnonzero(occurs[self._keys].all(axis=0)))

    def _numbered(self, numbers: np.ndarray) -> dict[str, int]:
        """The tokens of the vocabulary with these ids, by their text."""
        starts = self._starts[numbers]
        places = zip(starts.tolist(), (starts + self._lengths[numbers]).tolist(), strict=True)
        tokens = [self._bytes[start:end].decode() for start, end in places]
        ids = dict(zip(tokens, numbers.tolist(), strict=True))
        if len(ids) != len(tokens):
            raise ValueError("a token occurs twice")
        return ids

    def _merges_of(self, number: int) -> Iterable[tuple[str, str]]:
        """The pairs that are merged to this token, the first choice first."""
        token, first = self.token(number).encode(), int(self._first[number])
        for left in self._left[first : first + int(self._merges[number])].tolist():
            yield token[:left].decode(), token[left:].decode()

    def decode(self, tokens: Sequence[int]) -> str:
        return self._decoder(tokens).decode(list(tokens), skip_special_tokens=False)

    def pieces(self, tokens: Iterable[int]) -> dict[int, str | None]:
        distinct = [*{*tokens}]
        # Making one for each would take a millisecond each.
        part = self._decoder(distinct)
        return {
            x: part.decode([x], skip_special_tokens=False) if x in self else None for x in distinct
        }

    def _decoder(self, tokens: Sequence[int]) -> Tokenizer:
        """A part with the tokens that occur; ValueError if their text is too long."""
        numbers = sorted({x for x in tokens if x < len(self)})
        added = [self._added[x] for x in sorted(set(tokens)) if x in self._added]
        sizes = {x: int(self._lengths[x]) for x in numbers}
        sizes |= {x["id"]: len(x["content"].encode()) for x in added}
        require_short(sum(sizes.get(x, 0) for x in tokens), self._cost)
        return self._part([(self.token(x), x) for x in numbers], [], added)

    def encode(self, text: str) -> list[int]:
        require_short(len(text.encode()), self._cost)
        # A token that is not looked for in the normalised text must occur in the text itself.
        added = [x for x in self._added.values() if x["normalized"] or x["content"] in text]
        if not text and not _begins_with_something(empty := self._part((), [], added)):
            return empty.encode(text).ids
        found = self._splitter(added).encode(text)
        words = _words(found)
        known = self._among("".join(token for word in words for token in word))
        vocabulary = self._others | {x: known[x] for x in _within(words, known)}
        merges = []
        for number in sorted(vocabulary.values()):
            for left, right in self._merges_of(number):
                if left not in known or right not in known:
                    raise ValueError("a merge is of what is no token")
                if left in vocabulary and right in vocabulary:
                    merges.append((left, right))
        return self._part(vocabulary.items(), merges, added).encode(text).ids

    def _splitter(self, added: Sequence[Mapping[str, Any]]) -> Tokenizer:
        """A part with tokens of one character, which splits a text into words and these into characters."""
        key = tuple(x["id"] for x in added)
        if key not in self._splitters:
            self._splitters[key] = self._part((self._letters | self._others).items(), [], added)
        return self._splitters[key]

    @cached_property
    def _letters(self) -> dict[str, int]:
        """Tokens of one character, whose first byte says how long it is."""
        first = np.frombuffer(self._bytes, np.uint8)[self._starts]
        bytes_of = 1 + sum((first >= least).astype(int) for least in (0xC0, 0xE0, 0xF0))
        return self._numbered(np.flatnonzero(bytes_of == self._lengths))

    @cached_property
    def _others(self) -> dict[str, int]:
        """Tokens that stand for what has none."""
        names = [f"<0x{byte:02X}>" for byte in range(256)] * bool(self._options["byte_fallback"])
        unknown = self._options["unk_token"]
        names += [unknown] if unknown is not None else []
        known = self._among("".join(names))
        if unknown is not None and unknown not in known:
            raise ValueError("what stands for the unknown is no token")
        return {x: known[x] for x in names if x in known}

    def _part(
        self,
        vocabulary: Iterable[tuple[str, int]],
        merges: Sequence[tuple[str, str]],
        added: Sequence[Mapping[str, Any]],
    ) -> Tokenizer:
        # The library numbers added tokens as the model does that has them.
        pairs = {*vocabulary, *((x["content"], x["id"]) for x in added)}
        known = dict(pairs)
        if len(known) != len(pairs):
            raise ValueError("a token occurs twice")
        whole = self._json(known, merges, added)
        return Tokenizer.from_str(json.dumps(whole, ensure_ascii=False))

    def _json(self, vocabulary: Any, merges: Any, added: Any) -> dict[str, Any]:
        model = {**self._options, "vocab": vocabulary, "merges": merges}
        whole = {"truncation": None, "padding": None, "added_tokens": added, "model": model}
        return {**self._parts, **whole}

    def json(self) -> dict[str, Any]:
        """The whole tokenizer, as its usual file holds it, without padding and truncation."""
        merges = [list(pair) for i in range(len(self)) for pair in self._merges_of(i)]
        return self._json(self._numbered(np.arange(len(self))), merges, list(self._added.values()))


def _frame(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """What a tokenizer's post-processor puts around the tokens of every text."""
    probe = Tokenizer(WordLevel({"a": 0}, unk_token="a"))
    if (processor := tokenizer.post_processor) is not None:
        probe.post_processor = processor
    found = probe.encode("a")
    at = found.special_tokens_mask.index(0)
    return found.ids[:at], found.ids[at + 1 :]


def _grams(text: bytes) -> np.ndarray:
    """The four bytes at each place of a text, those behind its end zero, as numbers."""
    padded = text + bytes(GRAM - 1)
    return np.ndarray((len(text),), "<u4", padded, strides=(1,))


def _key(grams: np.ndarray, size: np.ndarray) -> np.ndarray:
    """A hash of the first ``size`` bytes of each."""
    kept = grams & np.array([(1 << 8 * n) - 1 for n in range(GRAM + 1)], np.uint32)[size]
    return (kept * np.uint32(0x9E3779B1) + size.astype(np.uint32)) >> np.uint32(
        32 - KEYS.bit_length() + 1
    )


def _words(found: Any) -> list[list[str]]:
    """The tokens of an encoding, word by word; what belongs to none is a word by itself."""
    words: list[list[str]] = []
    before: Any = ()
    for token, word in zip(found.tokens, found.word_ids, strict=True):
        if word != before or word is None:
            words.append([])
        words[-1].append(token)
        before = word
    return words


def _within(words: Iterable[Sequence[str]], known: Mapping[str, int]) -> set[str]:
    """The known tokens that neighbours in one word make together."""
    tokens: set[str] = set()
    most = max(map(len, known), default=0)
    words = list(words)
    if sum(len(word) * min(len(word), most) for word in words) > MOST_STRINGS:
        raise ValueError("a text has too many strings of neighbours")
    for word in words:
        for start in range(len(word)):
            joined = ""
            for token in word[start : start + most]:
                joined += token
                if joined in known:
                    tokens.add(joined)
    return tokens


def _begins_with_something(tokenizer: Tokenizer) -> bool:
    """Whether the empty text has characters once it is normalised and split into words."""
    text = tokenizer.normalizer.normalize_str("") if tokenizer.normalizer else ""
    words = (
        tokenizer.pre_tokenizer.pre_tokenize_str(text) if tokenizer.pre_tokenizer else [(text, ())]
    )
    return any(word for word, _ in words)


def compact(data: bytes) -> bytes:
    """A tokenizer's JSON in the compact form, or as it is if that does not fit."""
    try:
        whole = _normal(json.loads(data))
        found = _encode(whole)
        if CompactTokenizer(found).json() == whole:
            return found
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, struct.error):
        pass
    return data


def _normal(whole: dict[str, Any]) -> dict[str, Any]:
    """The JSON as the library writes it today, without what a key does not use."""
    model = {"ignore_merges": False, **whole["model"]}
    # Files of older versions have merges as texts with a space between.
    merges = [x.split(" ") if isinstance(x, str) else x for x in model["merges"]]
    return {**whole, "model": {**model, "merges": merges}, "truncation": None, "padding": None}


def _encode(whole: Mapping[str, Any]) -> bytes:
    model = dict(whole["model"])
    ids, merges = model.pop("vocab"), model.pop("merges")
    tokens = [token.encode() for token in sorted(ids, key=ids.__getitem__)]
    if sorted(ids.values()) != list(range(len(ids))):
        raise ValueError("ids are missing")
    numbers, left = [0] * len(tokens), bytearray()
    for first, second in merges:
        numbers[ids[first + second]] += 1
        left.append(len(first.encode()))
    rest = {name: whole[name] for name in _PARTS}
    rest |= {"model": model, "added_tokens": _runs(whole["added_tokens"], ids)}
    text = _dump(rest)
    lengths = bytes(map(len, tokens))
    header = _HEADER.pack(FORM, len(text), len(tokens))
    return b"".join([header, text, lengths, bytes(numbers), left, *tokens])


def _usual(options: Mapping[str, Any]) -> bool:
    return options.keys() == _OPTIONS.keys() and all(
        allowed is None or (options[name] in allowed and type(options[name]) in map(type, allowed))
        for name, allowed in _OPTIONS.items()
    )


def _model(model: Mapping[str, Any]) -> dict[str, Any]:
    """What is used of a JSON's model; ValueError if it is of a kind that is not allowed, or too large."""
    if len(model["vocab"]) > MOST_WHOLE or len(model.get("merges", ())) > 2 * MOST_WHOLE:
        raise ValueError("it has too many tokens or merges")
    if model["type"] == "WordLevel":
        return {name: model[name] for name in ("type", "vocab", "unk_token")}
    defaults = {name: allowed[-1] if allowed else None for name, allowed in _OPTIONS.items()}
    options = {name: model.get(name, default) for name, default in defaults.items()}
    if not _usual({**options, "ignore_merges": False}):
        raise ValueError("its model is of a kind that is not allowed")
    return {**options, "vocab": model["vocab"], "merges": model["merges"]}


def _runs(added: Sequence[Mapping[str, Any]], ids: Mapping[str, int]) -> list[list[Any]]:
    """Added tokens: [first id, number, flags] where ids follow each other, flags are equal and the vocabulary
    has them; [id, content, flags] for one that it has not. A flag is a bit."""
    runs: list[list[Any]] = []
    for token in added:
        flags = sum(token[name] << bit for bit, name in enumerate(_FLAGS))
        if token["content"] not in ids:
            runs.append([token["id"], token["content"], flags])
        elif runs and runs[-1][2] == flags and _after(runs[-1]) == token["id"]:
            runs[-1][1] += 1
        else:
            runs.append([token["id"], 1, flags])
    return runs


def _after(run: Sequence[Any]) -> int | None:
    first, number, _ = run
    return first + number if type(number) is int else None


def _added(runs: Sequence[Sequence[Any]], tokens: CompactTokenizer) -> dict[int, dict[str, Any]]:
    """The added tokens of `_runs`, by id. Those that the vocabulary has not follow it, as the library numbers
    them, and have several characters, so that no text has them as a letter."""
    found: dict[int, dict[str, Any]] = {}
    least, new, before = 0, len(tokens), None
    texts = [number for _, number, _ in runs if type(number) is str]
    check_added(texts)
    if len(set(texts)) != len(texts) or tokens.has_any(texts):
        raise ValueError("an added token occurs twice")
    for run in runs:
        first, number, flags = run
        if type(first) is not int or type(flags) is not int or not 0 <= flags < 1 << len(_FLAGS):
            raise ValueError("an added token is malformed")
        if type(number) is int:
            fits = least <= first and 1 <= number <= len(tokens) - first
            fits = fits and not (before and before[2] == flags and _after(before) == first)
            contents = map(tokens.token, range(first, first + number)) if fits else ()
            least = first + number
            if len(found) + number > MOST_ADDED:
                raise ValueError(f"it has more than {MOST_ADDED} added tokens")
        else:
            fits = type(number) is str and len(number) > 1 and first == new
            contents, least, new = (number,), new + 1, new + 1
        if not fits:
            raise ValueError("added tokens are not in order")
        for i, content in enumerate(contents, first):
            switches = {name: bool(flags >> bit & 1) for bit, name in enumerate(_FLAGS)}
            found[i] = {"id": i, "content": content, **switches}
        before = run
    return found


def _dump(value: Any) -> bytes:
    text = json.dumps(
        value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True
    )
    return text.encode()
