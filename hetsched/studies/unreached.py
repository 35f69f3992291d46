"""What a scenario asks for and no run of a strategy has: a target, a score in time, a planned fault.
No table tells of it then."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hetsched.analysis.metrics import Metrics
from hetsched.scenario.scenario import Setup
from hetsched.studies.one_run import RunResult


def unreached(setup: Setup, runs: Mapping[Any, Iterable[RunResult]]) -> dict[str, str]:
    """A warning for each strategy of which no run has reached the target, has a score by the
    deadline or within the budget, or lasted until a planned fault."""
    found = {str(name): list(_of_one(setup, [run.metrics for run in of_one])) for name, of_one in runs.items()}
    return {name: "; ".join(lines) for name, lines in found.items() if lines}


def targets_of(setup: Setup) -> set[float]:
    """The scenario's target score, or the scores at which its experiments stop. Empty: there is
    none, or nothing is evaluated."""
    overall = setup.scenario.metrics.target_score
    evaluated = [each for each in setup.workload.experiments if each.evaluation_images]
    found = (each.stop_score if overall is None else overall for each in evaluated)
    return {target for target in found if target is not None}


def _of_one(setup: Setup, runs: Sequence[Metrics]) -> Iterator[str]:
    asked, targets = setup.scenario.metrics, targets_of(setup)
    evaluated = any(each.evaluation_images for each in setup.workload.experiments)
    if targets and all(run.time_to_target_s is None for run in runs):
        yield f"no run reached the target, {' or '.join(sorted(f'{target:g}' for target in targets))}"
    if evaluated and asked.deadline_s is not None and all(run.score_at_deadline is None for run in runs):
        yield f"no run has a score by its deadline, {asked.deadline_s:g} s"
    if evaluated and asked.budget is not None and all(run.score_at_budget is None for run in runs):
        yield f"no run has a score within its budget, {asked.budget:g}"
    longest_s = max((run.makespan_s for run in runs), default=0.0)
    for fault in setup.scenario.faults.planned:
        if fault.at_s > longest_s:
            yield f"no run lasted until the planned fault of {fault.worker or fault.node} at {fault.at_s:g} s"
