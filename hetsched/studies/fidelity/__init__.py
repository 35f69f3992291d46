"""Fidelity: recorded real runs, predicted again by the present simulator."""
