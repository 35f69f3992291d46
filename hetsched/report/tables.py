"""Tables for the terminal."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from rich.table import Table

from hetsched.analysis.bounds import Bounds
from hetsched.analysis.metrics import Metrics
from hetsched.analysis.step_times import WorkerSteps
from hetsched.core.state import State
from hetsched.core.trial import status_of
from hetsched.domain.metric import shared
from hetsched.domain.profiles import ProfileRow
from hetsched.errors import counted
from hetsched.report.figures_in_words import interval as _interval
from hetsched.report.figures_in_words import percent as _percent
from hetsched.report.figures_in_words import seconds as _seconds
from hetsched.report.figures_in_words import share
from hetsched.report.hyperparameters import cells, names_of
from hetsched.report.scores import further_metrics, metric_name, shown
from hetsched.studies.ablation import Ablation
from hetsched.studies.comparison import Comparison
from hetsched.studies.profile_check import KnownTime
from hetsched.studies.validation import Agreement, Error


def comparison_table(comparisons: Mapping[str, Comparison], baseline: str, arriving: bool = False) -> Table:
    """One row per strategy.

    "x own bound" and "x JCT bound" divide by the bound for the strategy's own workers. "x bound"
    divides by the bound over all allocations. `arriving`: trials arrive over time, so the table
    also has their area-weighted JCT.
    """
    table = Table(title=None, header_style="bold")
    table.add_column("strategy")
    headings = (
        "makespan\n[s]",
        "95% interval",
        "x own\nbound",
        "x\nbound",
        "speed-\nup",
        "mean JCT\n[s]",
        *(["by area\n[s]"] if arriving else []),
        "x JCT\nbound",
        f"best\n{_metric_name(comparisons.values())}",
        "behind\nit [it.]",
        "utili-\nsation",
    )
    for heading in headings:
        table.add_column(heading, justify="right")
    for name, figures in comparisons.items():
        table.add_row(
            f"{name} (baseline)" if name == baseline else name,
            _seconds(figures.makespan_s.mean),
            _interval(figures.makespan_s),
            f"{figures.workers_bound_ratio:.2f}",
            f"{figures.bound_ratio:.2f}",
            f"{figures.speedup_vs_baseline:.2f}",
            _seconds(figures.mean_jct_s),
            *([_seconds(figures.area_weighted_jct_s)] if arriving else []),
            f"{figures.jct_bound_ratio:.2f}",
            shown(figures.best_score),
            _known(figures.lineage_iterations, ",.0f"),
            share(figures.utilisation),
        )
    return table


def runs_table(runs: Sequence[Metrics]) -> Table:
    """One row per run: its strategy, its seed, and its figures. Unknown figures are empty."""
    table = Table(header_style="bold")
    for heading in ("strategy", "seed"):
        table.add_column(heading)
    headings = (
        "makespan\n[s]",
        "x own\nbound",
        "x\nbound",
        "mean JCT\n[s]",
        "x JCT\nbound",
        f"best\n{_metric_name(runs)}",
        "behind\nit [it.]",
        "utili-\nsation",
        "segments",
        "lost",
        "exploits",
    )
    for heading in headings:
        table.add_column(heading, justify="right")
    for run in runs:
        table.add_row(
            run.strategy,
            str(run.seed),
            _seconds(run.makespan_s, least=1),
            _known(run.workers_bound_ratio, ".2f"),
            _known(run.bound_ratio, ".2f"),
            _seconds(run.mean_jct_s, least=1),
            _known(run.jct_bound_ratio, ".2f"),
            shown(run.best_score),
            _known(run.lineage_iterations, ",.0f"),
            share(run.utilisation),
            str(run.segments),
            str(run.lost_segments),
            str(run.exploits),
        )
    return table


def _metric_name(figures: Iterable[Metrics | Comparison | Ablation]) -> str:
    """The name of the column of scores. All rows of a table have one workload, so the first row's
    metric names it."""
    return metric_name(next((of_row.metric for of_row in figures), None))


def _known(figure: float | None, form: str) -> str:
    return "" if figure is None else format(figure, form)


def ablation_table(ablations: Mapping[str, Ablation]) -> Table:
    """One row per ablation: the makespan, and what the part contributes in seconds and in
    percent."""
    table = Table(header_style="bold")
    table.add_column("simulated")
    best = f"best\n{_metric_name(ablations.values())}"
    headings = ("makespan\n[s]", "contributes\n[s]", "contributes\n[%]", best, "iterations")
    for heading in headings:
        table.add_column(heading, justify="right")
    for name, figures in ablations.items():
        table.add_row(
            name,
            _seconds(figures.makespan_s, least=1),
            f"{figures.contribution_s:+,.1f}",
            _percent(figures.contribution_percent),
            shown(figures.best_score),
            f"{figures.iterations:,.0f}",
        )
    return table


def workers_table(run: Metrics) -> Table:
    """One row per worker of a run: its seconds in segments, its utilisation, and its segments."""
    table = Table(header_style="bold")
    table.add_column("worker")
    for heading in ("busy [s]", "utilisation", "segments"):
        table.add_column(heading, justify="right")
    for worker, figures in run.workers.items():
        table.add_row(worker, _seconds(figures.busy_s, least=1), share(figures.utilisation), str(figures.segments))
    return table


def trials_table(state: State) -> Table:
    """One row per trial of a state: its status, iterations, scores, hyperparameters and
    exploits."""
    table = Table(header_style="bold")
    table.add_column("trial")
    keys = names_of(state.trials.values())
    metric = metric_name(shared(experiment.metric for experiment in state.experiments.values()))
    further = further_metrics(state.trials.values())
    for heading in ("status", "iterations", metric, "best", *further, *keys, "exploits"):
        table.add_column(heading, justify="right")
    for trial in state.trials.values():
        table.add_row(
            trial.id,
            status_of(trial, state.running),
            str(trial.iterations),
            shown(trial.score),
            shown(trial.best_score),
            *(shown(trial.metrics.get(name)) for name in further),
            *cells(trial, keys),
            str(trial.exploits),
        )
    return table


def agreement_table(agreements: Mapping[str, Agreement]) -> Table:
    """One row per strategy and figure: the predicted value, the measured value, and the error in
    percent."""
    table = Table(header_style="bold")
    table.add_column("strategy")
    table.add_column("figure")
    for heading in ("predicted", "measured", "error", "95% interval"):
        table.add_column(heading, justify="right")
    for name, figures in agreements.items():
        _agreement_row(table, name, "makespan [s]", figures.makespan_s, "{:,.1f}".format)
        if figures.best_score is not None:
            _agreement_row(table, "", f"best {metric_name(figures.metric)}", figures.best_score, shown)
        _agreement_row(table, "", "utilisation", figures.utilisation, share)
        table.add_row("", "decisions alike", share(figures.decisions))
        for worker, of_worker in figures.workers.items():
            _agreement_row(table, "", f"utilisation of {worker}", of_worker.utilisation, share)
            _agreement_row(table, "", f"segments of {worker}", of_worker.segments, "{:.1f}".format)
        for steps in figures.steps:
            of = f"step on {steps.worker} [s], {counted(steps.segments, 'segment')}"
            table.add_row("", of, *_steps_cells(steps))
        table.add_section()
    return table


def _agreement_row(table: Table, name: str, figure: str, error: Error, form: Callable[[float], str]) -> None:
    percent = "" if error.error_percent is None else _percent(error.error_percent)
    ends = error.ci95_percent
    interval = "" if ends is None else f"{_percent(ends[0])[:-1]} .. {_percent(ends[1])}"
    table.add_row(name, figure, form(error.predicted), form(error.measured), percent, interval)


def _steps_cells(steps: WorkerSteps) -> tuple[str, str, str]:
    """The predicted step time, the measured step time, and the error.

    For paced workers the first cell has what the pace asks, and the last one how late the steps
    were.
    """
    foretold = f"{steps.least_s:.3g}" + (f" .. {steps.most_s:.3g}" if steps.most_s > steps.least_s else "")
    measured = f"{steps.measured_s:.3g}"
    if steps.paced:
        return f"asked: {foretold}", measured, f"{share(steps.factor - 1)} late" if steps.late_segments else "held"
    return foretold, measured, _percent(100 * (1 / steps.factor - 1))


def known_times_table(known: Sequence[KnownTime]) -> Table:
    """One row per kind of trial and worker type: the source of the step time, and the seconds per
    iteration."""
    table = Table(header_style="bold")
    for heading in ("model", "dataset", "batch", "worker", "step time", "iteration [s]"):
        table.add_column(heading, justify="right" if heading in ("batch", "iteration [s]") else "left")
    for one in known:
        seconds = "-" if one.seconds_per_iteration is None else f"{one.seconds_per_iteration:.4g}"
        model, dataset, batch_size = one.kind
        table.add_row(model, dataset, str(batch_size), str(one.worker), one.source, seconds)
    return table


def profile_table(rows: Sequence[ProfileRow]) -> Table:
    """One row per row of a profile. The percentage after a "±" is a coefficient of variation."""
    table = Table(header_style="bold")
    for heading in ("model", "dataset", "worker"):
        table.add_column(heading)
    headings = (
        "batch",
        "iteration\n[s]",
        "shared\n[x]",
        "evaluation\n[ms/image]",
        "start-up\n[s]",
        "restore\n[ms]",
        "save\n[ms]",
        "in memory\n[ms]",
        "size\n[MB]",
    )
    for heading in headings:
        table.add_column(heading, justify="right")
    for row in rows:
        in_memory = (row.object_store_restore_s, row.object_store_save_s)
        table.add_row(
            row.model,
            row.dataset,
            str(row.worker_type),
            str(row.batch_size),
            _varying(row.seconds_per_iteration, row.noise_cv),
            _known(row.sharing, ".2f"),
            _varying(row.evaluation_s_per_image, row.evaluation_cv, 1000),
            _varying(row.start_up_s, row.start_up_cv),
            _varying(row.restore_s, row.restore_cv, 1000),
            _varying(row.checkpoint_s, row.checkpoint_cv, 1000),
            " + ".join(f"{1000 * cost:.3g}" for cost in in_memory if cost is not None),
            "" if row.checkpoint_bytes is None else f"{row.checkpoint_bytes / 1e6:.1f}",
        )
    return table


def _varying(figure: float | None, cv: float | None, unit: float = 1.0) -> str:
    if figure is None:
        return ""
    return f"{unit * figure:.3g}" + ("" if cv is None else f" ±{share(cv)}")


def bound_table(bounds: Mapping[str, Bounds], training_alone: Mapping[str, Bounds]) -> Table:
    """One row per allocation, and one for `any`. The bounds are in seconds."""
    table = Table(header_style="bold")
    table.add_column("allocation")
    alone = "makespan,\ntraining alone [s]"
    for heading in ("makespan [s]", "mean JCT of\ntrials [s]", "mean JCT of\nexperiments [s]", alone):
        table.add_column(heading, justify="right")
    for name, of_allocation in bounds.items():
        figures = (*of_allocation, training_alone[name].makespan_s)
        table.add_row(name, *(_seconds(seconds, least=1) for seconds in figures))
    return table


def policies_table(policies: Mapping[str, Mapping[str, str]]) -> Table:
    """One row per policy: its kind, its name, and its summary."""
    table = Table(header_style="bold")
    for heading in ("kind", "policy", "what it does"):
        table.add_column(heading)
    for kind, summaries in policies.items():
        for name, summary in summaries.items():
            table.add_row(kind, name, summary)
        table.add_section()
    return table
