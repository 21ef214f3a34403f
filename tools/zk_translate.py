"""`zk-translate`: a circuit in the form of something else.

    zk-translate circuit.mlir --to circuit-json -o circuit.json
    zk-translate model.mlir -p lower-to-circuit --to 'circuit-dot{whole=true}' | dot -Tsvg
    zk-translate circuit.mlir --to circuit-smt | z3 -in

It is `zk-opt` whose output is a target, and ends like it. What it reads is text of any level; a target of a circuit
takes one as it is, or what passes make of the rest. Targets of ours are in `compiler.targets`, and here those that
need more than the compiler, which plain `xdsl-opt` therefore does not have.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from functools import partial

from ..compiler.transforms.registry import TARGETS
from ..dialects.registry import resolve
from . import zk_opt

PACKAGE = __name__.rpartition(".")[0]
MORE = {
    "circuit-smt": ".targets.circuit_smt:CircuitSmt",
    "circuit-r1cs": ".targets.circuit_r1cs:CircuitR1cs",
}
"""Target name to "module:class", the module relative to this package."""
BYTES = ("circuit-r1cs",)
"""Those whose characters are bytes."""


class ZkTranslate(zk_opt.ZkOpt):
    """The translating driver."""

    def register_all_targets(self) -> None:
        super().register_all_targets()
        for name, target in MORE.items():
            self.available_targets[name] = partial(resolve, target, PACKAGE)

    def register_all_arguments(self, arg_parser: ArgumentParser) -> None:
        super().register_all_arguments(arg_parser)
        names = ", ".join((*TARGETS, *MORE))
        arg_parser.add_argument("--to", dest="target", required=True, help=f"{names}, or xDSL's")

    @property
    def encoding(self) -> str:
        binary = self.args.target.partition("{")[0] in BYTES
        return "latin-1" if binary else super().encoding

    def print(self, text: str) -> None:
        if self.encoding == zk_opt.ZkOpt.encoding:
            super().print(text)
        else:
            sys.stdout.buffer.write(text.encode(self.encoding))
            sys.stdout.flush()


def main() -> None:
    """The console script."""
    zk_opt.main(ZkTranslate, "zk-translate")
