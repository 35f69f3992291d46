"""The assumptions and warnings of the studies in a results folder.

A study writes them into its summary. If it has none, because it goes on or was stopped, they are
those of its plan, or the assumptions are computed again.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice
from os.path import relpath
from pathlib import Path
from typing import Any

import msgspec

from hetsched.analysis.step_times import pace_remarks, worker_steps
from hetsched.core.events import COMPLETED, SIMULATED, RunPredicted, RunStarted
from hetsched.core.log import read_log
from hetsched.domain.limits import Seed
from hetsched.domain.registry import Strategy
from hetsched.errors import InputError, counted, unreadable
from hetsched.scenario.json_text import decoded
from hetsched.scenario.loading import load_setup_of_logs
from hetsched.scenario.scenario import SCENARIO_NAME, Setup
from hetsched.studies import run_plan
from hetsched.studies.beyond_recordings import beyond_recordings
from hetsched.studies.caveats import Caveats
from hetsched.studies.caveats_anew import of_real, of_simulated, warned_anew
from hetsched.studies.comparison_plan import PLAN_NAME, ComparisonPlan, load_plan
from hetsched.studies.folder import SUMMARY_NAME
from hetsched.studies.named_folder import (
    has_begun,
    is_finished,
    logs_below,
    results_folder,
    scenario_in_suite,
    start_of,
    without_probes,
)
from hetsched.studies.one_run import RunResult, look_up
from hetsched.studies.run_warnings import Runs, of_runs
from hetsched.studies.sittings import is_under_way
from hetsched.studies.unknown_scores import joined

LEVELS = 3
"""The number of folders between a study and its runs, at most."""

UNDER_WAY = "the study has not come to its end: runs of further seeds may be missing"


class _Said(msgspec.Struct):
    """What summaries have, and what is read of all of them. The assumptions of a suite are by
    scenario."""

    assumptions: list[str] | dict[str, list[str]] = []
    warnings: dict[str, str] = {}
    seeds: list[Seed] = []
    strategies: dict[str, Any] | list[str] = []


def summary_of(folder: Path) -> dict[str, Any]:
    """The `summary.json` of the folder. Empty: the folder has none. Raises InputError, with the
    path, if the file is damaged."""
    path = folder / SUMMARY_NAME
    if not path.is_file():
        return {}
    try:
        found: dict[str, Any] = decoded(path.read_bytes(), dict[str, Any])
        msgspec.convert(found, _Said)
    except OSError as error:
        raise InputError(unreadable(path, error)) from error
    except msgspec.DecodeError as error:
        raise InputError(f"{path}: not what a study wrote: {error}: remove it, and the logs alone are read") from error
    return found


def caveats_of_folder(folder: Path, logs: Sequence[Path] | None = None) -> Caveats:
    """The assumptions and warnings of the studies whose logs are in the folder (None: all logs
    without probes and draws), and of the folder itself. If there are several studies, each warning
    names its study. A warning says which runs did not come to their end.

    Raises InputError for a folder, a summary or a log that cannot be read.
    """
    folder = results_folder(folder)
    if logs is None:
        logs = [log for log in without_probes(folder, logs_below(folder)) if has_begun(log)]
    return together(folder, caveats_by_study(folder, logs))


def caveats_by_study(folder: Path, logs: Iterable[Path]) -> dict[Path, Caveats]:
    """The assumptions and warnings of these logs of the folder, by the folder of their study.
    Raises InputError for what cannot be read."""
    return {study: caveats_of_study(study, of_one) for study, of_one in by_study(folder, logs).items()}


def together(folder: Path, found: Mapping[Path, Caveats]) -> Caveats:
    """The assumptions and warnings of the studies in the folder, as one. If there are several
    studies, each warning names its study."""
    named = {study: "" if len(found) == 1 else f"{relpath(study, folder)}: " for study in found}
    return all_of(
        said._replace(warnings={named[study] + name: warning for name, warning in said.warnings.items()})
        for study, said in found.items()
    )


def by_study(folder: Path, logs: Iterable[Path]) -> dict[Path, list[Path]]:
    """The logs by the folder of their study: the first one above a log that has a summary or a
    plan, else the first one that has a scenario, else `folder`. For a run of a suite it is the
    folder of its scenario. The folder itself may be a study without logs."""
    found = defaultdict[Path, list[Path]](list)
    if (folder / SUMMARY_NAME).is_file():
        found[folder] = []
    for log in logs:
        above = (log.parent, *log.absolute().parents[1 : LEVELS + 1])
        studies = [home for home in above if (home / SUMMARY_NAME).is_file() or (home / PLAN_NAME).is_file()]
        with_scenario = [home for home in (*above, *scenario_in_suite(log.parent)) if (home / SCENARIO_NAME).is_file()]
        home = next(iter([*studies, *with_scenario, folder]))
        found[folder if home.absolute() == folder.absolute() else home].append(log)
    return dict(found)


def caveats_of_study(study: Path, logs: Sequence[Path]) -> Caveats:
    """What the study says beside its figures, and a warning for each strategy with late workers, or
    with logs that did not come to their end. Raises InputError for what cannot be read."""
    said = said_by_study(study, logs)
    said = said._replace(warnings=joined(said.warnings, late_workers(study, logs)))
    done = {log: is_finished(log) for log in logs}
    if all(done.values()):
        return said
    cut = unfinished((_named(log), COMPLETED if so else None) for log, so in done.items())
    return said._replace(warnings=joined(said.warnings, cut))


def late_workers(study: Path, logs: Iterable[Path]) -> dict[str, str]:
    """A warning for each strategy whose paced workers were late in real runs of the study, and what
    to do. Raises InputError for what cannot be read."""
    real = defaultdict[str, list[Path]](list)
    for log in logs if (study / SCENARIO_NAME).is_file() else ():
        if (start := start_of(log)) is not None and start.backend != SIMULATED:
            real[start.strategy].append(log)
    if not real or not (setup := load_setup_of_logs(study / SCENARIO_NAME)).paced:
        return {}
    steps = {strategy: worker_steps(map(read_log, of_one), setup.times) for strategy, of_one in real.items()}
    scale = setup.scenario.real.time_scale
    late = {
        strategy: pace_remarks(of_one, scale, planned=any(map(_is_planned, real[strategy])))
        for strategy, of_one in steps.items()
    }
    return {strategy: "; ".join(lines) for strategy, lines in late.items() if lines}


def said_of(folder: Path, logs: Iterable[Path]) -> Caveats:
    """What the studies of these logs in the folder say beside their figures."""
    return all_of(said_by_study(study, of_one) for study, of_one in by_study(folder, logs).items())


def said_by_study(study: Path, logs: Iterable[Path]) -> Caveats:
    """What the study in this folder says beside its figures. If it has written none of it, this is
    computed from its logs. Of real runs only the bounds assume something, and the prediction of a
    plan."""
    if told := summary_of(study):
        return Caveats.of(told)
    plan = load_plan(study) if (study / PLAN_NAME).is_file() else None
    starts = {log: start for log in logs if (start := start_of(log)) is not None}
    planned = Caveats() if plan is None else Caveats(plan.assumed, plan.warned)
    if not starts or not (study / SCENARIO_NAME).is_file():
        return all_of([planned, _under_way(study, starts)])
    setup = load_setup_of_logs(study / SCENARIO_NAME)
    if plan is not None:
        return all_of([planned, _of_comparison(setup, starts, plan)])
    simulated = [log for log, start in starts.items() if start.backend == SIMULATED]
    found = [of_simulated(setup, *_runs(setup, simulated))] if simulated else []
    if measured := [log for log in starts if log not in simulated]:
        predicted = run_plan.load_plan(study).assumed if (study / run_plan.PLAN_NAME).is_file() else ()
        found.append(of_real(setup, *_runs(setup, measured), predicted))
    return all_of([*found, _under_way(study, starts)])


def _of_comparison(setup: Setup, logs: Iterable[Path], plan: ComparisonPlan) -> Caveats:
    """What the runs of a comparison add to what its plan says."""
    runs, whole = _runs(setup, logs)
    every = [*map(strategy_of, plan.strategies)]
    warned = warned_anew(runs, lambda one: of_runs(setup, {one: runs[one]}, {one: whole[one]}, beside=every))
    return Caveats(beyond_recordings(setup, chain(*runs.values())), warned)


def _under_way(study: Path, starts: Mapping[Path, RunStarted]) -> Caveats:
    """The warning for strategies whose runs under further seeds may be missing."""
    repeated = [start.strategy for log, start in starts.items() if log.parent != study]
    return Caveats(warnings=dict.fromkeys(repeated, UNDER_WAY) if repeated and is_under_way(study) else {})


def _runs(setup: Setup, logs: Iterable[Path]) -> tuple[Runs, Runs]:
    """The runs of each strategy, and those of them that came to their end."""
    runs, whole = defaultdict[Strategy, list[RunResult]](list), defaultdict[Strategy, list[RunResult]](list)
    for run, state in (look_up(setup, log) for log in logs):
        strategy = strategy_of(run.metrics.strategy)
        runs[strategy].append(run)
        whole[strategy] += [run] if state.ended == COMPLETED else []
    return runs, whole


def all_of(caveats: Iterable[Caveats]) -> Caveats:
    """The caveats together, each assumption once."""
    found = list(caveats)
    lines = dict.fromkeys(line for each in found for line in each.assumptions)
    return Caveats(list(lines), joined(*(each.warnings for each in found)))


def unfinished(ended: Iterable[tuple[str, str | None]]) -> dict[str, str]:
    """A warning for each strategy with runs that did not come to their end. `ended` has, for each
    run, its strategy and the reason with which it ended."""
    runs, cut = Counter[str](), Counter[str]()
    for strategy, reason in ended:
        runs[strategy] += 1
        cut[strategy] += reason != COMPLETED
    return {
        name: f"{n} of {counted(runs[name], 'run')} did not end: figures cover only what was trained"
        for name, n in cut.items()
        if n
    }


def strategy_of(name: str) -> Strategy:
    """The strategy of that name. Its policies may be unknown, if they are in a file."""
    allocation, _, scheduling = name.partition("+")
    return Strategy(allocation, scheduling)


def _is_planned(log: Path) -> bool:
    """Whether a plan has predicted the run of this log."""
    return any(isinstance(event, RunPredicted) for event in islice(read_log(log), 2))


def _named(log: Path) -> str:
    """The strategy of the log, or the name of its folder if its first line does not say one."""
    start = start_of(log)
    return log.parent.name if start is None else start.strategy
