"""What a scenario asks for and no run of a strategy has: a target, a score in time, a planned fault,
a node. No table tells of it then."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hetsched.analysis.metrics import Metrics
from hetsched.errors import listed
from hetsched.scenario.scenario import Setup
from hetsched.studies.one_run import RunResult
from hetsched.studies.planned_faults import once, without_effect, without_workers


def unreached(setup: Setup, runs: Mapping[Any, Iterable[RunResult]]) -> dict[str, str]:
    """A warning for each strategy of which no run has reached the target, has a score by the
    deadline or within the budget, had a planned fault, or lasted until a node is there."""
    found = {str(name): in_all(missed(setup, run) for run in of_one) for name, of_one in runs.items()}
    return {name: "; ".join(lines) for name, lines in found.items() if lines}


def missed(setup: Setup, run: RunResult) -> list[str]:
    """A line for each thing that this run lacks, in words that hold if all other runs lack it,
    too."""
    return [*_scores(setup, run.metrics), *_faults(setup, run)]


def in_all(lines: Iterable[Sequence[str]]) -> list[str]:
    """The lines that all runs have.

    >>> in_all([["a", "b"], ["b", "c"]])
    ['b']
    """
    first, *others = [*lines] or [[]]
    return [line for line in first if all(line in other for other in others)]


def targets_of(setup: Setup) -> dict[str, float]:
    """By evaluated experiment the scenario's target score, or the score at which the experiment
    stops. Empty: there is none, or nothing is evaluated."""
    overall = setup.scenario.metrics.target_score
    evaluated = [each for each in setup.workload.experiments if each.evaluation_images]
    found = {each.id: each.stop_score if overall is None else overall for each in evaluated}
    return {experiment: target for experiment, target in found.items() if target is not None}


def _scores(setup: Setup, run: Metrics) -> Iterator[str]:
    asked, targets = setup.scenario.metrics, targets_of(setup)
    evaluated = any(each.evaluation_images for each in setup.workload.experiments)
    if targets and run.time_to_target_s is None:
        whose = f"the target in all {len(targets)} experiments" if len(targets) > 1 else "the target"
        yield f"no run reached {whose}, {' or '.join(sorted({f'{target:g}' for target in targets.values()}))}"
    if evaluated and asked.deadline_s is not None and run.score_at_deadline is None:
        yield f"no run has a score by its deadline, {asked.deadline_s:g} s"
    if evaluated and asked.budget is not None and run.score_at_budget is None:
        yield f"no run has a score within its budget, {asked.budget:g}"


def _faults(setup: Setup, run: RunResult) -> Iterator[str]:
    faults, end_s = setup.scenario.faults, run.metrics.makespan_s
    nowhere = without_effect(faults, run.log, end_s)
    without = without_workers(setup, run)
    for table, nodes in (("late", faults.late), ("spot.nodes", (faults.spot and faults.spot.nodes) or [])):
        if named := [node for node in nodes if node in without]:
            yield f"faults.{table} has no effect on {listed(named)}: the strategy has no worker there"
    for fault in once(faults.planned)[0]:
        which = f"the planned fault of {fault.worker or fault.node} at {fault.at_s:g} s"
        if fault.at_s > end_s:
            yield f"no run lasted until {which}"
        elif fault in nowhere:
            yield f"in no run was anybody there for {which}: it had no effect"
        elif fault.back_s is not None and fault.back_s > end_s:
            yield f"no run lasted until {fault.node} is back at {fault.back_s:g} s"
    for node, joins_s in faults.late.items():
        if joins_s > end_s and node not in without:
            yield f"no run lasted until {node} joins at {joins_s:g} s"
