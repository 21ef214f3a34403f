"""The proof system: a package for each sub-protocol, whose docstring describes it.

In each ``prover.py`` and ``verifier.py`` are the two sides, and ``shared.py`` is what both use; neither side imports
the other. What all parts use lies beside the packages.
"""
