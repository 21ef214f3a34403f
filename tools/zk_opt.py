"""`zk-opt`: runs passes over IR files, with this package's and xDSL's dialects and passes.

    zk-opt file.mlir -p "drop-batch,raise-rms-norm"

It is `xdsl-opt` with more dialects and passes, plug-ins of the entry-point group `xdsl.universe`
included. A failing pass or verifier ends in one message and exit status 1; with
--verify-diagnostics the message goes to standard output and the status is 0.
"""

from __future__ import annotations

import sys
from typing import IO

from xdsl.dialects.builtin import ModuleOp
from xdsl.universe import Universe
from xdsl.utils.exceptions import (
    ArgSpecParseError,
    DiagnosticException,
    ParseError,
    PassFailedException,
)
from xdsl.xdsl_opt_main import xDSLOptMain

from ..compiler.transforms.registry import UNIVERSE
from ..errors import ZklemmaError


class ZkOpt(xDSLOptMain):
    """The optimiser driver; our own tables come last, whether or not the plug-in is installed."""

    def register_all_dialects(self) -> None:
        plugins = Universe.get_multiverse().all_dialects
        for name, factory in (plugins | UNIVERSE.all_dialects).items():
            self.ctx.register_dialect(name, factory)

    def register_all_passes(self) -> None:
        plugins = Universe.get_multiverse().all_passes
        for name, factory in (plugins | UNIVERSE.all_passes).items():
            self.register_pass(name, factory)

    def setup_pipeline(self) -> None:
        try:
            super().setup_pipeline()
        except ValueError as error:  # a pass, or an option of one, that does not exist
            raise DiagnosticException(str(error)) from error

    def prepare_input(self) -> tuple[list[tuple[IO[bytes], int]], str]:
        if self.args.input_file == "-":
            self.args.input_file = None  # Standard input.
        try:
            return super().prepare_input()
        except ValueError as error:  # a file extension that no front end reads
            raise DiagnosticException(str(error)) from error

    def apply_passes(self, prog: ModuleOp) -> None:
        try:
            super().apply_passes(prog)
        except ZklemmaError as error:
            raise PassFailedException(str(error)) from error


def main() -> None:
    """The console script."""
    try:
        ZkOpt(description="zklemma modular optimizer driver").run()
    except (DiagnosticException, ParseError, ArgSpecParseError, OSError) as error:
        print(f"zk-opt: {error}", file=sys.stderr)
        sys.exit(1)
