"""Policies that order the ready trials in a queue."""
