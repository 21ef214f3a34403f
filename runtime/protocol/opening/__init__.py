"""The opening: all claims on all committed cells become one, and that one is opened.

1. A random combination of the claims is a linear form on the cells; sumcheck folds the row bits, then the
   slab bits, and leaves <f, l> = sigma on one vector f with a cell for each codeword column, sigma affine in pads.
2. The uniform row R was committed beside the witness: rho = <R, l> is sent masked, then eta is drawn and
   f' = R + eta f, which is uniform where R is, is opened in clear with <f', l> = rho + eta sigma.
3. Opening f': commit it as a matrix in a code of lower rate, draw positions, open those columns of the level
   above. Each fold of an opened column is an evaluation of f', one more claim. Sumcheck folds the rows of f'
   and the same step serves the next vector, until it is short enough to send (Ligerito, ePrint 2025/1187;
   WHIR, ePrint 2024/1586; tensor folds in the unique-decoding regime, Diamond and Gruen).
"""
