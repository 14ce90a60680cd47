"""Benchmarks: `scripts/bench` runs them and prints one table; the normal test run does not collect them."""
