"""LogUp-GKR: every looked-up cell lies in its table.

For each group, sum over cells of 1/(alpha - fingerprint) equals the sum over table rows of
multiplicity/(alpha - fingerprint), with fingerprint = sum_i beta_i value_i + beta_tag * tag, if and only if
the cells are rows of their tables (Haboeck ePrint 2022/1530; the sum of fractions by GKR, Papini and
Haboeck ePrint 2023/1284). Every layer of the tree of fractions maps (p0/q0, p1/q1) to
(p0 q1 + p1 q0)/(q0 q1). The root's numerator is a polynomial in alpha and the betas that vanishes
identically exactly when the identity holds, so no denominator needs to be checked.

A gathered row stands in its fingerprint as its multilinear extension at a random point, so a row of m cells counts
log2(m) times towards the degree; its index is the fingerprint's first component, on both sides.

The index of a node is (node bits, group bits), top bit first; the two children differ in the top node bit.
"""
