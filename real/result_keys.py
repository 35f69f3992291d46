"""The keys of a result of Tune that are not numbers of the training."""

from ray.tune.result import AUTO_RESULT_KEYS, DONE, EXPERIMENT_TAG, SHOULD_CHECKPOINT, TRIAL_ID

TUNES_OWN = frozenset(AUTO_RESULT_KEYS) | {DONE, SHOULD_CHECKPOINT, TRIAL_ID, EXPERIMENT_TAG}
"""The keys that Tune adds to a result, or reads as an order."""
