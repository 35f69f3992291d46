"""What nodes use: their cores, memory and GPUs, sampled while a run goes on."""
