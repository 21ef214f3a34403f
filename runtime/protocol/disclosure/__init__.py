"""Prompt and output, or inputs and outputs of a function, tied to the statement, which shows them or holds a
digest.

`Circuit.reveals` names witness columns that hold them. Challenges make one linear form l on the cells of those
columns: what the form gives on the committed columns must be what it gives on what the statement shows. Of what the
statement is silent about nothing is said.

What is kept behind a digest has a small commitment of its own, whose root is the statement's digest: Q, the
columns' cells over F and then mask cells, and Q', uniform over K. The values y of the form on the columns and tau =
<Q', l> are sent masked, then eta is drawn, Q* = Q' + eta Q is sent in clear, and <Q*, l> = tau + eta y; at random
positions Q* is what the tree holds. Nothing of Q shows, and who keeps it and the salts can open the digest later
(`disclosure`).
"""
