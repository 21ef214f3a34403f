"""Keys and proofs that are made to cost whoever checks them as much as their bytes can ask for.

A case is the contents of a key and of a proof. Proofs are a statement and zeros, which are field elements: they
come as far as the first opened column, behind all that is worked out from the key. `over` ask for more than
is allowed; `within` for nearly as much as that, by other names. `proved` have proofs that are valid, as far as
relations go: they come as far as the texts, and some of them are VALID.
"""

from __future__ import annotations

import json
import struct
import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from zklemma.runtime.circuit import encoding
from zklemma.runtime.circuit.band import LEAST_BLOCK, Band
from zklemma.runtime.circuit.encoding import encode_circuit
from zklemma.runtime.circuit.extents import Axis
from zklemma.runtime.circuit.generation import TOKENS, Generation, extents
from zklemma.runtime.circuit.index import Index
from zklemma.runtime.circuit.relations import (
    Circuit,
    Column,
    Einsum,
    Expr,
    Linear,
    Lookup,
    Product,
    Table,
    Term,
)
from zklemma.runtime.model import files, tokenizer
from zklemma.runtime.model.choose_parameters import choose_parameters
from zklemma.runtime.model.keys import MOST_ENDS, MOST_FUNCTION, MOST_LINKS, VerifyingKey
from zklemma.runtime.model.masks import WeightMasks
from zklemma.runtime.model.tokenizer_parts import _EXPRESSIONS
from zklemma.runtime.model.tokenizer_parts import MOST_PARTS as MOST_STEPS
from zklemma.runtime.progress import Clock, Silent
from zklemma.runtime.protocol.parameters import MOST_QUERIES, Level, Parameters, queries
from zklemma.runtime.protocol.statement import MOST_NONCE, Statement
from zklemma.runtime.proving.prover import CommittedWeights, Prover, prove_link, prove_ranges

for folder in ("executor", "protocol"):
    path = str(Path(__file__).parents[1] / folder)
    if path not in sys.path:
        sys.path.append(path)
tiny: Any = import_module("tiny")

Case = tuple[bytes, bytes]
MOST = 1 << 16
SAME = "same"


def parameters(**changes: Any) -> Parameters:
    """A hundred bits without work, which a proof of zeros has not done."""
    level = Level(10, 2, 13, queries(2.0**-5, 104), 0)
    code = Parameters(
        5, 10, 14, queries(2.0**-4, 104), 0, (level,), 256, 20, queries(2.0**-4, 104), 24, 1
    )
    return replace(code, **changes)


@cache
def words() -> bytes:
    return json.dumps(
        {
            "version": "1.0",
            "added_tokens": [],
            **dict.fromkeys(("normalizer", "pre_tokenizer", "post_processor", "decoder")),
            "model": {
                "type": "WordLevel",
                "vocab": {f"w{i}": i for i in range(6)},
                "unk_token": "w0",
            },
        }
    ).encode()


def key(
    circuit: Circuit | bytes,
    code: Parameters | list[Any] | None = None,
    tokens: bytes | None = None,
    **changes: Any,
) -> VerifyingKey:
    raw = circuit if isinstance(circuit, bytes) else encoded(circuit)
    code = parameters() if code is None else code
    return VerifyingKey(
        name="hostile",
        weights=1,
        code=code if isinstance(code, list) else code.to_list(),
        eos=(),
        weight_root=bytes(32),
        circuit_bytes=raw,
        private_circuit_bytes=changes.pop("private", raw),
        function_bytes=b"",
        tokenizer_bytes=words() if tokens is None else tokens,
        range_proof=bytes(1 << 20),
        **changes,
    )


def encoded(circuit: Circuit) -> bytes:
    """Whatever its size."""
    with patch.object(encoding, "MOST_CELLS", 1 << 40):
        return encode_circuit(circuit)


def zeros(model: VerifyingKey, prompt: int = 1, generated: int = 1, size: int = 1 << 20) -> bytes:
    """A statement of tokens 0, and zeros."""
    said = Statement(prompt, generated, (0,) * (prompt + generated), True).encode()
    proof = struct.pack("<I", len(said)) + said + bytes(size)
    return files.encode_proof(model.digest, proof)


