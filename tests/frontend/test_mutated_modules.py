"""Every pass on damaged modules: it succeeds or refuses in words, and never fails otherwise.

The modules are those of the lit tests and of each level of the lowering, each with one or two lines
damaged: an operation left out, doubled, moved or renamed, a number or a value replaced, a function's
body gone.
"""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser
from xdsl.universe import XDSL_UNIVERSE
from xdsl.utils.exceptions import DiagnosticException, ParseError
from zklemma.compiler.transforms.registry import UNIVERSE, pass_factories

ROOT = Path(__file__).parents[2]
PASSES = {name: make() for name, make in pass_factories().items()}
OPERATIONS = [op.name for make in UNIVERSE.all_dialects.values() for op in make().operations]
NUMBER = re.compile(r'(?<![\w%@#.^"])-?\d+(\.\d+(e[+-]?\d+)?)?(?![\w.])')
NUMBERS = [
    *("0", "1", "-1", "3", "63", "64", "1000", str(2**63 - 1), str(-(2**63)), str(2**70)),
    *("0.0", "-1.0", "1.0e-320", "1.0e308", "1.0e400"),
    *("0x7FF0000000000000", "0x7FF8000000000000"),  # infinity and NaN
]
VALUE = re.compile(r"%\w+")
BODY = re.compile(r"(func\.func [^{]*)\{.*\}", re.DOTALL)
EXPECTED = (DiagnosticException, ParseError)


def context() -> Context:
    made = Context()
    for name, make in (XDSL_UNIVERSE.all_dialects | UNIVERSE.all_dialects).items():
        made.register_dialect(name, make)
    return made


def parsed(text: str) -> ModuleOp:
    module = Parser(context(), text).parse_module()
    module.verify()
    return module


def apply(name: str, module: ModuleOp) -> ModuleOp:
    options = ("nn",) if name == "verify-legality" else ()
    PASSES[name](*options).apply(context(), module)
    module.verify()
    return module


def small_modules() -> list[str]:
    """The parts of lit tests that are whole functions or systems."""
    found = []
    for path in sorted((ROOT / "lit_tests").rglob("*.mlir")):
        if not re.search("invalid|errors|effects", path.name):
            for part in path.read_text().split("// -----"):
                text = re.sub("^ *//.*\n", "", part, flags=re.MULTILINE)
                if "func.func" in text or ".system" in text:
                    found.append(text)
    return found


def levels() -> list[str]:
    """A small model at each level from `quant` on."""
    text = (ROOT / "tests" / "lowering" / "tiny.mlir").read_text()
    system = apply("convert-quant-to-zk", parsed(text))
    circuit = apply("lower-to-circuit", parsed(text))
    return [text, str(system), str(apply("virtualize", system)), str(circuit)]


def damaged(text: str, choose: random.Random) -> str:
    lines = [line for line in text.split("\n") if line.strip()] or [""]
    at = choose.randrange(len(lines))
    match choose.randrange(8):
        case 0:
            del lines[at]
        case 1:
            lines.insert(choose.randrange(len(lines)), lines[at])
        case 2:
            lines.insert(choose.randrange(len(lines)), lines.pop(at))
        case 3:
            other = choose.choice(OPERATIONS)
            lines[at] = re.sub(r"\b(nn|quant|zk|circuit)\.[a-z_]+", other, lines[at], count=1)
        case 4:
            body = choose.choice(["", "{ func.return }", "{ cf.br ^bb1 ^bb1: func.return }"])
            return BODY.sub(rf"\1{body}", text)
        case 5 if values := VALUE.findall(text):
            lines[at] = VALUE.sub(choose.choice(values), lines[at], count=1)
        case _ if numbers := list(NUMBER.finditer(lines[at])):
            found = choose.choice(numbers)
            new = choose.choice(NUMBERS)
            lines[at] = lines[at][: found.start()] + new + lines[at][found.end() :]
    return "\n".join(lines)


def check(text: str) -> bool:
    """Runs every pass; whether the damaged module was one at all."""
    try:
        module = parsed(text)
    except EXPECTED:
        return False
    for name in PASSES:
        try:
            str(apply(name, module.clone()))
        except EXPECTED as error:
            assert len(str(error)) < 2000
        except Exception as error:
            pytest.fail(f"{name}: {type(error).__name__}: {error}\n{text}")
    return True


@pytest.mark.parametrize(
    ("modules", "count", "seed"),
    [(small_modules, 120, 1), (levels, 12, 2)],
    ids=["small", "levels"],
)
def test_passes_refuse_in_words(modules, count: int, seed: int) -> None:
    choose = random.Random(seed)
    texts = modules()
    valid = 0
    for _ in range(count):
        text = damaged(choose.choice(texts), choose)
        if choose.random() < 0.3:
            text = damaged(text, choose)
        valid += check(text)
    assert valid > count / 10
