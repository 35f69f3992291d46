"""The simulation backend: SimPy."""
