"""Policies that hand out trials in packages which take the slowest worker about equally long (HRFS)."""
