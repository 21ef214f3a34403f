"""The pads, opened last: the affine constraints and the products hold for the committed pads.

The commitment holds two vectors over K in one tree: the pads P (then one spare cell, then mask cells) and P',
uniform over the same cells. The constraints fold into <P, l> = sigma; tau = <P', l>. For products (x, y, z) of
pads, with X* = x' + eta x, the sum of powers of psi times (X* Y* - eta Z*) is U + eta V where
U = sum x'y' + m' and V = sum (x'y + xy' - z') + m, if every z = x y, and has a term in eta^2 otherwise; m and
m' are the spare cells. After tau, U and V, P* = P' + eta P is sent in clear and checked against all three and,
at random positions, against the code (Ligero, ePrint 2022/1608, section 4; QuickSilver, ePrint 2021/076).
"""