def case(model: VerifyingKey, prompt: int = 1, generated: int = 1, size: int = 1 << 20) -> Case:
    return model.encode(), zeros(model, prompt, generated, size)


def plain(**changes: Any) -> Circuit:
    """A model's circuit with axes, columns and relations added to it."""
    circuit: Circuit = tiny.tiny_circuit()
    data: Mapping[str, Any] = changes.pop("data", {})
    added = {name: (*getattr(circuit, name), *parts) for name, parts in changes.items()}
    return replace(circuit, **added, data={**circuit.data, **data})


def longer(circuit: Circuit, tokens: int) -> Circuit:
    return replace(circuit, extents=extents(tokens), data=circuit.data)


def zero(name: str, axes: tuple[str, ...], *terms: Term) -> Linear:
    return Linear(name, Expr(axes, terms), 1 << 20)


def looked_up(name: str, table: str, axes: tuple[str, ...], *terms: Term) -> Lookup:
    return Lookup(name, table, (Expr(axes, terms),))


def same(*axes: str) -> tuple[Index, ...]:
    return tuple(Index(SAME, axis) for axis in axes)


def windows(count: int, tokens: int) -> Case:
    """Attention masks of as many different windows."""
    mask = Column(
        "m", ("layers", "token", "source"), "public", 0, 1, "", "mask", tuple(range(count))
    )
    axes = Axis("layers", count), Axis("source", TOKENS)
    relation = zero("w", mask.axes, Term(1, "m", same(*mask.axes)))
    return case(
        key(longer(plain(axes=axes, columns=(mask,), linears=(relation,)), tokens)), tokens // 2
    )


def tables(count: int, rows: int, code: Parameters) -> Case:
    """Many tables with a lookup each."""
    names = [f"t{i}" for i in range(count)]
    lookups = [
        looked_up(f"l{i}", name, ("row",), Term(1, "p", same("row")))
        for i, name in enumerate(names)
    ]
    columns = (Column("p", ("row",), "witness", 0, 1),)
    data = {name: np.arange(rows)[:, None] for name in names}
    parts = {"tables": [Table(name, 1, rows) for name in names], "lookups": lookups}
    return case(key(plain(columns=columns, data=data, **parts), code))


def progression(rows: int, arity: int = 1) -> Case:
    """A table of a few bytes."""
    table = np.broadcast_to(np.arange(rows)[:, None], (rows, arity))
    terms = tuple(Expr(("row",), (Term(1, "p", same("row")),)) for _ in range(arity))
    columns = (Column("p", ("row",), "witness", 0, 1),)
    lookups = (Lookup("l", "t", terms),)
    return case(
        key(
            plain(
                columns=columns,
                tables=(Table("t", arity, rows),),
                lookups=lookups,
                data={"t": table},
            )
        )
    )


def two_circuits(rows: int) -> Case:
    """Both with a large table, and weights of a wide range, under a statement that needs both."""
    table, data = Table("t", 1, rows), {"t": np.arange(rows)[:, None]}
    lookup = looked_up("l", "t", ("row",), Term(1, "weights", (Index(SAME, "row"), Index("sum"))))
    circuits = []
    for circuit in (tiny.tiny_circuit(), tiny.tiny_private_circuit()):
        columns = [
            replace(c, high=c.low + rows) if c.name == "weights" else c for c in circuit.columns
        ]
        circuits.append(
            replace(
                circuit,
                columns=tuple(columns),
                tables=(*circuit.tables, table),
                lookups=(*circuit.lookups, lookup),
                data={**circuit.data, **data},
            )
        )
    model = key(circuits[0], private=encoded(circuits[1]))
    said = Statement(4, 2, (), True, bytes(32), bytes(32)).encode()
    proof = struct.pack("<I", len(said)) + said + bytes(1 << 20)
    return model.encode(), files.encode_proof(model.digest, proof)


