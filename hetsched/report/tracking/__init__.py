"""Sends runs to services that track experiments, such as MLflow and Weights & Biases (the extra
`tracking`)."""
