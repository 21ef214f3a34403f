"""The tables behind zk-opt, and what its users see when something is wrong."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass, PassPipeline
from xdsl.pattern_rewriter import (
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)
from xdsl.utils.exceptions import PassFailedException
from zklemma.compiler.levels import Level
from zklemma.compiler.pipelines import compile_passes
from zklemma.compiler.running import pipeline_text
from zklemma.compiler.transforms.guard import guarded
from zklemma.compiler.transforms.options import check_options
from zklemma.compiler.transforms.registry import UNIVERSE, pass_factories
from zklemma.dialects import nn
from zklemma.tools import zk_opt


def test_tables_name_what_they_hold() -> None:
    assert {name: make().name for name, make in UNIVERSE.all_passes.items()} == {
        name: name for name in UNIVERSE.all_passes
    }
    assert {name: make().name for name, make in UNIVERSE.all_dialects.items()} == {
        name: name for name in UNIVERSE.all_dialects
    }


NOT_RAISED = """
func.func @main() -> tensor<f32> {
  %0 = nn.constant 1.0 : tensor<f32>
  func.return %0 : tensor<f32>
}
"""


ONE_BLOCK = "func.func @main() {\n  func.return\n}\n"
TWO_BLOCKS = """
func.func @main() -> tensor<4xi64> {
  %0 = nn.tokens : tensor<4xi64>
  cf.br ^bb1
^bb1:
  func.return %0 : tensor<4xi64>
}
"""
BACKWARDS = """
func.func @main() -> tensor<4xf32> {
  %1 = nn.neg %0 : (tensor<4xf32>) -> tensor<4xf32>
  %0 = nn.neg %1 : (tensor<4xf32>) -> tensor<4xf32>
  func.return %1 : tensor<4xf32>
}
"""
OF_FUNCTIONS = (
    "drop-batch",
    "raise-to-nn",
    "plan-scales",
    "convert-nn-to-quant",
    "stack-layers",
    "batch-decode",
)
OF_FUNCTIONS += ("convert-quant-to-zk", "compile-to-circuit", "lower-to-circuit")
OF_SYSTEMS = ("bound-relations", "virtualize", "dedup-lookups", "merge-tables")
OF_SYSTEMS += ("lower-zk-to-circuit", "band-attention", "pack-columns", "circuit-stats")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr("sys.argv", ["zk-opt", *arguments])
    zk_opt.main()


def refusal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> str:
    """The one line with which zk-opt refuses, having written nothing else."""
    with pytest.raises(SystemExit) as exit:
        run(monkeypatch, *arguments)
    out, error = capsys.readouterr()
    assert (exit.value.code, out) == (1, "")
    assert error.startswith("zk-opt: ") and error.count("\n") == 1 and error.endswith("\n")
    return error


@pytest.mark.parametrize(
    ("file", "text", "arguments", "message"),
    [
        ("a.mlir", "nn.tokens", [], "a.mlir:1:10: Expected"),
        (
            "a.mlir",
            "\n %0 = nn.tokens : tensor<2x3xi64>",
            [],
            "a.mlir:2:2: nn.tokens: tokens have shape (T) or (1, T), got (2, 3)",
        ),
        ("a.mlir", "%0 = quant.tokens : !quant.tensor<[4], bits = 65, frac = 0>", [], "mlir:1:"),
        ("a.mlir", "circuit.axis @a !field.pf<4>", [], "a.mlir:1:"),
        (
            "a.mlir",
            NOT_RAISED,
            ["-p", "raise-to-nn"],
            "a.mlir: raise-to-nn: the model: nn.constant",
        ),
        ("a.mlir", "", [], "a.mlir: the input is empty"),
        ("a.mlir", b"\xff\xfe", [], "a.mlir: not UTF-8 text (byte 0 is 0xff)"),
        ("a.mlir", "", ["-p", "no-such-pass"], "no pass no-such-pass"),
        ("a.mlir", "", ["-p", "cse,raise-ropes"], "no pass raise-ropes; did you mean raise-rope?"),
        ("a.mlir", "", ["-p", "raise-rope{depth=1}"], "no option depth: the pass has none"),
        ("a.mlir", "", ["-p", "plan-scales{head-room=1}"], "did you mean headroom?"),
        ("a.mlir", "", ["-p", "batch-decode{generated=many}"], "generated takes a value of type"),
        ("a.mlir", "", ["-p", "verify-legality"], "stage"),
        ("a.mlir", "", ["-p", "raise-rope{"], "pass pipeline"),
        ("a.mlir", "", ["-p", "pack-columns{least=1000}"], "least must be in 0 .. 62, got 1000"),
        ("a.txt", "", [], "extension"),
        ("a.mlir", BACKWARDS, ["-p", "raise-rope"], "nn.neg uses the result of nn.neg before"),
        # The first of two parts is fine; its output is not written either.
        ("a.mlir", f"{ONE_BLOCK}\n// -----\nnn.tokens", ["--split-input-file"], "a.mlir:6:10:"),
        *(
            ("a.mlir", text, ["-p", name], message)
            for name in OF_FUNCTIONS
            for text, message in (
                ("builtin.module {}", "expected a module of one function, found 0"),
                ("func.func private @main() -> ()", "@main is declared without a body"),
                (TWO_BLOCKS, "@main has 2 blocks"),
                (ONE_BLOCK + ONE_BLOCK.replace("main", "next"), "one function, found 2"),
            )
            if (name, message[:8]) != ("lower-to-circuit", "@main ha")
        ),
        *(
            (
                "a.mlir",
                ONE_BLOCK.replace("()", "(%ids : !quant.tensor<[4], bits = 32, frac = 0>)"),
                ["-p", name],
                "@main has arguments",
            )
            for name in (
                "convert-nn-to-quant",
                "stack-layers",
                "batch-decode",
                "convert-quant-to-zk",
            )
        ),
        *(("a.mlir", ONE_BLOCK, ["-p", name], f"{name}: the module has no") for name in OF_SYSTEMS),
    ],
)
def test_errors_are_messages(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    file: str,
    text: str | bytes,
    arguments: list[str],
    message: str,
) -> None:
    path = tmp_path / file
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    assert message in refusal(monkeypatch, capsys, str(path), *arguments)


def test_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = str(tmp_path / "a.mlir")
    assert f"{missing}: No such file" in refusal(monkeypatch, capsys, missing)
    assert f"{tmp_path}: Is a directory" in refusal(monkeypatch, capsys, str(tmp_path))


@pytest.mark.parametrize("arguments", [[], ["-"]])
def test_reads_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(ONE_BLOCK.encode())))
    run(monkeypatch, *arguments)
    assert "func.func @main" in capsys.readouterr().out


def test_failure_leaves_the_output_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = tmp_path / "a.mlir", tmp_path / "b.mlir"
    source.write_text(NOT_RAISED)
    output.write_text("before")
    refusal(monkeypatch, capsys, str(source), "-p", "raise-to-nn", "-o", str(output))
    assert output.read_text() == "before"
    run(monkeypatch, str(source), "-o", str(output))
    assert "nn.constant" in output.read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"a.mlir", "b.mlir"}


def test_a_long_module_is_not_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.mlir"
    lines = "".join(f"%{i} = nn.constant 1.0 : tensor<f32>\n" for i in range(500))
    path.write_text(lines + "%x = nn.constant 1.0e400 : tensor<f32>\n")
    assert len(refusal(monkeypatch, capsys, str(path))) < 1000


BROKEN = {
    "missing": "raise ImportError('no such thing')",
    "exits": "raise ValueError('what a pity')",
    "other": "UNIVERSE = 3",
    "again": """
