"""What makes the docs and checks them: the site, the generated reference, and the linter of prose."""
