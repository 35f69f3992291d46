"""Exports of runs: tables for notebooks, traces for viewers of timelines, an RO-Crate for
archives."""
