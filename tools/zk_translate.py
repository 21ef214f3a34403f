"""`zk-translate`: a circuit in the form of something else.

    zk-translate circuit.mlir --to circuit-json -o circuit.json
    zk-translate model.mlir -p lower-to-circuit --to 'circuit-dot{whole=true}' | dot -Tsvg

It is `zk-opt` whose output is a target, and ends like it.
"""

from __future__ import annotations

from argparse import ArgumentParser

from ..compiler.transforms.registry import TARGETS
from . import zk_opt


class ZkTranslate(zk_opt.ZkOpt):
    """The translating driver."""

    def register_all_arguments(self, arg_parser: ArgumentParser) -> None:
        super().register_all_arguments(arg_parser)
        names = ", ".join(TARGETS)
        arg_parser.add_argument("--to", dest="target", required=True, help=f"{names}, or xDSL's")


def main() -> None:
    """The console script."""
    zk_opt.main(ZkTranslate, "zk-translate")
