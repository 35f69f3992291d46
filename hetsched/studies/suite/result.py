"""The result of a suite: the runs of every policy on every scenario, and the statements about the
policies."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from math import inf
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from hetsched.analysis.figures import decision_time
from hetsched.analysis.over_scenarios.aggregates import (
    Aggregate,
    BySeed,
    aggregate,
    geometric_mean,
    in_order,
    interquartile_mean,
    mean_of_scenarios,
    worst,
)
from hetsched.analysis.over_scenarios.duels import Duel, by_scenario, duel
from hetsched.analysis.over_scenarios.leave_one_out import leave_one_out
from hetsched.analysis.over_scenarios.profiles import profile
from hetsched.analysis.over_scenarios.ranks import Ranking, ranking
from hetsched.analysis.paired import Difference
from hetsched.domain.rounding import level
from hetsched.errors import InputError
from hetsched.studies.beyond_recordings import beyond_in_words, the_most
from hetsched.studies.frames import frame
from hetsched.studies.periods import are_far
from hetsched.studies.suite import stability
from hetsched.studies.suite.record import COLUMNS, Record
from hetsched.studies.suite.suite_plan import RUNS_NAME, SuitePlan
from hetsched.studies.unreached import in_all
from hetsched.studies.work import SIMILAR_WORK

if TYPE_CHECKING:
    from pandas import DataFrame


OF_SUITE = "what the suite's scenarios assume: 'hetsched compare NAME' prints it for each"


class OnScenario(Struct, frozen=True):
    """A policy on a scenario: geometric means over the seeds. `to_baseline` is corrected for the
    number of scenarios. None: the policy is the baseline."""

    bound_ratio: float
    to_baseline: Difference | None
    periods: str


class OverScenarios(Struct, frozen=True):
    """A policy over all scenarios.

    - `interquartile_mean`, `geometric_mean`, `worst`: of makespan / bound
    - `speedup`: the geometric mean of the baseline's makespan / the policy's makespan
    - `bound_profile`: of makespan / bound
    - `target_profile`: of time to the target / bound
    - `has_targets`: whether any scenario has a target
    - `decision_s`: the mean seconds of a decision on this host. None: not measured.
    """

    interquartile_mean: Aggregate
    geometric_mean: Aggregate
    worst: tuple[str, float]
    speedup: Aggregate
    duel: Duel
    rank: float
    bound_profile: list[tuple[float, float]]
    target_profile: list[tuple[float, float]]
    has_targets: bool
    decision_s: float | None
    scenarios: dict[str, OnScenario]


@dataclass(frozen=True, kw_only=True)
class SuiteResult:
    """The runs of a suite. `folder` has `results.csv` and `summary.json`. The runs of `cached`
    policies come from the package."""

    folder: Path
    plan: SuitePlan
    records: Sequence[Record] = field(repr=False)
    cached: Sequence[str] = ()
    complete: bool = True

    @cached_property
    def left_out(self) -> dict[str, str]:
        """By policy, why it cannot be ranked."""
        return {name: why for name in self.plan.policies if (why := self._why_not(name)) is not None}

    @property
    def ranked(self) -> list[str]:
        """The policies that stopped no trial of any scenario, the best first, by the interquartile
        mean."""
        return in_order({name: found.interquartile_mean.mean for name, found in self.over_scenarios.items()})

    @property
    def scenarios(self) -> list[str]:
        """The scenarios that rank the policies: all except the held-out ones."""
        return [name for name in self.plan.scenarios if name not in self.plan.held_out]

    @cached_property
    def held_out_order(self) -> list[str]:
        """The ranked policies in the order of the held-out scenarios. Empty: no scenario is held
        out."""
        ratios = {name: self._ratios(name, self.plan.held_out) for name in self.ranked}
        return _by_interquartile_mean(ratios) if self.plan.held_out else []

    @cached_property
    def by_policy(self) -> dict[str, dict[str, list[Record]]]:
        """The runs by policy and scenario, in the order of the seeds."""
        found: dict[str, dict[str, list[Record]]] = {}
        for record in sorted(self.records, key=lambda record: record.seed):
            found.setdefault(record.policy, {}).setdefault(record.scenario, []).append(record)
        return {name: {s: found[name][s] for s in self.plan.scenarios if s in found[name]} for name in found}

    @cached_property
    def ranking(self) -> Ranking:
        """The average ranks, and which policies the scenarios cannot distinguish."""
        return ranking({name: self._ratios(name) for name in self._whole})

    @cached_property
    def over_scenarios(self) -> dict[str, OverScenarios]:
        """The figures of each policy that can be ranked."""
        return {name: self._summary(name) for name in self._whole}

    @cached_property
    def order_without(self) -> dict[str, list[str]]:
        """By left-out scenario, the order of the policies, if it differs from `ranked`."""
        return leave_one_out({name: self._ratios(name) for name in self.ranked}, _by_interquartile_mean)

    @property
    def order_without_in_words(self) -> str:
        """Whether the order depends on single scenarios. Empty: there is one scenario, or one
        policy."""
        one = len(self.scenarios) < 2 or len(self.ranked) < 2
        return "" if one else stability.without_one(self.ranked, self.order_without)

    @property
    def held_out_in_words(self) -> str:
        """Whether the order holds on the held-out scenarios. Empty: no scenario is held out."""
        other = self.held_out_order
        return stability.on_held_out(self.ranked, other, len(self.plan.held_out)) if other else ""

    def to_frame(self) -> "DataFrame":
        """A row per run. Raises InputError without pandas."""
        return frame({name: getattr(record, name) for name in COLUMNS} for record in self.records)

    def document(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "suite": self.plan.suite,
            "costs": self.plan.costs,
            "seeds": self.plan.seeds,
            "baseline": self.plan.baseline,
            "complete": self.complete,
            "cached": list(self.cached),
            "folder": str(self.folder),
            "order": self.ranked,
            "cliques": self.ranking.cliques,
            "scenarios_needed": self.ranking.scenarios_needed,
            "pairs": self.ranking.pairs,
            "order_without": self.order_without,
            "order_without_in_words": self.order_without_in_words,
            "held_out_order": self.held_out_order,
            "held_out_in_words": self.held_out_in_words,
            "left_out": self.left_out,
            "assumptions": self.assumptions,
            "warnings": {name: "; ".join(lines) for name, lines in self.warned.items() if lines},
            "policies": {name: self.over_scenarios[name] for name in self.ranked},
        }

    @property
    def _whole(self) -> list[str]:
        return [name for name in self.plan.policies if name not in self.left_out]

    def _why_not(self, policy: str) -> str | None:
        of_policy = self.by_policy.get(policy, {})
        for scenario in self.plan.scenarios:  # held-out ones, too
            runs = of_policy.get(scenario, [])
            if refused := [run for run in runs if run.refused is not None]:
                return refused[0].why_not
            if len(runs) < len(self.plan.seeds):
                return f"has not run under all seeds of {scenario} yet"
            if least := [why for run in runs if (why := run.why_not) is not None]:
                return least[0]
        return None

    def _ratios(self, policy: str, scenarios: Sequence[str] | None = None) -> BySeed:
        return self._figures(policy, self._bound_ratio, scenarios)

    def _bound_ratio(self, run: Record) -> float | None:
        """The makespan divided by the bound. The bound is for the workers that all policies have.
        Among whole strategies it is for any allocation.

        A bound is for what a run trained. Where policies trained other work, it is the least bound
        of them all: a policy that trains more until trials reach `stop_score` is no better.
        """
        least_s = self._least_bounds_s.get((run.scenario, run.seed))
        return self._own_ratio(run) if least_s is None or run.makespan_s is None else run.makespan_s / least_s

    def _own_ratio(self, run: Record) -> float | None:
        return run.bound_ratio if self.plan.has_strategies else run.workers_bound_ratio

    def _bound_s(self, run: Record) -> float:
        """The bound for what the run trained."""
        return self._known(run, run.makespan_s) / self._known(run, self._own_ratio(run))

    @cached_property
    def _least_bounds_s(self) -> dict[tuple[str, int], float]:
        """By scenario and seed, the least bound of the policies that can be ranked, where their
        bounds differ by more than rounding."""
        found = defaultdict[tuple[str, int], list[float]](list)
        for scenario, policy in product(self.plan.scenarios, self._whole):
            for run in self.by_policy[policy][scenario]:
                found[scenario, run.seed].append(self._bound_s(run))
        return {cell: min(bounds_s) for cell, bounds_s in found.items() if len(set(level(bounds_s))) > 1}

    @property
    def other_work(self) -> dict[str, list[str]]:
        """By scenario in which the policies that can be ranked trained clearly other numbers of
        samples: these numbers, by the fewest. Nothing is said of runs of which they are unknown."""
        found = {}
        for scenario in self.plan.scenarios:
            runs = {name: self.by_policy[name][scenario] for name in self.ranked}
            if not all(run.samples for of_one in runs.values() for run in of_one):
                continue
            means = {name: fmean(run.samples or 0 for run in of_one) for name, of_one in runs.items()}
            fewest = min(means.values(), default=inf)
            if max(means.values(), default=0.0) > (1 + SIMILAR_WORK) * fewest:
                each = ", ".join(f"{name} {mean / fewest:.0%}" for name, mean in means.items())
                found[scenario] = [f"trained samples, of the fewest: {each}; x bound is by the least bound"]
        return found

    def _figures(
        self, policy: str, figure: Callable[[Record], float | None], scenarios: Sequence[str] | None = None
    ) -> dict[str, list[float]]:
        of_policy = self.by_policy[policy]
        names = self.scenarios if scenarios is None else scenarios
        return {name: [self._known(run, figure(run)) for run in of_policy[name]] for name in names}

    def _summary(self, policy: str) -> OverScenarios:
        ratios, makespans = self._ratios(policy), self._figures(policy, lambda run: run.makespan_s)
        baseline = self._figures(self.plan.baseline, lambda run: run.makespan_s)
        to_target = self._times_to_target(policy)
        speedups = {s: [b / m for b, m in zip(baseline[s], makespans[s], strict=True)] for s in makespans}
        runs = [run for name in self.scenarios for run in self.by_policy[policy][name]]
        return OverScenarios(
            interquartile_mean=aggregate(ratios, interquartile_mean),
            geometric_mean=aggregate(ratios, geometric_mean, least=1.0),
            worst=worst(ratios),
            speedup=aggregate(speedups, geometric_mean),
            duel=duel(makespans, baseline),
            rank=self.ranking.ranks[policy],
            bound_profile=profile(ratios),
            target_profile=profile(to_target),
            has_targets=bool(to_target),
            decision_s=decision_time(sum(r.decision_s or 0.0 for r in runs), sum(r.decisions or 0 for r in runs)),
            scenarios=self._by_scenario(policy, by_scenario(makespans, baseline)),
        )

    def _by_scenario(self, policy: str, to_baseline: Mapping[str, Difference]) -> dict[str, OnScenario]:
        is_baseline, ratios = policy == self.plan.baseline, self._ratios(policy)
        return {
            name: OnScenario(
                worst({name: ratios[name]})[1],
                None if is_baseline else to_baseline[name],
                self.by_policy[policy][name][0].periods,
            )
            for name in self.scenarios
        }

    @property
    def missed(self) -> dict[str, list[str]]:
        """By scenario of the user, what it asks for and none of its runs has. Nothing is said of a
        scenario with runs of which this is not known."""
        found = {}
        for name in self.plan.assumed:
            of_runs = [run.missed for run in self._runs_of(name) if run.refused is None]
            found[name] = in_all(lines for lines in of_runs if lines is not None) if None not in of_runs else []
        return found

    @property
    def warned(self) -> dict[str, list[str]]:
        """By scenario, what is warned of. Scenarios of the user are there also without warnings."""
        found = self.missed, self.ended_early, self.other_work
        names = [name for name in self.plan.scenarios if any(name in each for each in found)]
        return {name: [line for each in found for line in each.get(name, ())] for name in names}

    @property
    def ended_early(self) -> dict[str, list[str]]:
        """By scenario, how many of its iterations the ranked policies trained, if rules such as
        `stop_score` ended trials clearly early."""
        found: dict[str, list[str]] = {}
        for scenario in self.plan.scenarios:
            runs = {policy: self.by_policy[policy].get(scenario, []) for policy in self.ranked}
            shares = {policy: fmean(run.trained or 1.0 for run in of_one) for policy, of_one in runs.items() if of_one}
            by_rules = any(run.by_rules for of_one in runs.values() for run in of_one)
            if by_rules and min(shares.values()) < 1 - SIMILAR_WORK:
                trained = ", ".join(f"{policy} {share:.0%}" for policy, share in shares.items())
                found[scenario] = [f"its own rules, such as stop_score, end trials: of all iterations train {trained}"]
        return found

    @property
    def beyond(self) -> dict[str, dict[str, int]]:
        """By scenario of the user, the limits of its learning model that best weights are beyond,
        with the most iterations behind these weights."""
        return {name: the_most(run.beyond for run in self._runs_of(name)) for name in self.plan.assumed}

    @property
    def assumed(self) -> dict[str, list[str]]:
        """By scenario of the user, what its simulations assumed whatever they do, and the warnings
        about rounds for the policies with runs far from their bounds."""
        return {name: [*lines, *self._rounds(name)] for name, lines in self.plan.assumed.items()}

    def _rounds(self, scenario: str) -> Iterable[str]:
        """The warnings about rounds, each once."""
        warned = self.plan.rounds.get(scenario, {})
        ran = [run for run in self._runs_of(scenario) if run.refused is None]
        return dict.fromkeys(
            warning for policy, warning in warned.items() if are_far(run for run in ran if run.policy == policy)
        )

    @property
    def assumptions(self) -> dict[str, list[str]]:
        """By scenario of the user, what its simulations assumed. By scenario of the suite, where this
        is said."""
        beyond, assumed = self.beyond, self.assumed
        found = {name: [*lines, *beyond_in_words(beyond[name])] for name, lines in assumed.items()}
        return {name: [OF_SUITE] for name in self.plan.scenarios if name not in assumed} | found

    def _runs_of(self, scenario: str) -> list[Record]:
        return [run for run in self.records if run.scenario == scenario]

    def _is_reached(self, scenario: str) -> bool:
        """Whether any run reached the scenario's target."""
        return any(run.time_to_target_s is not None for run in self._runs_of(scenario))

    def _times_to_target(self, policy: str) -> dict[str, list[float]]:
        """The time to the target divided by the bound on the makespan, on the scenarios with a
        target. Infinity: the target was not reached."""
        found = {}
        for name in self.scenarios:
            if name in self.plan.targets or self._is_reached(name):
                found[name] = [self._to_target(run) for run in self.by_policy[policy][name]]
        return found

    def _to_target(self, run: Record) -> float:
        if run.time_to_target_s is None:
            return inf
        ratio, makespan_s = self._known(run, self._bound_ratio(run)), self._known(run, run.makespan_s)
        return run.time_to_target_s * ratio / makespan_s

    def _known(self, run: Record, figure: float | None) -> float:
        """A figure that a run has if it trained all iterations. Raises InputError, with the path of
        the runs, if the run lacks it: the file was altered."""
        if figure is None or figure <= 0:
            raise InputError(
                f"{self.folder / RUNS_NAME}: {run.policy} on {run.scenario} under seed {run.seed}: expected a makespan "
                "and its ratios to the bounds above 0: remove the line, and the run is simulated again"
            )
        return figure


def _by_interquartile_mean(policies: Mapping[str, BySeed]) -> list[str]:
    return in_order({name: mean_of_scenarios(ratios, interquartile_mean) for name, ratios in policies.items()})
