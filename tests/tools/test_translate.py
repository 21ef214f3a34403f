"""`zk-translate` writes a circuit in another form, or says why not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from zklemma.compiler.emit import emit
from zklemma.runtime.circuit.index import Index
from zklemma.runtime.circuit.relations import Circuit, Expr, Term
from zklemma.tools import zk_opt, zk_translate

TINY = Path(__file__).parents[1] / "lowering" / "tiny.mlir"


def expression(found: dict) -> Expr:
    """An expression from its JSON."""
    terms = [
        Term(
            term["coefficient"],
            term["column"],
            tuple(Index(i["kind"], i["axis"], tuple(i["table"])) for i in term["indices"]),
        )
        for term in found["terms"]
    ]
    return Expr(tuple(found["axes"]), tuple(terms), found["constant"])


def test_json_says_the_circuit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "circuit.json"
    options = ["-p", "lower-to-circuit{private_tokens=true}", "--to", "circuit-json"]
    monkeypatch.setattr("sys.argv", ["zk-translate", str(TINY), *options, "-o", str(output)])
    zk_translate.main()
    found = json.loads(output.read_text())
    seen: list[Circuit] = []

    def keep(self: zk_opt.ZkOpt, module: object) -> str:
        seen.append(emit(module)[0])  # type: ignore[arg-type]
        return ""

    monkeypatch.setattr(zk_opt.ZkOpt, "output_resulting_program", keep)
    monkeypatch.setattr("sys.argv", ["zk-opt", str(TINY), *options[:2]])
    zk_opt.main()
    (circuit,) = seen
    by_kind = {
        kind: [relation for relation in found["relations"] if relation["kind"] == kind]
        for kind in ("einsum", "lookup", "linear", "gather")
    }
    for einsum, wanted in zip(by_kind["einsum"], circuit.einsums, strict=True):
        assert (einsum["name"], einsum["bound"]) == (wanted.name, wanted.bound)
        assert expression(einsum["left"]) == wanted.lhs and einsum["module"] == wanted.origin
        for product, exact in zip(einsum["products"], wanted.products, strict=True):
            assert tuple(map(expression, product["factors"])) == exact.factors
    for linear, wanted in zip(by_kind["linear"], circuit.linears, strict=True):
        assert expression(linear["expression"]) == wanted.expr and linear["bound"] == wanted.bound
    for lookup, wanted in zip(by_kind["lookup"], circuit.lookups, strict=True):
        assert lookup["table"] == wanted.table
        assert tuple(map(expression, lookup["expressions"])) == wanted.exprs
    for gather, wanted in zip(by_kind["gather"], circuit.gathers, strict=True):
        assert expression(gather["source"]) == wanted.source
    assert [(c["name"], c["low"], c["high"]) for c in found["columns"]] == [
        (c.name, c.low, c.high) for c in circuit.columns
    ]
    assert found["reveals"] == {what: list(names) for what, names in circuit.reveals.items()}


def test_what_is_no_circuit_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["zk-translate", str(TINY), "--to", "circuit-dot"])
    with pytest.raises(SystemExit) as end:
        zk_translate.main()
    out, error = capsys.readouterr()
    assert end.value.code == 1 and out == "" and error.count("\n") == 1
    assert error.startswith("zk-translate: the module has no circuit.system")


ROUND = """
circuit.system over <"goldilocks"> extents <tokens 4> {
  circuit.axis @token tokens
  circuit.column @x public "data" [token] in 0 to 255 = ["60 * token"]
  circuit.column @q witness [token] in 0 to 15
  circuit.column @r witness [token] in 0 to 15
  circuit.column @s witness [token] in 1 to 31
  circuit.table @u4 [#zk.rows<["x"], 0 to 16>]
  circuit.lookup @q.range in @u4 [#zk.expr<"token: q[token]">]
  circuit.lookup @r.range in @u4 [#zk.expr<"token: r[token]">]
  circuit.linear @divide <"token: 16*q[token] + r[token] - x[token]"> bound <510>
  circuit.einsum @more <"token: s[token]"> = [#zk.product<"1 * (token: q[token] + r[token] + 1)">] bound <62>
  zk.compute {
  }
}
"""


@pytest.mark.parametrize("ranged", [True, False])
def test_smt_says_that_a_witness_is_unique(
    ranged: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Quotient and remainder are, where the remainder is short."""
    z3 = pytest.importorskip("z3")
    source, output = tmp_path / "round.mlir", tmp_path / "round.smt2"
    lines = [line for line in ROUND.splitlines() if ranged or "r.range" not in line]
    source.write_text("\n".join(lines))
    arguments = ["zk-translate", str(source), "--to", "circuit-smt", "-o", str(output)]
    monkeypatch.setattr("sys.argv", arguments)
    zk_translate.main()
    text = output.read_text()
    assert text.startswith("(set-logic ALL)\n") and text.count("set-logic") == 1
    found: dict[str, set[str]] = {}
    for part in text.split("; ")[1:]:
        solver = z3.Solver()
        solver.from_string(part.partition("(push 1)")[2].partition("(check-sat)")[0])
        kind = part.partition(":")[0]
        found.setdefault(kind, set()).add(str(solver.check()))
    assert found.keys() == {"range", "bound", "unique"} and found["bound"] == {"unsat"}
    assert (found["range"] | found["unique"] == {"unsat"}) == ranged


def test_smt_refuses_an_unknown_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "round.mlir"
    source.write_text(ROUND)
    monkeypatch.setattr("sys.argv", ["zk-translate", str(source), "--to", "circuit-smt{kind=all}"])
    with pytest.raises(SystemExit) as end:
        zk_translate.main()
    out, error = capsys.readouterr()
    assert end.value.code == 1 and out == "" and error.count("\n") == 1
    assert "no kind all of claims: range, unique, exists, bound, rest" in error
