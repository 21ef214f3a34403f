"""The application: its commands, in the order in which help shows them."""

from __future__ import annotations

from typing import Annotated

import typer

from .audit import audit
from .bench import bench
from .compile import compile
from .cost import cost
from .coverage import coverage
from .export import export
from .fidelity import fidelity
from .guard import guard
from .inspect import inspect
from .page import page
from .prove import prove
from .reveal import reveal
from .rotate import rotate
from .security import security
from .smt import smt
from .targets import targets
from .verify import verify
from .warm import warm


def _version(asked: bool) -> None:
    if asked:
        from ... import __version__

        print(f"zklemma {__version__}")
        raise typer.Exit


app = typer.Typer(
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Prove what a language model said, and verify it.",
)


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    pass


for command in (
    compile,
    targets,
    coverage,
    export,
    fidelity,
    cost,
    prove,
    reveal,
    rotate,
    verify,
    page,
    audit,
    inspect,
    security,
    smt,
    warm,
    bench,
):
    app.command()(guard(command))
