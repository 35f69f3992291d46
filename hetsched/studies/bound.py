"""What no schedule can beat on a scenario."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hetsched.analysis.bounds import Bounds, cluster_devices, worker_devices, workload_bounds
from hetsched.analysis.bounds_groups import Devices
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import Experiment
from hetsched.errors import InputError
from hetsched.scenario.scenario import Scenario, Setup
from hetsched.studies.assumed_bounds import of_bounds
from hetsched.studies.assumed_jobs import dealt_jobs
from hetsched.studies.frames import frame
from hetsched.studies.inputs import Strategies, chosen_strategies, studied
from hetsched.studies.results import scenario_facts

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, kw_only=True)
class BoundResult:
    """Lower bounds in seconds, for any allocation and for the workers of each allocation policy.

    `training_alone` has the same bounds if trials only trained: segments then cost nothing else.
    Its first entry is `any`, the others are by allocation. `notes` say for which trials the work is
    not known beforehand: there a run may end sooner.
    """

    setup: Setup = field(repr=False)
    overall: Bounds
    by_allocation: dict[str, Bounds]
    training_alone: dict[str, Bounds]
    assumptions: Sequence[str] = ()
    notes: Sequence[str] = ()

    @property
    def with_costs(self) -> dict[str, Bounds]:
        """The bounds by allocation, after those for `any`."""
        return {"any": self.overall, **self.by_allocation}

    def to_frame(self) -> "DataFrame":
        """A row per allocation policy, after one for `any`. Raises InputError without pandas."""
        return frame(
            {
                "allocation": name,
                **own._asdict(),
                **{f"training_alone_{figure}": s for figure, s in self.training_alone[name]._asdict().items()},
            }
            for name, own in self.with_costs.items()
        )

    def document(self) -> dict[str, Any]:
        """What `--json` prints."""
        document = scenario_facts(self.setup)
        for figure, key in (("makespan_s", ""), ("trial_jct_s", "trial_jct_"), ("experiment_jct_s", "experiment_jct_")):
            document[f"{key}bound_s"] = getattr(self.overall, figure)
            document[f"{key}by_allocation_s"] = {n: getattr(own, figure) for n, own in self.by_allocation.items()}
            alone = {name: getattr(own, figure) for name, own in self.training_alone.items()}
            document[f"{key}training_alone_bound_s"] = alone.pop("any")
            document[f"{key}training_alone_by_allocation_s"] = alone
        document["assumptions"] = list(self.assumptions)
        document["notes"] = list(self.notes)
        return document


def bound(
    scenario: Scenario | Setup, strategies: Strategies | None = None, *, policy_files: Sequence[Path | str] = ()
) -> BoundResult:
    """Lower bounds, in seconds, on the makespan and on the mean job completion time (JCT).

    JCT is completion minus arrival, of trials and of experiments. Every trial trains to its stop
    iteration. One bound is for any allocation. The others are for the workers of each strategy's
    allocation policy (default: the scenario's strategies). Segments have the costs that the
    simulator charges. `training_alone` leaves these costs out.

    Raises InputError if the profile lacks a step time.
    """
    with studied(scenario, policy_files) as setup:
        workload, times = setup.workload, setup.times
        devices = cluster_devices(setup.cluster, times)
        overall = _bounds(setup, devices)
        alone = workload_bounds(workload, devices, times)
        by_allocation, training_alone = {}, {"any": alone}
        chosen = chosen_strategies(setup, strategies)
        assumed = dict.fromkeys([*dealt_jobs(setup), *of_bounds(setup, chosen)])
        for strategy in chosen:
            devices = worker_devices(setup.workers(strategy))
            # A schedule under this allocation is also a schedule under any allocation.
            own = _bounds(setup, devices, strategy)
            by_allocation[strategy.allocation] = Bounds(*map(max, own, overall))
            own_alone = workload_bounds(workload, devices, times)
            training_alone[strategy.allocation] = Bounds(*map(max, own_alone, alone))
        return BoundResult(
            setup=setup,
            overall=overall,
            by_allocation=by_allocation,
            training_alone=training_alone,
            assumptions=list(assumed),
            notes=list(uncertain_work(workload.experiments)),
        )


def _bounds(setup: Setup, devices: Devices, strategy: Strategy | None = None) -> Bounds:
    """The bounds with costs, for the strategy's workers or for any allocation. Raises InputError
    that names the profile, and the strategy if only its workers lack a step time."""
    try:
        return workload_bounds(setup.workload, devices, setup.times, setup.costs)
    except InputError as error:
        sources = ", ".join(setup.scenario.profile.sources)
        whose = "" if strategy is None else f": of the workers of {strategy}; another allocation may make others"
        raise InputError(f"profile.sources ({sources}){whose}: {error}") from error


def uncertain_work(experiments: Sequence[Experiment]) -> Iterator[str]:
    """Notes on work that is not known beforehand."""
    if any(experiment.stop_score is not None and experiment.evaluation_images for experiment in experiments):
        yield "Trials that stop on a score may need fewer iterations."
    if any(experiment.counts_lineage for experiment in experiments):
        yield "Trials that take over iterations may need fewer, or more."
    if any(experiment.changes_kinds for experiment in experiments):
        yield "Batch sizes, which PBT changes, are dealt evenly."