def vocabulary(count: int) -> Case:
    """A tokenizer of many words, as JSON."""
    words = {f"{i:x}": i for i in range(count)}
    return spelled(model={"type": "WordLevel", "vocab": words, "unk_token": "0"})


def publics(cells: int, domain: int, group_bits: int) -> Case:
    """A large public column, evaluated for each of many leaves."""
    axes = Axis("long", cells >> 4), Axis("short", 16), Axis("domain", domain)
    column = Column("v", ("long", "short"), "public", 0, cells)
    data = {"v": np.arange(cells).reshape(-1, 16)}
    read = Term(1, "v", (Index("sum"), Index("sum")))
    lookup = looked_up("l", "u4", ("domain",), Term(1, "d", same("domain")), read)
    witness = Column("d", ("domain",), "witness", 0, 1)
    pair = looked_up("k", "u4", ("long", "short"), Term(1, "v", same("long", "short")))
    circuit = plain(axes=axes, columns=(column, witness), lookups=(lookup, pair), data=data)
    return case(key(circuit, parameters(group_bits=group_bits)))


def wide_axes(kind: str, reads: int, size: int) -> Case:
    """Index maps of long axes, at one point each time."""
    axes = Axis("long", size), Axis("other", size)
    columns = tuple(Column(f"c{i}", ("long",), "witness", 0, 1) for i in range(reads))
    index = Index(kind, "long", tuple(range(size)) if kind == "pick" else ())  # type: ignore[arg-type]
    relations = tuple(zero(f"r{i}", ("long",), Term(1, f"c{i}", (index,))) for i in range(reads))
    code = parameters(log_columns=20, log_code=24, levels=(Level(20, 10, 13, 150, 0),))
    return case(key(plain(axes=axes, columns=columns, linears=relations), code))


def pairs(size: int) -> Case:
    """An axis that is read twice at once."""
    column = Column("c", ("long", "long"), "witness", 0, 1)
    relation = zero("r", ("long",), Term(1, "c", (Index(SAME, "long"), Index(SAME, "long"))))
    code = parameters(row_bits=10, log_columns=22, log_code=26, levels=(Level(22, 12, 13, 150, 0),))
    return case(
        key(plain(axes=(Axis("long", size),), columns=(column,), linears=(relation,)), code)
    )


def parts(**changes: int) -> Case:
    """Many axes, columns or terms."""
    axes = [Axis(f"a{i}", 1) for i in range(changes.get("axes", 0))]
    columns = [Column(f"c{i}", ("row",), "witness", 0, 1) for i in range(changes.get("columns", 1))]
    term = Term(1, "c0", same("row"))
    many = zero("r", ("row",), *[term] * changes.get("terms", 1))
    linears = [replace(many, name=f"r{i}") for i in range(changes.get("relations", 1))]
    return case(key(plain(axes=axes, columns=columns, linears=linears)))


def blocks(columns: int, reads: int, size: int, log_columns: int) -> Case:
    """Columns in many blocks, read many times at different points."""
    axes = (Axis("long", size),)
    made = [Column(f"c{i}", ("long",), "witness", 0, 1) for i in range(columns)]
    lookups = [
        looked_up(f"l{i}", "u4", ("long",), Term(1, f"c{i % columns}", same("long")))
        for i in range(reads)
    ]
    fold = log_columns - 8
    code = parameters(
        row_bits=0,
        log_columns=log_columns,
        log_code=log_columns + 4,
        levels=(Level(log_columns, fold, 13, 150, 0),),
        group_bits=16,
    )
    return case(key(plain(axes=axes, columns=made, lookups=lookups), code))


def defined(
    *sizes: int, products: int = 1, factors: int = 1, terms: int = 1, reads: int = 1
) -> Case:
    """A column that sums of products define, looked up in as many pieces as axes of these sizes have."""
    axes = tuple(f"x{i}" for i in range(len(sizes)))
    factor = [Column(f"f{i}", axes[-1:], "witness", 0, 1) for i in range(factors)]
    product = Product(
        1, tuple(Expr(axes, (Term(1, f.name, same(axes[-1])),) * terms) for f in factor)
    )
    term = Term(1, "d", same(*axes))
    einsum = Einsum("e", Expr(axes, (term,)), (product,) * products, 1 << 20, defines="d")
    circuit = plain(
        axes=[Axis(name, size) for name, size in zip(axes, sizes, strict=True)],
        columns=(*factor, Column("d", axes, "witness", 0, 1)),
        einsums=(einsum,),
        lookups=(looked_up("l", "u4", axes, *[term] * reads),),
    )
    return case(key(circuit))


