"""One run of a suite, in the form in which it is kept."""

from typing import NamedTuple

from msgspec import Struct

from hetsched.analysis.bounds import full_jobs
from hetsched.core.events import TrialCompleted
from hetsched.core.log import read_log
from hetsched.domain.limits import Amount, Count
from hetsched.errors import HetschedError
from hetsched.scenario.scenario import Setup
from hetsched.studies.beyond_recordings import iterations_beyond
from hetsched.studies.one_run import RunResult
from hetsched.studies.unreached import missed


class Cell(NamedTuple):
    """One run of a suite. `policy` is a scheduling policy on the workers of the scenario's first
    strategy, or a whole strategy, such as `fusion+fifo`."""

    scenario: str
    policy: str
    seed: int


class Record(Struct, frozen=True):
    """The figures of a run of a suite. Names of seconds end in `_s`.

    - `refused`: why the policy cannot run the scenario. Then there are no figures.
    - `trained`: the share of all iterations that were trained. It is below 1 if trials end early.
    - `by_rules`: only the scenario's own rules, such as `stop_score`, ended trials early
    - `decision_s`, `decisions`: measured on this host
    - `from_package`: the run came with the package and was not simulated here
    - `missed`: what the scenario asks for and the run has not, in words. None: not known.
    - `beyond`: by limit of the learning model, the iterations behind best weights beyond it
    - `samples`: the iterations that were trained, each times its batch size. None: not known.
    """

    scenario: str
    policy: str
    seed: int
    refused: str | None = None
    makespan_s: float | None = None
    bound_ratio: float | None = None
    workers_bound_ratio: float | None = None
    mean_jct_s: float | None = None
    area_weighted_jct_s: float | None = None
    jct_bound_ratio: float | None = None
    time_to_target_s: Amount | None = None
    best_score: float | None = None
    trained: Amount | None = None
    decision_s: Amount | None = None
    decisions: Count | None = None
    periods: str = ""
    from_package: bool = False
    missed: list[str] | None = None
    beyond: dict[str, int] = {}
    by_rules: bool = False
    samples: Count | None = None

    @property
    def cell(self) -> Cell:
        return Cell(self.scenario, self.policy, self.seed)

    @property
    def whole(self) -> bool:
        """Whether the policy has stopped no trial, so that the figures can be compared."""
        return self.trained is not None and (self.by_rules or self.trained > 1 - WHOLE)

    @property
    def why_not(self) -> str | None:
        """Why the policy cannot be ranked after this run, in words that follow its name. None: it
        can."""
        if self.refused is not None:
            return f"refuses {self.scenario}: {self.refused}"
        if self.whole:
            return None
        share = f"{self.trained or 0.0:.0%}"
        return f"trains {'almost all' if share == '100%' else share} of the iterations of {self.scenario}"


WHOLE = 1e-9

COLUMNS = tuple(name for name in Record.__struct_fields__ if name not in ("missed", "beyond", "by_rules", "samples"))
"""The fields that a table of runs has. The others are in the remarks on the suite."""


def record(setup: Setup, cell: Cell, run: RunResult | HetschedError, periods: str) -> Record:
    """The record of a run, or of the error with which it ended."""
    if isinstance(run, HetschedError):
        return Record(*cell, refused=str(run))
    metrics = run.metrics
    wanted = sum(job.iterations * count for job, count in full_jobs(setup.workload).items())
    trained = metrics.iterations / wanted
    return Record(
        *cell,
        makespan_s=metrics.makespan_s,
        bound_ratio=metrics.bound_ratio,
        workers_bound_ratio=metrics.workers_bound_ratio,
        mean_jct_s=metrics.mean_jct_s,
        area_weighted_jct_s=metrics.area_weighted_jct_s,
        jct_bound_ratio=metrics.jct_bound_ratio,
        time_to_target_s=metrics.time_to_target_s,
        best_score=metrics.best_score,
        trained=trained,
        decision_s=run.decision_s,
        decisions=run.decisions,
        periods=periods,
        missed=missed(setup, run),
        beyond=iterations_beyond(setup, [run]),
        by_rules=trained <= 1 - WHOLE and _ended_by_rules(run),
        samples=metrics.samples,
    )


def _ended_by_rules(run: RunResult) -> bool:
    """Whether the policy has stopped no trial."""
    return not any(isinstance(event, TrialCompleted) and event.is_by_policy for event in read_log(run.log))
