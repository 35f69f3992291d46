"""Scenarios: TOML files, traces and profile files, read and checked."""
