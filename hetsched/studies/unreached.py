"""What `[metrics]` asks for and no run of a strategy has. No table has a column for it then."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hetsched.analysis.metrics import Metrics
from hetsched.scenario.scenario import Setup
from hetsched.studies.one_run import RunResult


def unreached(setup: Setup, runs: Mapping[Any, Iterable[RunResult]]) -> dict[str, str]:
    """A warning for each strategy of which no run has reached the target, or has a score by the
    deadline or within the budget."""
    found = {str(name): list(_of_one(setup, [run.metrics for run in of_one])) for name, of_one in runs.items()}
    return {name: "; ".join(lines) for name, lines in found.items() if lines}


def _of_one(setup: Setup, runs: Sequence[Metrics]) -> Iterator[str]:
    asked = setup.scenario.metrics
    evaluated = [each for each in setup.workload.experiments if each.evaluation_images]
    targets = {each.stop_score if asked.target_score is None else asked.target_score for each in evaluated} - {None}
    if targets and all(run.time_to_target_s is None for run in runs):
        yield f"no run reached the target, {' or '.join(sorted(f'{target:g}' for target in targets))}"
    if evaluated and asked.deadline_s is not None and all(run.score_at_deadline is None for run in runs):
        yield f"no run has a score by its deadline, {asked.deadline_s:g} s"
    if evaluated and asked.budget is not None and all(run.score_at_budget is None for run in runs):
        yield f"no run has a score within its budget, {asked.budget:g}"
