"""The analysis of logs: metrics, lower bounds, paired statistics."""
