"""Learning-curve models, one file per model. `hetsched.domain.learning` has their interface."""
