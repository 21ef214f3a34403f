"""The final circuit as plain data: what the compiler emits and the runtime proves and verifies.

Nothing here imports xDSL, torch or numba, so that a verifier stays light; nor any other part of the runtime, so
that dialects and compiler may import it.
"""
