"""`zk-translate` writes a circuit in another form, or says why not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from zklemma.compiler.emit import emit
from zklemma.runtime.circuit.relations import Circuit, Expr, Index, Term
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
