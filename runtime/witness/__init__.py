"""The witness: what the program's steps compute, and the columns of a circuit as arrays."""