from xdsl.ir import Dialect
from xdsl.universe import Universe
UNIVERSE = Universe(all_dialects={"nn": lambda: Dialect("nn"), "more": lambda: Dialect("more")})
""",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    module = f"zk_opt_test_plugin_{name}"
    (tmp_path / f"{module}.py").write_text(BROKEN[name])
    info = tmp_path / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[xdsl.universe]\n{name} = {module}:UNIVERSE\n")
    monkeypatch.syspath_prepend(tmp_path)
    source = tmp_path / "a.mlir"
    source.write_text(NOT_RAISED)
    run(monkeypatch, str(source))
    out, error = capsys.readouterr()
    assert "nn.constant" in out
    assert error.startswith(f"zk-opt: warning: plug-in {name}") and error.count("\n") == 1
    assert ("dialect nn already" in error) == (name == "again")


@pytest.mark.parametrize("value", ["4", "4.0", "1e1"])
def test_a_float_option_takes_an_integer(value: str) -> None:
    spec = PassPipeline.parse_spec(pass_factories(), f"plan-scales{{headroom={value}}}")
    assert type(vars(spec.passes[0])["headroom"]) is float


@dataclass(frozen=True)
class _Sized(ModulePass):
    name = "sized"
    factor: float = 1.0
    size: int | None = None

    def __post_init__(self) -> None:
        check_options(self, factor=(0.5, 8.0), size=(1, 4))


@pytest.mark.parametrize("options", ["", "{factor=0.5 size=4}", "{factor=8}", "{size}"])
def test_options_in_range(options: str) -> None:
    PassPipeline.parse_spec({"sized": lambda: guarded(_Sized)}, f"sized{options}")


@pytest.mark.parametrize(
    "option", ["factor=0.0", "factor=-1.0", "factor=nan", "factor=inf", "size=5"]
)
def test_options_out_of_range(option: str) -> None:
    name, _, value = option.partition("=")
    with pytest.raises(PassFailedException, match=rf"^sized: {name} must be in .*, got {value}$"):
        PassPipeline.parse_spec({"sized": lambda: guarded(_Sized)}, f"sized{{{option}}}")


@dataclass(frozen=True)
class _Broken(ModulePass):
    """A pass with a fault: in a pattern, by itself, or in what it leaves."""

    name = "broken"
    how: str

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.how == "pattern":
            PatternRewriteWalker(_Faulty()).rewrite_module(op)
        elif self.how == "itself":
            raise KeyError("no such thing")
        else:
            for inner in op.walk():
                if isinstance(inner, nn.ConstantOp):
                    inner.properties.clear()


class _Faulty(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: nn.ConstantOp, rewriter: PatternRewriter) -> None:
        raise TypeError("what a pity")


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file; `broken` is a pass, and reproducers are left beside it."""
    monkeypatch.setitem(UNIVERSE.all_passes, "broken", lambda: guarded(_Broken))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = tmp_path / "a.mlir"
    path.write_text(NOT_RAISED.replace("1.0 :", '1.0 {module = "model.x"} :'))
    return path


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (
            "pattern",
            "a.mlir:3:3: broken: model.x: internal error, please report it: TypeError: what",
        ),
        ("itself", "a.mlir: broken: internal error, please report it: KeyError: 'no such thing' ("),
        ("result", "a.mlir:3:3: after pass broken: model.x: nn.constant: "),
    ],
)
def test_a_failing_pass_leaves_a_reproducer(
    broken: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    how: str,
    message: str,
) -> None:
    """The module before the pass and the rest of the pipeline, with which the failure comes again."""
    pipeline = f"canonicalize,broken{{how={how}}},cse"
    error = refusal(monkeypatch, capsys, str(broken), "-p", pipeline)
    assert message in error
    (made,) = broken.parent.glob("before-broken-*.mlir")
    assert error.endswith(f" (to reproduce: zk-opt {made} --run-reproducer)\n")
    first, _, module = made.read_text().partition("\n")
    assert first == f"// configuration: -p '{pipeline.partition(',')[2]}'"
    run(monkeypatch, str(broken), "-p", "canonicalize")
    assert capsys.readouterr().out.strip() == module.strip()
    again = refusal(monkeypatch, capsys, str(made), "--run-reproducer")
    assert message.partition(": ")[2].split(": ")[-1] in again


