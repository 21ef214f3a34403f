"""`zk-opt`: runs passes over IR files, with this package's and xDSL's dialects and passes.

    zk-opt file.mlir -p "drop-batch,raise-rms-norm"

It is `xdsl-opt` with more dialects and passes, plug-ins of the entry-point group `xdsl.universe`
included; one that can not be loaded is left out with a warning. The input is a file, or standard
input without one or with "-".

A pipeline of ours stands for its passes, which are timed, printed and verified one by one:

    zk-opt -O1 --print-pipeline                   # what compile-to-circuit is at that level
    zk-opt file.mlir -O2 --disable-pass cse       # all the way down, but for one pass
    zk-opt file.mlir -O0 -p lower-to-circuit --print-ir-after virtualize --time-passes
    zk-opt file.mlir -O2 --statistics -o /dev/null  # what each optimisation did

Where a pass fails, the module as it was before it and the rest of the pipeline are left in a file, with
which `--run-reproducer` goes on; but not where messages are tested (--verify-diagnostics).

A circuit that is read has the bounds of its relations computed again, and is refused where one is false.

Bad input ends in one line, with file, line and column where they are known, and exit status 1, and
nothing of the output is written. With --verify-diagnostics or --parsing-diagnostics the line goes to
standard output instead and the status is 0.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from contextlib import redirect_stdout
from dataclasses import replace
from functools import cached_property
from io import StringIO
from pathlib import Path
from tempfile import gettempdir
from typing import IO, NoReturn

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.parser import Parser
from xdsl.passes import ModulePass, PassPipeline
from xdsl.universe import Universe
from xdsl.utils.exceptions import (
    ArgSpecParseError,
    DiagnosticException,
    ParseError,
    PassFailedException,
    ShrinkException,
    VerifyException,
)
from xdsl.utils.lexer import Span
from xdsl.xdsl_opt_main import xDSLOptMain

from ..compiler.emit import circuit_of
from ..compiler.levels import HIGHEST, check_optional
from ..compiler.pipelines import CompileToCircuit, Pipeline
from ..compiler.plugins import merge, universes
from ..compiler.running import Watch, check_running, pipeline_of, pipeline_text
from ..compiler.transforms.guard import did_you_mean, internal, operation_of, refusal, summary
from ..dialects.circuit import SystemOp
from ..dialects.nn import module_path
from ..errors import UserError
from . import console
from .uniqueness.bounds import false_bound, false_bounds

INTERRUPTED = 130


class ZkOpt(xDSLOptMain):
    """The optimiser driver. ``encoding`` makes bytes of what is written."""

    encoding = "utf-8"

    @cached_property
    def universe(self) -> Universe:
        """All tables: ours, xDSL's and those of plug-ins, the first to define a name kept."""
        merged = Universe()
        for plugin, found in universes(_warn):
            merge(plugin, "dialect", merged.all_dialects, found.all_dialects, _warn)
            merge(plugin, "pass", merged.all_passes, found.all_passes, _warn)
            merge(plugin, "target", merged.all_targets, found.all_targets, _warn)
        return merged

    def register_all_dialects(self) -> None:
        for name, factory in self.universe.all_dialects.items():
            self.ctx.register_dialect(name, factory)

    def register_all_passes(self) -> None:
        self.available_passes.update(self.universe.all_passes)

    def register_all_targets(self) -> None:
        self.available_targets.update(self.universe.all_targets)

    def register_all_frontends(self) -> None:
        self.available_frontends["mlir"] = self.parse_mlir

    def parse_mlir(self, source: IO[bytes]) -> ModuleOp:
        """Parses and keeps where each operation stands."""
        name = self.get_input_name()
        try:
            text = source.read().decode()
        except UnicodeDecodeError as error:
            raise DiagnosticException(
                f"{name}: not UTF-8 text (byte {error.start} is 0x{error.object[error.start]:02x})"
            ) from None
        if not text.strip():
            raise DiagnosticException(f"{name}: the input is empty")
        parser = _Parser(self.ctx, text, name)
        self.spans = parser.spans
        try:
            return parser.parse_module(not self.args.no_implicit_module)
        except VerifyException as error:  # of an attribute or type, not yet part of an operation
            where = self.position(Span(parser.pos, parser.pos, parser.lexer.input))
            raise VerifyException(f"{where}: {summary(error)}") from None
        except (ParseError, RecursionError, MemoryError):
            raise
        except Exception as error:  # of what is built while parsing, or of xDSL on odd numbers
            parser.raise_error(summary(error) or type(error).__name__)

    def parse_chunk(
        self, chunk: IO[bytes], file_extension: str, start_offset: int = 0
    ) -> ModuleOp | None:
        self.offset = start_offset
        return super().parse_chunk(chunk, file_extension, start_offset)

    def get_input_stream(self) -> tuple[IO[bytes], str]:
        if self.args.input_file == "-":
            self.args.input_file = None
        return super().get_input_stream()

    def register_all_arguments(self, arg_parser: ArgumentParser) -> None:
        super().register_all_arguments(arg_parser)
        add = arg_parser.add_argument
        add(
            *("-O", "--level"),
            type=int,
            choices=range(HIGHEST + 1),
            help="level of the pipelines of -p, which is compile-to-circuit without it",
        )
        add("--disable-pass", action="append", default=[], metavar="NAME", help="leave a pass out")
        add("--print-pipeline", action="store_true", help="print the passes of -p, and run nothing")
        add("--statistics", action="store_true", help="say what each optimisation did, on stderr")
        add("--print-ir-after", action="append", default=[], metavar="NAME", help="on stderr")
        add(
            "--print-ir-tree",
            type=Path,
            metavar="DIR",
            help="a file for the module after each pass",
        )
        add(
            "--run-reproducer",
            action="store_true",
            help="run the pipeline that the first line of the file names",
        )

    def setup_pipeline(self) -> None:
        if self.args.run_reproducer:
            self.args.passes = self._reproduced()
        elif self.args.level is not None and not self.args.passes:
            self.args.passes = CompileToCircuit.name
        self.timed, self.args.time_passes = self.args.time_passes, False  # Not among the module.
        try:
            super().setup_pipeline()
            passes = self._expanded(self.pipeline.passes)
            check_optional(self.args.disable_pass)
            check_running(self.args.print_ir_after, passes)
        except ValueError as error:  # a pass, or an option of xDSL's, that does not exist
            raise DiagnosticException(self._unknown_pass() or str(error)) from error
        except UserError as error:
            raise DiagnosticException(str(error)) from None
        quiet = self.args.verify_diagnostics or self.args.shrink
        self.watch = Watch(
            self.args.print_ir_after,
            self.args.print_ir_tree,
            None if quiet else Path(gettempdir()),
            self.args.statistics,
        )
        callback = self.pipeline.callback

        def checked(before: ModulePass | None, module: ModuleOp, after: ModulePass | None) -> None:
            try:
                if callback:
                    callback(before, module, after)
            except VerifyException as error:
                raise self.located(module, error, before) from None
            if before is None:
                self.check_bounds(module)
            self.watch.passed(before, module)

        self.pipeline = PassPipeline(passes, checked)

    def _reproduced(self) -> str:
        """The pipeline that the first line of the input file names."""
        path = self.args.input_file
        if path in (None, "-"):
            raise DiagnosticException("--run-reproducer needs a file")
        with open(path, encoding="utf-8", errors="replace") as file:
            found = pipeline_of(file.readline())
        if found is None:
            raise DiagnosticException(f"{path}: the first line is no // configuration: -p '...'")
        return found

    def _expanded(self, passes: tuple[ModulePass, ...]) -> tuple[ModulePass, ...]:
        """The passes with pipelines of ours in their parts, and without those that are left out."""
        found: list[ModulePass] = []
        for each in passes:
            if isinstance(each, Pipeline):
                if self.args.level is not None:
                    each = replace(each, level=self.args.level)
                text = pipeline_text(each.parts())
                found += PassPipeline.parse_spec(self.available_passes, text).passes
            else:
                found.append(each)
        return tuple(each for each in found if each.name not in self.args.disable_pass)

    def _unknown_pass(self) -> str:
        for name in (part.partition("{")[0].strip() for part in _passes(self.args.passes)):
            if name not in self.available_passes:
                return f"no pass {name}{did_you_mean(name, list(self.available_passes))}"
        return ""

    def located(
        self, module: ModuleOp, error: VerifyException, after: ModulePass | None
    ) -> VerifyException:
        """The same error in one line that says where, without the module that xDSL attaches."""
        where, text = self.get_input_name(), summary(error)
        for op in module.walk(region_first=True):
            try:
                op.verify(verify_nested_ops=False)
            except VerifyException as cause:
                if op in self.spans:
                    where = self.position(self.spans[op])
                path = module_path(op)
                text = summary(cause)
                text = text if text.startswith(f"{op.name}:") else f"{op.name}: {text}"
                text = f"{path}: {text}" if path else text
                break
        broken = f"after pass {after.name}: " if after else ""
        return VerifyException(f"{where}: {broken}{text}")

    def check_bounds(self, module: ModuleOp) -> None:
        """`VerifyException` where the sides of a relation of a circuit may exceed the bound that was read."""
        for system in (op for op in module.walk() if isinstance(op, SystemOp)):
            try:
                found = false_bounds(circuit_of(system))
            except UserError:
                continue  # It is larger than a circuit of a key, which no bound can mend.
            for relation, most in found:
                (op,) = (op for op in system.relations if op.label == relation.name)
                where = self.get_input_name()
                if op in self.spans:
                    where = self.position(self.spans[op])
                raise VerifyException(f"{where}: {op.name}: {false_bound(relation, most)}")

    def position(self, span: Span) -> str:
        return str(replace(span, line_offset=self.offset).get_location())

    def prepare_input(self) -> tuple[list[tuple[IO[bytes], int]], str]:
        if self.args.input_file == "-":
            self.args.input_file = None  # Standard input.
        try:
            return super().prepare_input()
        except ValueError as error:  # a file extension that no front end reads
            raise DiagnosticException(str(error)) from error

    def prepare_output(self) -> IO[str]:
        """Standard output as it is now: `run` holds back what is written there."""
        return sys.stdout

    def apply_passes(self, prog: ModuleOp) -> None:
        self.watch.begin(prog, self.pipeline.passes)
        try:
            super().apply_passes(prog)
        except (ShrinkException, ImportError, MemoryError):
            raise
        except Exception as error:
            name = self.watch.current
            if not name:  # The module is malformed as it was read.
                raise
            where = self.get_input_name()
            op = operation_of(error)
            if op and op in self.spans:
                where = self.position(self.spans[op])
            located = isinstance(error, VerifyException) and str(error).startswith(where)
            text = summary(error) if located else f"{where}: {refusal(name, error)}"
            raise PassFailedException(text + self.watch.failed(self.ctx)) from None
        finally:
            for asked, report in (
                (self.timed, self.watch.report()),
                (self.args.statistics, self.watch.statistics()),
            ):
                if asked and report:
                    print(report, file=sys.stderr)
            self.watch.seconds.clear()  # Another module of the same file may come.
            self.watch.counted.clear()

    def run(self) -> None:
        """All steps; output appears, or the output file is replaced, once all have succeeded."""
        if self.args.print_pipeline:
            print(pipeline_text(self.pipeline.passes))
            return
        if self.args.shrink or self.args.print_between_passes:
            super().run()  # what it prints on the way to a failure is what is wanted
            return
        held = StringIO()
        with redirect_stdout(held):
            super().run()
        if self.args.output_file is None:
            self.print(held.getvalue())
            return
        path = Path(self.args.output_file)
        if path.exists() and not path.is_file():  # a device or a pipe
            path.write_text(held.getvalue(), encoding=self.encoding)
            return
        part = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            part.write_text(held.getvalue(), encoding=self.encoding)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def print(self, text: str) -> None:
        """Write to standard output."""
        sys.stdout.write(text)
        sys.stdout.flush()


