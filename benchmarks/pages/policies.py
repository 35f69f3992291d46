"""The tables of docs/policies."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from statistics import fmean, geometric_mean

from benchmarks.kept_rows import MEASURED, read
from benchmarks.pages.suite_runs import RATIO, figures, ranked, with_costs, without_costs
from benchmarks.pages.tables import Cells, Maker, measured
from hetsched.analysis.over_scenarios.aggregates import (
    Aggregate,
    aggregate,
    in_order,
    interquartile_mean,
    mean_of_scenarios,
    worst,
)
from hetsched.analysis.over_scenarios.aggregates import geometric_mean as mean_over
from hetsched.domain.cluster import CPU, WorkerType
from hetsched.scenario.loading import load_setup
from hetsched.scenario.packaged import packaged_scenario
from hetsched.scenario.packaged.suite import suite_names

BASELINE = "fifo"

ALLOCATIONS = {
    "allocation": "`{allocation}`",
    "makespan [s]": "{makespan_s:,.0f}",
    "x bound of its own workers": "{own_ratio:.2f}",
    "x bound of any allocation": "{any_ratio:.2f}",
}
POPULATIONS = {
    "population": "{population:.0f}",
    "bundle of `uniform`": "{bundle}, {workers:.0f} workers",
    "next best bundle, as fast": "{next_bundle}, {next_as_fast:.2f}",
    "`uniform+fifo` [s]": "{uniform_fifo_s:,.0f}",
    "`fusion+fifo` [s]": "{fusion_fifo_s:,.0f}",
    "`fusion+hrfs` [s]": "{fusion_hrfs_s:,.0f}",
}
DEADLINE = {
    "policy": "`{policy}`",
    "deadline [s]": "{deadline_s:,.0f}",
    "runs": "{runs:.0f}",
    "runs that end after it": "{late:.0f}",
    "last end [s]": "{last_end_s:,.2f}",
}
GAVEL = {
    "policy": "`{policy}`",
    "runs": "{runs:.0f}",
    "every job's completion time [s]": "{job_s:.4f}",
    "makespan": "{makespan_percent:.3f}%",
    "mean completion time": "{mean_jct_percent:.3f}%",
}


STOP_ON_SCORE = {
    "scenario": "`{scenario}`",
    "stop": "{stop}",
    "score": "{score:g}",
    "seeds": "{seeds:.0f}",
    "/ `least-progress`": "{least}",
    "/ `fifo`": "{fifo}",
    "/ `hrfs`": "{hrfs}",
    "/ `srtf`": "{srtf}",
    "/ `sia`": "{sia}",
    "/ `lpt`": "{lpt}",
    "/ best other": "{best}",
}


def ratios(*policies: str, scenarios: Sequence[str] | None = None) -> Maker:
    """Makespan / bound without overheads and with them, by scenario and policy. Without
    `scenarios`: those of the suite, their geometric mean and the worst of them."""
    return lambda: _ratios(policies, scenarios)


def _ratios(policies: Sequence[str], scenarios: Sequence[str] | None) -> Iterator[Cells]:
    yield ["scenario", *(f"`{policy}`" for policy in policies)]
    for scenario in scenarios or suite_names():
        yield [f"`{scenario}`", *(_pair(policy, itemgetter(scenario)) for policy in policies)]
    if scenarios is None:
        yield ["geometric mean", *(_pair(policy, lambda found: geometric_mean(found.values())) for policy in policies)]
        yield ["worst", *(_pair(policy, lambda found: max(found.values())) for policy in policies)]


def _pair(policy: str, figure: Callable[[Mapping[str, float]], float]) -> str:
    return f"{figure(without_costs()[policy]):.2f} / {figure(with_costs()[policy]):.2f}"


def planning() -> Iterator[Cells]:
    """`lookahead` and `fifo`, and the best other policy with overheads."""
    head, *rows = _ratios(["lookahead", BASELINE], None)
    yield [*head, "best other policy, with overheads"]
    best = [_best_other(scenario) for scenario in suite_names()]
    cells = [f"`{policy}` {ratio:.2f}" for policy, ratio in best]
    of_best = [ratio for _, ratio in best]
    cells += [f"{geometric_mean(of_best):.2f}", f"{max(of_best):.2f}"]
    yield from ([*row, cell] for row, cell in zip(rows, cells, strict=True))


def _best_other(scenario: str) -> tuple[str, float]:
    others = {policy: found[scenario] for policy, found in with_costs().items() if policy != "lookahead"}
    best, *_ = in_order(others)
    return best, others[best]


def all_policies() -> Iterator[Cells]:
    """A row per policy. The policy closest to the bound without overheads comes first."""
    yield [
        "policy",
        "without overheads: mean",
        "worst",
        "with overheads: interquartile mean (95% interval)",
        "mean",
        "worst",
        "speed-up over `fifo` (95% interval)",
    ]
    means = {policy: geometric_mean(found.values()) for policy, found in without_costs().items()}
    of_ratios = figures(RATIO)
    for policy in in_order(means):
        yield [
            f"`{policy}`",
            f"{means[policy]:.3f}",
            f"{max(without_costs()[policy].values()):.3f}",
            _with_interval(aggregate(of_ratios[policy], interquartile_mean)),
            f"{mean_of_scenarios(of_ratios[policy], mean_over):.3f}",
            f"{worst(of_ratios[policy])[1]:.3f}",
            "1" if policy == BASELINE else _with_interval(aggregate(_speed_ups(policy), mean_over)),
        ]


def _speed_ups(policy: str) -> Mapping[str, Sequence[float]]:
    mine, first = figures("makespan_s")[policy], figures("makespan_s")[BASELINE]
    return {name: [b / m for b, m in zip(first[name], mine[name], strict=True)] for name in mine}


def _with_interval(found: Aggregate) -> str:
    assert found.ci95 is not None, "the suite has enough scenarios"
    return "{:.3f} ({:.3f} .. {:.3f})".format(found.mean, *found.ci95)


def lookahead() -> Iterator[Cells]:
    """`lookahead` in two rows."""
    yield ["`lookahead`", "makespan / bound, mean", "worst"]
    for words, of_all in (("with the profiles' overheads and noise", with_costs()), ("without them", without_costs())):
        found = of_all["lookahead"]
        name, *_ = in_order({scenario: -ratio for scenario, ratio in found.items()})
        yield [words, f"{geometric_mean(found.values()):.2f}", f"{found[name]:.2f} on `{name}`"]


def held_out() -> Iterator[Cells]:
    """The first policies on the held-out scenarios, and `fifo`."""
    yield ["policy", "interquartile mean of makespan / bound, held-out scenarios, with overheads"]
    found = figures(RATIO, held_out=True)
    means = {policy: mean_of_scenarios(found[policy], interquartile_mean) for policy in ranked()}
    yield from ([f"`{policy}`", f"{means[policy]:.3f}"] for policy in [*in_order(means)[:4], BASELINE])


def mean_completion_times() -> Iterator[Cells]:
    """Of the independent jobs, the least first."""
    yield ["policy", "mean completion time [s]"]
    chosen = ("allox", "sia", "srtf", "gavel-fifo", "gavel-las", "gavel-makespan", "lookahead", BASELINE)
    found = {policy: fmean(figures("mean_jct_s")[policy]["independent-jobs"]) for policy in chosen}
    yield from ([f"`{policy}`", f"{found[policy]:,.0f}"] for policy in in_order(found))


def asha() -> Iterator[Cells]:
    """How much `asha` trains, and its makespan / the bound for all iterations."""
    yield ["scenario", "iterations that `asha` trains", "makespan / bound for all iterations", "`fifo`"]
    for scenario in suite_names():
        bounds = [m / r for m, r in zip(*(figures(c)[BASELINE][scenario] for c in ("makespan_s", RATIO)), strict=True)]
        makespans = figures("makespan_s")["asha"][scenario]
        ratio = geometric_mean(m / b for m, b in zip(makespans, bounds, strict=True))
        trained = fmean(figures("trained")["asha"][scenario])
        yield [f"`{scenario}`", f"{trained:.0%}", f"{ratio:.2f}", f"{with_costs()[BASELINE][scenario]:.2f}"]


def scores_for_a_budget() -> Iterator[Cells]:
    """Costs and scores, under PBT and of independent trials."""
    head = ["policy"]
    for words in ("under PBT", "independent trials"):
        head += [f"cost, {words}", f"accuracy at the budget, {words}"]
    yield [*head, "accuracy less that of `fifo`, independent trials (95% interval)"]
    rows = {(row["trials"], row["policy"]): row for row in read(MEASURED / "scores_for_a_budget.csv")}
    for policy in dict.fromkeys(policy for _, policy in rows):
        pair = [rows[trials, policy] for trials in ("pbt", "independent")]
        cells = [f"{float(row[column]):{form}}" for row in pair for column, form in (("cost", ".2f"), ("score", ".3f"))]
        low, high = (float(pair[1][f"ahead_of_fifo_{end}"]) for end in ("low", "high"))
        yield [f"`{policy}`", *cells, "-" if policy == BASELINE else f"{low:.3f} .. {high:.3f}"]


def drawn() -> Iterator[Cells]:
    """`lookahead` on scenarios drawn at random."""
    rows = read(MEASURED / "drawn.csv")
    mine, best = ([float(row[name]) for row in rows] for name in ("lookahead", "best_other_ratio"))
    behind = max(m / b for m, b in zip(mine, best, strict=True))
    yield [
        "drawn scenarios",
        "`lookahead` / bound, mean",
        "worst",
        "most by which `lookahead` is behind the best other",
    ]
    yield [f"{len(rows)}", f"{geometric_mean(mine):.2f}", f"{max(mine):.2f}", f"{behind - 1:.1%}"]


def cores() -> Iterator[Cells]:
    """How much faster than one core several cores train, by the profile of the cluster of HRFS: one
    trial on all of them, or a trial on each."""
    yield ["cores", "one trial on all of them", "a trial on each of them"]
    setup = load_setup(packaged_scenario("hrfs-cluster"))
    [kind] = setup.workload.experiments[0].kinds
    seconds = {
        number: setup.times.seconds_per_iteration(kind, WorkerType(CPU, number, 0.0)) for number in (1, 2, 4, 8, 16)
    }
    for number, of_one in seconds.items():
        assert of_one is not None and seconds[1] is not None, "the profile is extrapolated"
        yield [f"{number}", f"{seconds[1] / of_one:.1f}", f"{number}"]


FIFO_AND_LOOKAHEAD = (BASELINE, "lookahead")

TABLES: Mapping[str, Maker] = {
    "all-policies": all_policies,
    "lookahead": lookahead,
    "held-out": held_out,
    "planning": planning,
    "stop-on-score": measured("stop_on_score.csv", STOP_ON_SCORE),
    "drawn": drawn,
    "queueing": ratios("fifo", "least-progress", "pbt-sync", "las", "srtf", "lpt", "lookahead"),
    "packages": ratios("hrfs", "era", "eta", "least-progress", *FIFO_AND_LOOKAHEAD),
    "shares": ratios("gavel-las", "gavel-makespan", "gavel-ftf", "gavel-isolated", "gavel-fifo", *FIFO_AND_LOOKAHEAD),
    "blind": ratios("gavel-las", "gavel-las-blind", scenarios=["mixed-batches", "one-fast-gpu"]),
    "gavel": measured("gavel.csv", GAVEL),
    "matching": ratios("allox", "sia", "gavel-las", *FIFO_AND_LOOKAHEAD),
    "mean-completion-times": mean_completion_times,
    "stopping": ratios("hypersched", "sequential-halving", "srtf", *FIFO_AND_LOOKAHEAD),
    "asha": asha,
    "deadline": measured("deadline.csv", DEADLINE),
    "scores-for-a-budget": scores_for_a_budget,
    "cores": cores,
    "allocations": measured("allocations.csv", ALLOCATIONS, lambda row: row["scheduling"] == "lookahead"),
    "least-progress": measured(
        "allocations.csv",
        {"strategy, on the cluster of HRFS": "`{allocation}+{scheduling}`", "makespan [s]": "{makespan_s:,.0f}"},
        lambda row: row["scheduling"] == "least-progress",
    ),
    "populations": measured("populations.csv", POPULATIONS),
}
