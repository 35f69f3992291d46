"""Policies that give each trial a share of each worker type, realised in rounds (Gavel)."""
