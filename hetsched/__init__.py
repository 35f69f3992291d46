"""The domain of hetsched: policies, state and what is computed from logs."""
