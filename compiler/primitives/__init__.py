"""The closed set of primitives: everything that a circuit checks is made of these nine.

| primitive | what it states |
|---|---|
| `affine` | a value is a sum of columns |
| `contract` | an expression is a sum of products, contracted over the axes that it lacks |
| `round` | a sum of products, divided by a power of two and rounded |
| `divmod` | quotient and remainder of a division by a value |
| `table` | a value is a table's at another value |
| `normalise` | a positive number as mantissa and exponent, and its reciprocal root |
| `maximum` | a value is the largest of several, and which one |
| `gather` | rows of a source at an index |
| `window` | elements of images as a window moves over them, and the larger of two |

Each is a file: its docstring gives the schema of relations and the reason why there is one witness,
and its functions write columns, ranges and relations through a `Builder`. Operations of `quant` are
open: each is a pattern that decomposes it into these (`transforms.convert_quant_to_zk`).

All of it is over the integers: `bound-relations` shows that no relation wraps around the prime.
"""
