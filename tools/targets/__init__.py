"""Targets of `zk-translate` that need more than the compiler: `circuit-smt` and `circuit-r1cs`."""