def banded(tokens: int, columns: int, window: int) -> Case:
    """Columns over the square of a text, in as small blocks as there may be, each looked up."""
    axes = "token", "source"
    names = [f"c{i}" for i in range(columns)]
    circuit = plain(
        axes=[Axis("source", TOKENS)],
        columns=[Column(name, axes, "witness", 0, 1) for name in names],
        lookups=[looked_up(f"l{n}", "u4", axes, Term(1, n, same(*axes))) for n in names],
        bands=(Band(*axes, window, LEAST_BLOCK),),
    )
    return case(key(longer(circuit, tokens)), 1, tokens - 1)


def generated(tokens: int, reads: int) -> Case:
    """Texts that are generated as a whole, with every index that tokens give."""
    terms = [
        Term(1, "embedding", (Index(kind, "generated"), Index("sum")))  # type: ignore[arg-type]
        for kind in ("previous", "next")
    ]
    linears = [zero(f"g{i}", ("generated",), *terms) for i in range(reads)]
    below = Column("b", ("generated", "vocabulary"), "public", 0, 1, "", "below-next")
    linears.append(zero("b", below.axes, Term(1, "b", same(*below.axes))))
    circuit = longer(plain(columns=(below,), linears=linears), tokens)
    return case(key(circuit), tokens - tokens // 2, tokens // 2)


def reading(**changes: Any) -> Case:
    return case(key(plain(), parameters(**changes).to_list()), size=(1 << 25) - 4096)


def ranges(span: int, columns: int) -> Case:
    """Weights of wide ranges, whose tables are made for the range proof."""
    made = [Column(f"w{i}", ("row",), "param", 0, span + i) for i in range(columns)]
    return case(key(plain(columns=made)))


def nested(depth: int) -> bytes:
    return b"\x91" * depth + b"\xc0"


def announced(lists: int) -> bytes:
    """Lists in each other that say they are long."""
    return b"\xdd\x00\x0f\xff\xff" * lists + bytes(1 << 20)


def bare(tag: bytes, contents: bytes) -> Case:
    """A key with a section of one's own."""
    model = key(plain())
    sections = {**files.unpack(files.KEY, model.encode(), ""), tag: contents}
    return b"".join(files.pack(files.KEY, [[part] for part in sections.values()])), zeros(model)


def token_list(tokens: int, item: bytes = b"\x01") -> Case:
    model = key(plain())
    # Eight items: version 3, one token of a prompt and one generated, the list.
    body = b"\x98\x03\x01\x01\xdd" + struct.pack(">I", tokens) + item * tokens
    said = body + b"\xc3" + b"\xc4\x00" * 3
    proof = struct.pack("<I", len(said)) + said
    return model.encode(), files.encode_proof(model.digest, proof)


def with_parts(**changes: Any) -> bytes:
    """A tokenizer with parts of one's own."""
    return json.dumps(json.loads(words()) | changes).encode()


def spelled(**changes: Any) -> Case:
    """Such a tokenizer behind a proof whose text would be made with it."""
    return case(key(plain(), tokens=with_parts(**changes)))


def replacing(count: int, kind: str, pattern: str, content: str) -> dict[str, Any]:
    step = {"type": "Replace", "pattern": {"String": pattern}, "content": content}
    name = {"decoder": "decoders", "normalizer": "normalizers"}[kind]
    return {kind: {"type": "Sequence", name: [step] * count}}


def compacted(count: int, merges: int, rest: Mapping[str, Any] | None = None) -> bytes:
    """The compact form of a tokenizer with tokens of the same length, and as many merges for each."""
    bpe = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None}
    bpe |= {
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
    }
    names = dict.fromkeys(("normalizer", "pre_tokenizer", "post_processor", "decoder"))
    text = tokenizer._dump(
        {**names, "version": "1.0", "added_tokens": [], "model": bpe, **(rest or {})}
    )
    tokens = [b"%08x" % i for i in range(count)]
    header = struct.pack("<BII", 1, len(text), count)
    numbers, left = bytes([merges]) * count, b"\1" * (merges * count)
    return b"".join([header, text, b"\x08" * count, numbers, left, *tokens])


