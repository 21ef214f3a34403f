"""That inputs have one witness and no relation wraps, as claims that an SMT solver decides.

What is examined is a `schema.circuit.Circuit`, the relations that a verifier checks, and nothing else: no pass, no
step of the witness program, no name. Witness columns count as elements of the field until a claim says that they
are integers of their declared range.

    gadgets    which columns are determined together, and by which relations
    cells      the relations at one cell, as equations in integers; one copy or two
    intervals  how large an expression gets
    claims     what has to hold of each gadget, as SMT-LIB text that is unsatisfiable if it does
    bounds     the same of each relation's bound
    solver     z3's answer, and a counterexample that is evaluated without it
"""
