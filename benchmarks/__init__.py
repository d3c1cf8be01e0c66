"""Benchmarks: this library beside others, measured in turns. `python -m benchmarks` runs them."""
