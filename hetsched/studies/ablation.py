"""Ablation: what each part of the simulated world contributes to the makespan."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import asdict

from hetsched.analysis.intervals import mean_of_known
from hetsched.analysis.metrics import Metrics, check_trained
from hetsched.domain.metric import Metric
from hetsched.domain.registry import Strategy
from hetsched.domain.rounding import level
from hetsched.scenario.checks import check_policies, profiled_workers
from hetsched.scenario.scenario import Scenario, Setup
from hetsched.scenario.tables import FaultsTable, OverheadsTable
from hetsched.studies.assumed_scores import check_learning
from hetsched.studies.assumptions import assumptions, idle_workers
from hetsched.studies.beyond_recordings import beyond_recordings
from hetsched.studies.folder import ResultsFolder, write_summary
from hetsched.studies.frames import frame, metric_columns
from hetsched.studies.inputs import Seeds, chosen_seeds, chosen_strategy, studied
from hetsched.studies.one_run import RunResult, carry_out
from hetsched.studies.periods import unfit_for
from hetsched.studies.policy_limits import policy_limits
from hetsched.studies.results import Results, scenario_facts
from hetsched.studies.unknown_scores import joined, unknown_scores
from hetsched.studies.unreached import unreached
from hetsched.studies.watching import Progress, silent
from hetsched.studies.work import Work

if TYPE_CHECKING:
    from pandas import DataFrame

WHOLE = "everything"
BARE = "training alone"
_OFF: dict[str, bool | float] = {
    "start_up": False,
    "restore": False,
    "evaluation": False,
    "checkpoint": False,
    "noise": False,
    "sharing": False,
    "dispatch_s": 0.0,
    "latency_s": 0.0,
}


class Ablation(Struct, frozen=True):
    """Means over the seeds, in seconds, of the scenario without a part.

    `contribution_s` is the seconds of the whole less the seconds without the part.
    `contribution_percent` is that in percent of the whole. Contributions need not add up: one part
    may hide another, and PBT decides otherwise when its results come in another order.
    """

    makespan_s: float
    contribution_s: float
    contribution_percent: float
    metric: Metric | None
    best_score: float | None
    iterations: float


def variants(setup: Setup) -> dict[str, Setup]:
    """The scenario as it is, without each part that it has, and without all of them."""
    overheads = setup.scenario.overheads
    found = {WHOLE: setup}
    for name, off in _OFF.items():
        if getattr(overheads, name) != off:
            found[f"without {name.removesuffix('_s')}"] = setup.replace(
                overheads=overheads.model_copy(update={name: off})
            )
    if setup.scenario.faults != FaultsTable():
        found["without faults"] = setup.replace(faults=FaultsTable())
    found[BARE] = setup.replace(overheads=OverheadsTable.model_validate(_OFF), faults=FaultsTable())
    return found


@dataclass(frozen=True, kw_only=True)
class AblationResult(Results):
    """The parts of a strategy's makespan, by variant of the scenario."""

    setup: Setup = field(repr=False)
    strategy: str
    seeds: list[int]
    variants: dict[str, Ablation]

    def variants_frame(self) -> "DataFrame":
        """A row per variant. Raises InputError without pandas."""
        return frame(
            {"variant": name, **asdict(figures), **metric_columns(figures.metric)}
            for name, figures in self.variants.items()
        )

    def document(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            **scenario_facts(self.setup),
            "strategy": self.strategy,
            "seeds": self.seeds,
            **self.caveats,
            "folder": str(self.folder),
            "variants": self.variants,
        }


def ablate(
    scenario: Scenario | Setup,
    strategy: str | Strategy,
    seeds: Seeds = 1,
    folder: Path | str | None = None,
    *,
    policy_files: Sequence[Path | str] = (),
    progress: Progress = silent,
) -> AblationResult:
    """Simulate every variant of the scenario under every seed, with the same draws. `folder` is as
    in `simulate`.

    Raises InputError for what is wrong in the input, PolicyError if the policy fails, HetschedError
    if a run trained nothing.
    """
    with studied(scenario, policy_files) as setup:
        chosen, listed = chosen_strategy(strategy), chosen_seeds(setup, seeds)
        profiled_workers(setup, chosen)
        check_policies(setup, [chosen])
        check_learning(setup)
        home, parts = ResultsFolder.new(folder, setup, "ablate"), variants(setup)
        with home.kept(), progress(len(parts) * len(listed)) as advance:
            runs = {name: _simulated(parts[name], name, chosen, listed, home.path, advance) for name in parts}
        every = tuple(run for of_variant in runs.values() for run in of_variant)
        of_all = idle_workers(setup, [chosen]), policy_limits(setup, [chosen]), unfit_for(setup, {chosen: runs[WHOLE]})
        far = [*(unreached(parts[name], {name: runs[name]}) for name in runs), _other_work(runs)]
        result = AblationResult(
            home=home,
            runs=every,
            setup=setup,
            strategy=str(chosen),
            assumptions=[*assumptions(setup, [chosen]), *beyond_recordings(setup, every)],
            warnings=joined(*of_all, unknown_scores(runs), *far),
            seeds=listed,
            variants=_contributions({name: [run.metrics for run in of_variant] for name, of_variant in runs.items()}),
        )
        write_summary(home.path, "ablate", result.document())
        return result


def _simulated(
    variant: Setup, name: str, strategy: Strategy, seeds: Sequence[int], folder: Path, advance: Callable[[], None]
) -> list[RunResult]:
    """The runs of a variant, in a folder of its name."""
    place, runs = folder / name.replace(" ", "-"), []
    variant.save(place)  # for `hetsched replay`
    for seed in seeds:
        run, _ = carry_out("sim", variant, strategy, seed, place / f"seed-{seed}")
        check_trained(strategy, run.metrics, "ablate")
        runs.append(run)
        advance()
    return runs


def _other_work(runs: Mapping[str, Sequence[RunResult]]) -> dict[str, str]:
    """A warning for each variant that trains clearly more or less than the whole. A policy with a
    limit of time or money uses up what a variant saves."""
    trained = {name: Work.of([run.metrics for run in of_one]) for name, of_one in runs.items()}
    shares = {name: work.share_of(trained[WHOLE]) for name, work in trained.items()}
    return {
        name: f"it trains {share} of {WHOLE!r}, so that makespans do not show what it saves"
        for name, share in shares.items()
        if share.differs
    }


def _contributions(runs: Mapping[str, Sequence[Metrics]]) -> dict[str, Ablation]:
    """The contribution of each variant. A difference from the whole that is only rounding
    contributes nothing."""
    whole = fmean(run.makespan_s for run in runs[WHOLE])
    return {
        name: Ablation(
            makespan_s=makespan,
            contribution_s=contribution_s,
            contribution_percent=100 * contribution_s / whole,
            metric=of_variant[0].metric,
            best_score=mean_of_known(run.best_score for run in of_variant),
            iterations=fmean(run.iterations for run in of_variant),
        )
        for name, of_variant in runs.items()
        for makespan in [fmean(run.makespan_s for run in of_variant)]
        for contribution_s in [_difference(whole, makespan)]
    }


def _difference(whole: float, part: float) -> float:
    whole, part = level([whole, part])
    return whole - part
