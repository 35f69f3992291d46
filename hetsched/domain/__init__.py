"""What the product is about: cluster, workload, profiles, learning, random numbers, policies by
name. Pure values."""
