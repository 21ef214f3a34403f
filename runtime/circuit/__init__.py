"""The final circuit as plain data: what the compiler emits and the runtime proves and verifies.

Nothing here imports xDSL, torch or numba, so that a verifier stays light.
"""