def test_reproducers_are_for_failing_passes_only(
    broken: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, str(broken), "-p", "broken{how=pattern}", "--verify-diagnostics")
    assert "model.x" in capsys.readouterr().out
    broken.write_text("%0 = nn.tokens : tensor<2x3xi64>")
    refusal(monkeypatch, capsys, str(broken), "-p", "cse")
    assert [path.name for path in broken.parent.iterdir()] == ["a.mlir"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--run-reproducer"], "the first line is no // configuration: -p"),
        (["-p", "cse", "--print-ir-after", "csf"], "no pass csf runs; did you mean cse?"),
        (["-p", "cse", "--disable-pass", "csf"], "no pass csf; did you mean cse?"),
        (
            ["-O1", "--disable-pass", "convert-quant-to-zk"],
            "convert-quant-to-zk can not be left out: it is needed by",
        ),
        (
            ["-O1", "--disable-pass", "bound-relations"],
            "bound-relations can not be left out: it is a",
        ),
        (["-p", "lower-to-circuit{level=3}"], "lower-to-circuit: -O3: the levels are -O0 to -O2"),
    ],
)
def test_wrong_pipelines(
    broken: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    assert message in refusal(monkeypatch, capsys, str(broken), *arguments)


@pytest.mark.parametrize("level", range(3))
def test_a_printed_pipeline_is_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], level: int
) -> None:
    run(monkeypatch, f"-O{level}", "--print-pipeline")
    text = capsys.readouterr().out
    assert text == pipeline_text(compile_passes(Level(level))) + "\n"
    run(monkeypatch, "-p", text.strip(), "--print-pipeline")
    assert capsys.readouterr().out == text
    run(monkeypatch, "-p", f"compile-to-circuit{{level={level} disable=cse}}", "--print-pipeline")
    assert capsys.readouterr().out == text.replace(",cse,", ",")


def test_looking_into_a_pipeline(
    broken: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = broken.parent / "tree"
    looks = ["--print-ir-after", "cse", "--time-passes", "--print-ir-tree", str(tree)]
    run(monkeypatch, str(broken), "-p", "cse,canonicalize", *looks)
    out, error = capsys.readouterr()
    assert out.startswith("builtin.module {") and "// IR after cse\nbuiltin.module {" in error
    assert [line.split()[2] for line in error.splitlines()[-2:]] == ["cse", "canonicalize"]
    files = sorted(path.name for path in tree.iterdir())
    assert files == ["00-input.mlir", "01-cse.mlir", "02-canonicalize.mlir"]
    run(monkeypatch, str(tree / "01-cse.mlir"), "--run-reproducer")
    assert capsys.readouterr().out == out
