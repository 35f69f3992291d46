"""Trials of which no score is known before their end."""

from hetsched.domain.workload import Experiment


def one_segment(experiment: Experiment) -> str | None:
    """That a trial is one segment, so that it has no score on the way, in words after "as". None: it
    is several."""
    if experiment.interval < experiment.stop_iterations:
        return None
    key = "pbt.perturbation_interval" if experiment.pbt is not None else "checkpoint_interval"
    return f"a trial is one segment, and has no score before its end: set {key}"
