"""The application: its commands, in the order in which help shows them."""

from __future__ import annotations

import typer

from .bench import bench
from .compile import compile
from .export import export
from .guard import guard
from .inspect import inspect
from .prove import prove
from .reveal import reveal
from .rotate import rotate
from .security import security
from .verify import verify

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Prove what a Gemma-3 model said, and verify it.",
)
for command in (compile, export, prove, reveal, rotate, verify, inspect, security, bench):
    app.command()(guard(command))
