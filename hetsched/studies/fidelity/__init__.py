"""Fidelity: real runs that were recorded, predicted again by the simulator of today."""
