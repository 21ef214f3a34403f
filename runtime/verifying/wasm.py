"""The second verifier as WebAssembly (WASI), in this process, run by `wasmtime`.

The program sees the folder with the files that it is to read, and nothing else.
"""

from __future__ import annotations

import atexit
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import MissingPackage, UserError, ZklemmaError, expect
from ..model.files import Buffer
from .second import VERDICTS, laid_out, read_verdicts

if TYPE_CHECKING:
    from wasmtime import Engine, Module

# Where `make verifier` puts it, and packages have it.
BUILT = Path(__file__).parents[2] / "verifier" / "js" / "zklemma-verify.wasm"


def contents() -> bytes:
    """The program; `UserError` where it was not built."""
    try:
        return BUILT.read_bytes()
    except OSError:
        raise UserError(
            f"{BUILT}: there is no verifier in WebAssembly: `make verifier` builds it"
        ) from None


def verdicts(
    key: Buffer, proofs: Sequence[Buffer], *options: str, opening: Buffer | None = None
) -> list[dict[str, Any]]:
    """See `second.Verdicts`."""
    program = contents()
    try:
        from wasmtime import ExitTrap, Func, Linker, Store, Trap, WasiConfig, WasmtimeError
    except ModuleNotFoundError as error:
        raise MissingPackage(error.name, "wasm") from None
    engine, module = _compiled(program)
    store, linker = Store(engine), Linker(engine)
    linker.define_wasi()
    with laid_out(key, proofs, options, opening) as (folder, arguments):
        wasi = WasiConfig()
        wasi.argv = [BUILT.stem, *arguments]
        wasi.preopen_dir(str(folder), ".", fs_mutable=False)
        said, complaint = folder / "said", folder / "complaint"
        wasi.stdout_file, wasi.stderr_file = str(said), str(complaint)
        store.set_wasi(wasi)
        status = 0
        try:
            start = linker.instantiate(store, module).exports(store)["_start"]
            expect(start, Func)(store)
        except ExitTrap as end:
            status = end.code
        except (Trap, WasmtimeError) as error:
            why = complaint.read_text(errors="replace").strip() or str(error)
            raise ZklemmaError(f"the verifier in WebAssembly stopped: {why}") from None
        lines = said.read_text().splitlines()
    if status not in VERDICTS:
        raise ZklemmaError(f"the verifier in WebAssembly failed, with status {status}")
    return read_verdicts(lines, proofs)


@cache
def _compiled(program: bytes) -> tuple[Engine, Module]:
    from wasmtime import Config, Engine, Module

    config = Config()
    # Else it takes gigabytes of address space, which --max-memory limits.
    config.memory_reservation, config.memory_guard_size = 0, 0
    config.memory_reservation_for_growth = 1 << 26
    # The library's own clean-up fails where it comes after that of the interpreter.
    atexit.register(_compiled.cache_clear)
    engine = Engine(config)
    return engine, Module(engine, program)
