"""Policies that stop trials early (ASHA, HyperSched)."""
