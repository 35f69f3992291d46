"""Learning-curve models. One file a model; `hetsched.domain.learning` has their interface."""
