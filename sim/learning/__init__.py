"""Learning-curve models. One file a model; `hetsched.learning` has their interface."""
