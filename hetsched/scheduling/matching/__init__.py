"""Policies that match trials to worker types by an assignment problem (Sia, AlloX)."""
