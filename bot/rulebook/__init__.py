"""What the bot does about what it sees: pure functions of book, market and rules.

`rules`, `rounding`, `sizing`, `limits`, `exits` and `fills` are the numeric core:
floats, ints, bools and named tuples of them, in the part of Python that Numba
compiles. `decide`, `settle` and `ledger` dress that core in domain values and
reasons. No clock, no input or output, no chance anywhere below this package.
"""
