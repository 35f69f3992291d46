"""The code that makes and checks the docs: the site, the generated reference, and the linter of
prose."""
