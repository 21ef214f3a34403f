"""Families of models: a small file each says what the compiler has to know of one; the registry finds them."""
