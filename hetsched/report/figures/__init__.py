"""Figures at paper size, drawn by matplotlib (the extra `figures`) from what the page shows."""
