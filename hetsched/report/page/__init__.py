"""One self-contained HTML page: what a study was, to look at without a network."""
