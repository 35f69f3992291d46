"""Strategies whose runs never reach the target score. No table has a column for it then."""

from collections.abc import Iterable, Mapping
from typing import Any

from hetsched.scenario.scenario import Setup
from hetsched.studies.one_run import RunResult


def unreached_target(setup: Setup, runs: Mapping[Any, Iterable[RunResult]]) -> dict[str, str]:
    """A warning for each strategy of which no run has reached the target. That is the scenario's
    target score, or the score at which each experiment stops."""
    overall = setup.scenario.metrics.target_score
    evaluated = [each for each in setup.workload.experiments if each.evaluation_images]
    targets = {each.stop_score if overall is None else overall for each in evaluated} - {None}
    if not targets:
        return {}
    named = " or ".join(sorted(f"{target:g}" for target in targets))
    unreached = [name for name, of_one in runs.items() if all(run.metrics.time_to_target_s is None for run in of_one)]
    return {str(name): f"no run reached the target, {named}" for name in unreached}
