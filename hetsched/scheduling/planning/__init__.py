"""Policies that plan the rest of the run and look ahead."""
