"""What can be said of policies over many scenarios. Pure functions of figures of which less is better; the figures are
ratios, such as makespan / bound, that mean the same on every scenario. docs/suite.md explains them."""