class _Parser(Parser):
    """A parser that remembers where each operation began."""

    spans: dict[Operation, Span]

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.spans = {}

    def parse_operation(self) -> Operation:
        start = self.pos
        op = super().parse_operation()
        self.spans[op] = Span(start, start, self.lexer.input)
        return op


def _passes(spec: str) -> list[str]:
    """The passes of a pipeline's text, with their options; commas in options do not part them."""
    parts, depth = [""], 0
    for character in spec:
        depth += (character in "{[") - (character in "}]")
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _warn(text: str) -> None:
    print(f"zk-opt: warning: {console.printable(text)}", file=sys.stderr)


def main(driver: type[ZkOpt] = ZkOpt, program: str = "zk-opt") -> None:
    """The console script."""

    def fail(text: str, status: int = 1) -> NoReturn:
        print(f"{program}: {console.printable(text)}", file=sys.stderr)
        sys.exit(status)

    try:
        driver(description=f"zklemma modular driver {program}").run()
    except ParseError as error:
        fail(f"{error.span.get_location()}: {' '.join(error.msg.split())}")
    except (DiagnosticException, UserError) as error:
        fail(summary(error))
    except ArgSpecParseError as error:
        # Its lines are a heading, a place, the pipeline, and under it a mark and what is wrong.
        lines = str(error).strip().splitlines()
        fail(f"pass pipeline: {lines[-1].strip(' ^')}: {' '.join(lines[2:-1])}")
    except BrokenPipeError:
        # The reader has seen enough; nothing is left to flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        fail(f"{where}{error.strerror or error}")
    except RecursionError:
        fail("the input is nested too deeply")
    except MemoryError:
        fail("out of memory")
    except KeyboardInterrupt:
        fail("interrupted", INTERRUPTED)
    except Exception as error:
        fail(internal(error))
