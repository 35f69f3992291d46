"""Which means of scores cover only some of the runs, or none, because a training may report a value
that is no number."""

from collections.abc import Iterable, Mapping
from typing import Any

from hetsched.errors import counted
from hetsched.scenario.scenario import Setup
from hetsched.studies.one_run import RunResult


def unknown_scores(runs: Mapping[Any, Iterable[RunResult]]) -> dict[str, str]:
    """A warning for each strategy of which some runs, but not all, have no best score."""
    found = {}
    for strategy, of_one in runs.items():
        scores = [run.metrics.best_score for run in of_one]
        if 0 < (unknown := scores.count(None)) < len(scores):
            found[str(strategy)] = (
                f"{unknown} of {counted(len(scores), 'run')} reported no score that is a number: the mean of the best "
                "scores is of the others"
            )
    return found


def no_scores(setup: Setup, runs: Mapping[Any, Iterable[RunResult]]) -> dict[str, str]:
    """A warning for each strategy whose real runs evaluated trials and have no best score at all."""
    if not any(experiment.evaluation_images for experiment in setup.workload.experiments):
        return {}
    found = {strategy: [run.metrics for run in of_one] for strategy, of_one in runs.items()}
    line = "no trial reported a score that is a number, so exploits go by none: let the training report numbers"
    return {
        str(strategy): line
        for strategy, of_one in found.items()
        if any(run.segments for run in of_one)
        and all(run.metric is not None and run.best_score is None for run in of_one)
    }


def joined(*warnings: Mapping[str, str]) -> dict[str, str]:
    """The warnings together, those of one strategy in one line.

    >>> joined({"a": "x"}, {"a": "y", "b": "z"})
    {'a': 'x; y', 'b': 'z'}
    """
    names = dict.fromkeys(name for each in warnings for name in each)
    return {name: "; ".join(each[name] for each in warnings if name in each) for name in names}
