"""Which means of scores cover only some of the runs, because a training may report a value that is
no number."""

from collections.abc import Iterable, Mapping
from typing import Any

from hetsched.errors import counted
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


def joined(*warnings: Mapping[str, str]) -> dict[str, str]:
    """The warnings together, those of one strategy in one line.

    >>> joined({"a": "x"}, {"a": "y", "b": "z"})
    {'a': 'x; y', 'b': 'z'}
    """
    names = dict.fromkeys(name for each in warnings for name in each)
    return {name: "; ".join(each[name] for each in warnings if name in each) for name in names}
