"""The measurements of a Tune experiment, as a profile and a scenario for comparing strategies."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, median

from msgspec import Struct, field

from hetsched.analysis.intervals import variation
from hetsched.core.events import Parts
from hetsched.domain.cluster import WorkerType
from hetsched.domain.profiles import ProfileRow, StepTimes
from hetsched.domain.workload import TrialKind
from hetsched.scenario.scenario import Scenario, Setup

MEASURED = "measured"
"""The folder of the profile and the scenario, in the experiment's folder."""

STRATEGIES = ["uniform+fifo", "fusion+fifo", "fusion+lookahead"]
"""The strategies of the written scenario. The first one is what Ray Tune does."""

LEAST_S = 1e-9


class Samples(Struct):
    """Seconds that were seen on workers of one type."""

    steps: list[float] = field(default_factory=list)
    start_ups: list[float] = field(default_factory=list)
    restores: list[float] = field(default_factory=list)
    saves: list[float] = field(default_factory=list)


class Measured:
    """Collects the seconds of segments' parts, by kind of trial and type of worker."""

    def __init__(self) -> None:
        self._samples: defaultdict[tuple[TrialKind, WorkerType], Samples] = defaultdict(Samples)

    def of(self, kind: TrialKind, worker: WorkerType) -> Samples:
        """The samples of this kind of trial on this type of worker."""
        return self._samples[kind, worker]

    def segment(self, kind: TrialKind, worker: WorkerType, steps: Sequence[float], parts: Parts) -> None:
        """Add a segment that has ended. `steps` are the seconds of its steps."""
        samples = self.of(kind, worker)
        samples.steps += steps
        samples.saves += [parts.checkpoint_s] if parts.checkpoint_s else []
        if parts.restore_s:  # a new actor for a state is a part of the cost of the state
            samples.restores.append(parts.start_up_s + parts.restore_s)
        elif parts.start_up_s:
            samples.start_ups.append(parts.start_up_s)

    def rows(self, provenance: str) -> list[ProfileRow]:
        """A profile row per kind and type with samples of steps."""
        return [
            ProfileRow(
                model=kind.model,
                dataset=kind.dataset,
                batch_size=kind.batch_size,
                device=worker.device,
                cores=worker.cores,
                gpu_share=worker.gpu_share,
                seconds_per_iteration=max(fmean(samples.steps), LEAST_S),
                noise_cv=variation(samples.steps),
                evaluation_s_per_image=0.0,  # within the steps
                start_up_s=_middle(samples.start_ups),
                restore_s=_middle(samples.restores),
                checkpoint_s=_middle(samples.saves),
                provenance=provenance,
            )
            for (kind, worker), samples in self._samples.items()
            if samples.steps
        ]


def save_measured(
    folder: Path, scenario: Scenario, rows: Sequence[ProfileRow], stop_iterations: int, stop_score: float | None = None
) -> Path:
    """Write the scenario with these rows as its profile. Its trials have `stop_iterations`
    iterations, or fewer if they reach `stop_score`. Returns the folder.

    Its nodes have no addresses, so their `count` may be changed: no real run takes place on them.
    """
    home = folder / MEASURED
    [experiment] = scenario.workload.experiments
    whole = experiment.model_copy(update={"stop_iterations": stop_iterations, "stop_score": stop_score})
    nodes = [node.model_copy(update={"address": None}) for node in scenario.cluster.nodes]
    compared = scenario.replace(
        cluster=scenario.cluster.model_copy(update={"nodes": nodes}),
        strategies=STRATEGIES,
        baseline=STRATEGIES[0],
        seeds=10,
        workload=scenario.workload.model_copy(update={"experiments": [whole]}),
    )
    Setup.of(compared, StepTimes(rows)).save(home)
    return home


def _middle(seconds: Sequence[float]) -> float | None:
    return median(seconds) if seconds else None
