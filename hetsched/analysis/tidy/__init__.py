"""Tidy tables of runs: one row per thing, one column per variable, units in the names of columns.

`TABLES` of `hetsched.analysis.tidy.tables` has them by name. docs/results.md lists their columns.
"""
