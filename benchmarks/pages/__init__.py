"""The tables of the docs whose figures come from files: `python -m benchmarks.pages` writes them."""
