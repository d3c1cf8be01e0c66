"""Proof that the tests bite: what is to be trusted is broken, and the tests must notice."""
