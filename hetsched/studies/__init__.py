"""What is done with runs: one run, comparison, ablation, validation, resume."""
