"""Policies that assign trials in packages. Packages take about as long as a trial on the slowest
worker (HRFS)."""
