"""Measurements for later simulations: step times for profiles, accuracies for learning models."""
