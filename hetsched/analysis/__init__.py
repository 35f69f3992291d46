"""What a log comes to: metrics, lower bounds, paired statistics."""
