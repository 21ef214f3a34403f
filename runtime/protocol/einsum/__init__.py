"""Einsums and linear relations.

All left sides are claimed at one random point (one challenge vector for each axis); each product of
factors is a sum over its variables, and the sums run in one batched sumcheck: an instance with m variables
joins for the last m rounds, so that all share those challenges. What is left is one value for each factor,
a linear claim on committed columns, and their products.

An einsum that defines a column is not claimed at that point. Its products are summed with the weights that
lookups gave the column's cells (`deferred`), in the same sumcheck.

Source: matrix products by sumcheck, Thaler 2013 (ePrint 2013/351, section 4.4); an axis of the left side that
only one factor has is bound to the point before the sumcheck, as in zkCNN (ePrint 2021/673).
"""
