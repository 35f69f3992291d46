"""What nodes use: their cores, memory and GPUs, sampled during a run."""
