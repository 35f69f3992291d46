"""Recordings of real trials; docs/learning.md says how they were made."""
