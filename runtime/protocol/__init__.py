"""The proof system: one file for each sub-protocol. Prover and verifier sides are separate files."""
