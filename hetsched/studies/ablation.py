"""Ablation: what each part of the simulated world contributes to the makespan."""

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean

from msgspec import Struct

from hetsched.analysis.metrics import Metrics, check_trained
from hetsched.domain.registry import Strategy
from hetsched.scenario.scenario import Scenario
from hetsched.scenario.tables import FaultsTable, OverheadsTable
from hetsched.studies.one_run import carry_out

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

    `contribution_s` is how much longer the whole takes than it would without the part, and `contribution_percent` that
    in percent of the whole. Contributions need not add up: parts hide behind each other, and PBT takes another course
    when its results come in another order.
    """

    makespan_s: float
    contribution_s: float
    contribution_percent: float
    best_accuracy: float
    iterations: float


def variants(scenario: Scenario) -> dict[str, Scenario]:
    """The scenario as it is, without each part that it has, and without all of them."""
    overheads = scenario.overheads
    found = {WHOLE: scenario}
    for name, off in _OFF.items():
        if getattr(overheads, name) != off:
            found[f"without {name.removesuffix('_s')}"] = scenario.replace(
                overheads=overheads.model_copy(update={name: off})
            )
    if scenario.faults != FaultsTable():
        found["without faults"] = scenario.replace(faults=FaultsTable())
    found[BARE] = scenario.replace(overheads=OverheadsTable.model_validate(_OFF), faults=FaultsTable())
    return found


def ablate(
    scenario: Scenario,
    strategy: Strategy,
    seeds: Sequence[int],
    folder: Path,
    progress: Callable[[], None] = lambda: None,
) -> dict[str, Ablation]:
    """Simulate every variant under every seed, with the same luck; the logs go to `folder`."""
    runs: dict[str, list[Metrics]] = {}
    for name, variant in variants(scenario).items():
        runs[name] = []
        variant.save(folder / name.replace(" ", "-"))  # for `hetsched replay`
        for seed in seeds:
            home = folder / name.replace(" ", "-") / f"seed-{seed}"
            metrics = carry_out("sim", variant, strategy, seed, home)[0].metrics
            check_trained(strategy, metrics, "ablate")
            runs[name].append(metrics)
            progress()
    whole = fmean(run.makespan_s for run in runs[WHOLE])
    return {
        name: Ablation(
            makespan_s=makespan,
            contribution_s=whole - makespan,
            contribution_percent=100 * (whole - makespan) / whole,
            best_accuracy=fmean(run.best_accuracy for run in of_variant),
            iterations=fmean(run.iterations for run in of_variant),
        )
        for name, of_variant in runs.items()
        for makespan in [fmean(run.makespan_s for run in of_variant)]
    }
