"""Statements about policies over many scenarios. All functions are pure. Their figures are ratios,
such as makespan / bound, which mean the same on every scenario. Less is better. docs/suite.md
explains them."""
