"""The proof system: a package for each sub-protocol, whose docstring describes it.

``prover.py`` and ``verifier.py`` are its two sides, of which neither imports the other, and ``shared.py`` is what
both use. What all parts use lies beside the packages.
"""
