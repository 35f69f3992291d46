"""Runs for other programs: tables for notebooks, traces for viewers of timelines, a crate for archives."""
