"""One self-contained HTML page that shows a study without a network."""