def compact(*arguments: Any) -> Case:
    return case(key(plain(), tokens=compacted(*arguments)))


def many_links(count: int) -> Case:
    return case(key(plain(), links=((bytes(32), b""),) * count))


def honest(
    circuit: Circuit | None = None,
    code: Parameters | None = None,
    prompt: Sequence[int] = (1,),
    output: Sequence[int] = (2,),
    junk: bytes = b"",
    nonce: bytes = b"",
    links: int = 0,
    **changes: Any,
) -> Case:
    """A valid proof, of columns that are zero beside those of the small circuit, with ``junk`` behind it; the key
    has whatever ``changes`` say. ``links`` lead forth and back between two roots of its weights."""
    circuit = circuit or plain()
    code = code or choose_parameters([circuit], hiding=True)
    random, size = np.random.default_rng(0), Generation(1, 1)
    params = {
        c.name: random.integers(-1, 2, circuit.sizes(c, size)).clip(c.low, c.high).astype(c.storage)
        for c in circuit.home("param")
    }
    one, other = (
        CommittedWeights(circuit, code, params, WeightMasks.fresh(circuit, code)) for _ in range(2)
    )
    pairs = ((one, other), (other, one))[: 2 * bool(links)]
    chain = [(old.root, prove_link(circuit, code, old, new)) for old, new in pairs]
    facts = {"range_proof": prove_ranges(circuit, code, one), "links": tuple(chain * (links // 2))}
    model = key(circuit, code, private=encoded(sized(tiny.tiny_private_circuit(), circuit)))
    model = replace(model, weight_root=one.root, **(facts | changes))
    said = Statement(len(prompt), len(output), (*prompt, *output), True, nonce=nonce)
    witness = {
        c.name: np.zeros(circuit.sizes(c, said.shape), np.int64) for c in circuit.home("witness")
    }
    witness |= tiny.tiny_witness(params, said.shape, said.tokens)
    prover = Prover(model, tiny.tiny_program(), params, one.masks)
    found = prover.prove_witness(said, witness, Clock(Silent()), strict=False).proof
    return model.encode(), files.encode_proof(model.digest, found + junk)


def sized(circuit: Circuit, like: Circuit) -> Circuit:
    """With the vocabulary of another one."""
    axes = tuple(
        like.axis[axis.name] if axis.name == "vocabulary" else axis for axis in circuit.axes
    )
    return replace(circuit, axes=axes, extents=like.extents, data=circuit.data)


def spoken(vocabulary: int, tokens: int) -> Circuit:
    """The small circuit for a large vocabulary and long texts."""
    circuit = plain()
    axes = [Axis(a.name, vocabulary) if a.name == "vocabulary" else a for a in circuit.axes]
    return longer(replace(circuit, axes=tuple(axes), data=circuit.data), tokens)


def masked(count: int) -> Circuit:
    """With masks of as many windows, of which a relation adds up nothing."""
    axes = "layers", "token", "source"
    mask = Column("m", axes, "public", 0, 1, "", "mask", tuple(range(count)))
    both = Term(1, "m", same(*axes)), Term(-1, "m", same(*axes))
    sizes = Axis("layers", count), Axis("source", TOKENS)
    return plain(axes=sizes, columns=(mask,), linears=(zero("w", axes, *both),))


def chosen(columns: int, tables: int, rows: int) -> Circuit:
    """With columns of zeros, each looked up in a table."""
    names = [f"c{i}" for i in range(columns)]
    return plain(
        columns=[Column(name, ("row",), "witness", 0, 1) for name in names],
        tables=[Table(f"t{i}", 1, rows) for i in range(tables)],
        lookups=[
            looked_up(f"l{i}", f"t{i % tables}", ("row",), Term(1, name, same("row")))
            for i, name in enumerate(names)
        ],
        data={f"t{i}": np.arange(rows)[:, None] for i in range(tables)},
    )


def long_words() -> bytes:
    """Words of 30 letters, so that texts are nearly as long as they may be."""
    vocabulary = {f"{i:030d}": i for i in range(6)}
    model = {"type": "WordLevel", "vocab": vocabulary, "unk_token": f"{0:030d}"}
    return with_parts(model=model, pre_tokenizer={"type": "WhitespaceSplit"})


def splits() -> dict[str, Any]:
    """As many of the slowest expressions as there may be."""
    pattern = {"Regex": _EXPRESSIONS[1]}
    step = {"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": False}
    return {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [step] * MOST_STEPS}}


def slow(**parts: Any) -> bytes:
    """Steps for words of "w"."""
    vocabulary = {f"w{i}" + "w" * 60: i for i in range(6)}
    model = {"type": "WordLevel", "vocab": vocabulary, "unk_token": "w0" + "w" * 60}
    return with_parts(model=model, **parts)


TEXT = 1 << 15
over: dict[str, Callable[[], Case]] = {
    "windows": lambda: windows(MOST - 1, TEXT),
    "windows of long texts": lambda: windows(1 << 14, TEXT),
    "a table of 2^24 rows": lambda: progression((1 << 24) + 1),
    "many tables in few groups": lambda: tables(1 << 12, 1 << 12, parameters(group_bits=13)),
    "more tables": lambda: tables((1 << 12) + 1, 1, parameters()),
    "tables in groups of their own": lambda: tables(1 << 11, 2, parameters(group_bits=1)),
    "a public column for each leaf": lambda: publics(1 << 22, 1 << 20, 6),
    "leaves of a long axis": lambda: publics(1 << 10, 1 << 20, 4),
    "long axes, summed before": lambda: wide_axes("before", 64, 1 << 20),
    "long axes, rotated": lambda: wide_axes("rotate", 64, (1 << 20) - 2),
    "an axis read twice": lambda: pairs(1 << 20),
    "axes": lambda: parts(axes=1 << 14),
    "columns": lambda: parts(columns=(1 << 12) + 1),
    "terms": lambda: parts(terms=(1 << 12) + 1),
    "relations": lambda: parts(relations=(1 << 12) + 1),
    "blocks": lambda: blocks(64, 64, (1 << 20) - 1, 10),
    "products of a column in pieces": lambda: defined(*[1023] * 3, products=1 << 11),
    "terms of a column in pieces": lambda: defined(511, *[3] * 9, terms=3000),
    "pieces along a listed axis": lambda: defined(256, *[3] * 12),
    "small blocks of attention": lambda: banded(MOST, 4, 0),
    "small blocks of many columns": lambda: banded(1 << 14, 24, 1),
    "queries": lambda: reading(queries=(1 << 20) - 1),
    "masks of pads": lambda: reading(pads_masks=(1 << 20) - 1, pads_log_code=24),
    "rows of slabs": lambda: case(
        key(
            plain(
                axes=(Axis("x", 1 << 20), Axis("y", 1 << 10)),
                columns=(Column("c", ("x", "y"), "witness", 0, 1),),
            ),
            parameters(row_bits=16),
        )
    ),
    "a vector sent last": lambda: reading(
        log_columns=24, log_code=28, levels=(Level(24, 1, 27, 150, 0),)
    ),
    "ranges of 2^62": lambda: ranges(1 << 62, 1),
    "many wide ranges": lambda: ranges(1 << 22, 64),
    "links": lambda: many_links(1 << 16),
    "nested facts": lambda: bare(b"META", nested(1 << 20)),
    "announced facts": lambda: bare(b"META", announced(1000)),
    "a list of lists of links": lambda: bare(b"LINK", b"\xdc\xff\xff" + b"\x90" * 65535),
    "a nested circuit": lambda: bare(b"CIRC", nested(1 << 20)),
    "an announced circuit": lambda: bare(b"CIRC", announced(1000)),
    "a circuit of empty lists": lambda: bare(b"CIRC", b"\xdd\x00\x40\x00\x00" + b"\x90" * (1 << 22)),
    "a circuit of empty maps": lambda: bare(b"CIRC", b"\xdc\xff\xff" + (b"\xdc\xff\xff" + b"\x80" * 65535) * 64),
    "a compressed circuit": lambda: bare(b"CIRC", zlib.compress(bytes(1 << 24))),
    "a list of 50 MB": lambda: token_list(31 << 20),
    "a list of lists": lambda: token_list(1 << 19, b"\x90"),
    "decoders that lengthen": lambda: spelled(**replacing(7, "decoder", "w", "w" * 32)),
    "steps that double": lambda: spelled(**replacing(26, "normalizer", "w", "ww")),
    "an expression": lambda: spelled(
        pre_tokenizer={"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False}
    ),
    "an expression of a decoder": lambda: spelled(
        decoder={"type": "Replace", "pattern": {"Regex": "(w|w)*0"}, "content": ""}
    ),
    "added tokens": lambda: spelled(
        added_tokens=[
            {"id": i, "content": f"x{i}", **dict.fromkeys(tokenizer._FLAGS, False)} for i in range(1 << 15)
        ]
    ),
    "tokens of a template": lambda: spelled(
        post_processor={
            "type": "TemplateProcessing",
            "single": [{"Sequence": {"id": "A", "type_id": 0}}] * 1000,
            "pair": [],
            "special_tokens": {},
        }
    ),
    "a large vocabulary": lambda: vocabulary((1 << 19) + 1),
    "a long token": lambda: spelled(
        model={"type": "WordLevel", "vocab": {"w" * (3 << 20): 0}, "unk_token": "w"}
    ),
    "nested parts": lambda: case(key(plain(), tokens=b'{"decoder":' * 100000)),
    "values": lambda: case(key(plain(), tokens=b'{"model":[' + b"{}," * (1 << 22) + b"{}]}")),
    "merges": lambda: compact(1 << 17, 100),
    "runs of added tokens": lambda: compact(1 << 18, 0, {"added_tokens": [[0, 1 << 18, 0]]}),
}  # fmt: skip
within: dict[str, Callable[[], Case]] = {
    "a hundred windows": lambda: windows(2000, TEXT),
    "few windows of long texts": lambda: windows(100, MOST),
    "a table of 2^23 rows": lambda: progression((1 << 23) + (1 << 22)),
    "a wide table": lambda: progression(1 << 12, 1 << 11),
    "tables": lambda: tables(1 << 11, 1 << 12, parameters()),
    "small groups": lambda: tables(1 << 10, 2, parameters(group_bits=2)),
    "a large public column": lambda: publics(1 << 23, 1 << 4, 24),
    "leaves": lambda: publics(1 << 10, 1 << 16, 7),
    "before": lambda: wide_axes("before", 4, 1 << 18),
    "rotations": lambda: wide_axes("rotate", 4, (1 << 16) - 2),
    "an axis read twice, short": lambda: pairs(1 << 11),
    "parts": lambda: parts(axes=40, columns=1 << 11, terms=1, relations=1500),
    "fewer blocks": lambda: blocks(64, 256, (1 << 14) - 1, 10),
    "products of a column in fewer pieces": lambda: defined(255, *[3] * 4, products=150, factors=3),
    "fewer pieces along a listed axis": lambda: defined(256, *[3] * 10),
    "terms that read one column": lambda: defined(8191, 511, 63, reads=4000),
    "blocks of a window": lambda: banded(1 << 11, 4, 16),
    "blocks of attention": lambda: banded(1 << 11, 4, 0),
    "generated": lambda: generated(TEXT, 4),
    "a long text": lambda: generated(MOST, 1),
    "most queries": lambda: reading(
        log_columns=14,
        log_code=18,
        levels=(Level(14, 4, 13, 1000, 0),),
        queries=MOST_QUERIES - 2000,
        pads_queries=1000,
        pads_masks=1000,
    ),
    "ranges": lambda: ranges(1 << 20, 15),
    "most links": lambda: many_links(256),
    "two circuits": lambda: two_circuits(15 << 20),
    "a vocabulary": lambda: vocabulary(1 << 19),
    "fewer merges": lambda: compact(1 << 17, 15),
    "tokens": lambda: compact(1 << 20, 1),
}
WORDS = tuple(i % 6 for i in range(1 << 14))
# With what is said of it; nothing where the proof is valid, with prompts allowed that are not canonical.
proved: dict[str, tuple[Callable[[], Case], str]] = {
    "an honest key": (honest, ""),
    "16 MiB behind a proof": (lambda: honest(junk=bytes(1 << 24)), "goes on after its end"),
    "the longest nonce": (lambda: honest(nonce=bytes(MOST_NONCE)), ""),
    "a nonce of 4 MiB": (lambda: honest(nonce=bytes(1 << 22)), "more tokens than"),
    "most ends": (lambda: honest(eos=tuple(range(MOST_ENDS))), ""),
    "too many ends": (lambda: honest(eos=tuple(range(MOST_ENDS + 1))), "malformed"),
    "links forth and back": (lambda: honest(links=MOST_LINKS), ""),
    "a range proof of 64 MiB": (lambda: honest(range_proof=bytes(1 << 26)), "ranges"),
    "a function of 1 MiB": (lambda: honest(function_bytes=b" " * MOST_FUNCTION), ""),
    "a text of more tokens than it has": (lambda: honest(circuit=longer(plain(), MOST)), ""),
    "a thousand windows": (lambda: honest(circuit=masked(1000)), ""),
    "columns and lookups": (lambda: honest(circuit=chosen(1 << 9, 1, 2)), ""),
    "tables of lookups": (lambda: honest(circuit=chosen(1 << 8, 1 << 8, 2)), ""),
    "a table of 2^20 rows": (lambda: honest(circuit=chosen(1, 1, 1 << 20)), ""),
    "a long prompt": (
        lambda: honest(spoken(6, MOST), prompt=WORDS, tokenizer_bytes=long_words()), "",
    ),
    "a long answer": (
        lambda: honest(spoken(6, MOST), output=WORDS, tokenizer_bytes=long_words()), "",
    ),
    "an answer that no text says": (
        lambda: honest(
            spoken(1 << 13, MOST),
            prompt=(0,),
            output=range(1 << 13),
            tokenizer_bytes=compacted(1 << 13, 0, {"added_tokens": [[0, 1, 0]], **splits()}),
        ), "",
    ),
    "slow decoders": (
        lambda: honest(
            spoken(6, MOST),
            prompt=WORDS[:2000],
            tokenizer_bytes=slow(**replacing(MOST_STEPS, "decoder", "w", "w")),
        ), "",
    ),
    "slow splits": (
        lambda: honest(spoken(6, MOST), prompt=WORDS[:2000], tokenizer_bytes=slow(**splits())), "",
    ),
    "a text of slow splits that is too long": (
        lambda: honest(spoken(6, MOST), prompt=WORDS[:4000], tokenizer_bytes=slow(**splits())),
        "too long",
    ),
    "decoders that lengthen, behind a proof": (
        lambda: honest(tokenizer_bytes=with_parts(**replacing(7, "decoder", "w", "w" * 32))), "times as long",
    ),
    "an expression behind a proof": (
        lambda: honest(
            tokenizer_bytes=with_parts(
                decoder={"type": "Replace", "pattern": {"Regex": "(w|w)*0"}, "content": ""}
            )
        ), "not allowed",
    ),
    "a decoder that panics": (
        lambda: honest(
            tokenizer_bytes=with_parts(decoder={"type": "Strip", "content": "w", "start": 1, "stop": 1})
        ), "not allowed",
    ),
    "no tokenizer": (lambda: honest(tokenizer_bytes=b"{}"), "malformed"),
}  # fmt: skip
