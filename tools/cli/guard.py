"""How a command ends: an expected error is one line on stderr, and a status that says which kind it is."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import typer

from ...errors import InvalidProof, MissingPackage, ZklemmaError
from .. import console

INVALID, UNUSABLE, INTERRUPTED, CLOSED = 1, 2, 130, 141


def guard(function: Callable[..., None]) -> Callable[..., None]:
    """The command ``function``, whose expected errors end in one line and the right exit status."""

    @functools.wraps(function)
    def guarded(*arguments: Any, **options: Any) -> None:
        try:
            function(*arguments, **options)
        except ZklemmaError as error:
            console.fail(error)
            raise typer.Exit(INVALID if isinstance(error, InvalidProof) else UNUSABLE) from None
        except BrokenPipeError:
            # Whoever read what was printed has gone: as if this had been ended by the signal for that.
            raise typer.Exit(CLOSED) from None
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            console.fail(f"{where}{error.strerror or error}")
            raise typer.Exit(UNUSABLE) from None
        except MemoryError:
            console.fail("out of memory, or of what --max-memory allows")
            raise typer.Exit(UNUSABLE) from None
        except ModuleNotFoundError as error:
            if not error.name or error.name.startswith("zklemma"):
                raise
            extra = "prove" if function.__name__ in ("prove", "rotate", "warm") else "compile"
            console.fail(MissingPackage(error.name, extra))
            raise typer.Exit(UNUSABLE) from None
        except KeyboardInterrupt:
            console.fail("interrupted")
            raise typer.Exit(INTERRUPTED) from None

    return guarded
