"""Numba kernels: leaf modules with nothing but arrays in their signatures.

Fields and layouts are those of `runtime.field`, which is also their oracle. Compiled code is cached
beside the sources, or in the user's cache directory where that is read-only (numba's rule).

LLVM tunes AVX-512 machines for 256-bit vectors; these kernels are pure integer arithmetic over long
arrays and run a quarter to a half faster with 512 bits, so that preference is switched off. It must
happen before numba compiles anything, hence here, and yields to NUMBA_CPU_FEATURES.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
from numba.core import config as _config

# Typed as anything: numba fills in the names at run time.
config: Any = _config


def _prefer_wide_vectors() -> None:
    # Both or neither: numba takes the name and the features from the host or from the setting.
    if config.CPU_FEATURES is not None or config.CPU_NAME is not None:
        return
    features = llvm.get_host_cpu_features()
    if features.get("avx512dq"):
        config.CPU_NAME = llvm.get_host_cpu_name()
        config.CPU_FEATURES = features.flatten() + ",-prefer-256-bit"


_prefer_wide_vectors()
