"""Policies on many scenarios: carried out, kept, and ranked."""
