"""What a result of Tune's has beside the numbers of a training."""

from ray.tune.result import AUTO_RESULT_KEYS, DONE, EXPERIMENT_TAG, SHOULD_CHECKPOINT, TRIAL_ID

TUNES_OWN = frozenset(AUTO_RESULT_KEYS) | {DONE, SHOULD_CHECKPOINT, TRIAL_ID, EXPERIMENT_TAG}
"""The names of what Tune adds to a result, or takes for an order."""
