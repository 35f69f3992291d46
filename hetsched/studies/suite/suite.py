"""A study that simulates every policy on every scenario of a suite, keeps every run, and ranks the
policies."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from io import StringIO
from pathlib import Path

import msgspec

from hetsched import scheduling
from hetsched.domain.registry import Strategy
from hetsched.errors import HetschedError, InputError, nearest, path_of
from hetsched.scenario.checks import check_policies
from hetsched.scenario.loading import load_setup
from hetsched.scenario.policy_files import POLICIES, copy_files, policies_of
from hetsched.scenario.scenario import Setup
from hetsched.scenario.whole_file import write_whole
from hetsched.signals import one_interrupt, signals_held
from hetsched.studies.assumptions import assumptions, idle_workers
from hetsched.studies.chosen_workers import chosen_workers
from hetsched.studies.compare import runs_finished
from hetsched.studies.folder import RUNNING, SCENARIOS, unused, write_summary
from hetsched.studies.inputs import check_counts, chosen_files
from hetsched.studies.periods import kept_unfit
from hetsched.studies.policy_limits import policy_limits
from hetsched.studies.results_csv import RESULTS_NAME
from hetsched.studies.sittings import begin_study, go_on_with_study
from hetsched.studies.sole_owner import sole_owner
from hetsched.studies.suite.asked import (
    Asked,
    Named,
    check_flags,
    chosen_policies,
    chosen_scenarios,
    first_seeds,
)
from hetsched.studies.suite.cached import cached
from hetsched.studies.suite.carry_out import FanOut, carry_out_all, fits, refusal, strategy_of
from hetsched.studies.suite.record import COLUMNS, Cell, Record
from hetsched.studies.suite.result import SuiteResult
from hetsched.studies.suite.suite_plan import (
    PLAN_NAME,
    Runs,
    SuitePlan,
    digest,
    files_in,
    load_plan,
    resume_command,
    scenario_in,
)
from hetsched.studies.unreached import targets_of
from hetsched.studies.watching import Progress, silent

BASELINE = "fifo"
"""The order in which Ray Tune serves trials."""

SEEDS = 5

SUITE = "suite"


def suite(
    scenarios: Iterable[Named] | Named | None = None,
    policies: Iterable[str | Strategy] | str | None = None,
    seeds: int = SEEDS,
    folder: Path | str | None = None,
    *,
    baseline: str | Strategy = BASELINE,
    held_out: Iterable[Named] | Named | None = None,
    policy_files: Iterable[Path | str] = (),
    costs: bool = True,
    use_cached: bool = True,
    jobs: int | None = 1,
    ray_address: str | None = None,
    progress: Progress = silent,
) -> SuiteResult:
    """Simulate policies on the scenarios of the suite, or on files of one's own, and rank them.

    - `scenarios`: by default all of the suite
    - `policies`: by default all registered ones. The baseline is always among them. So are the
      policies of a file in `policy_files` of which none is named. A policy runs on the workers of a
      scenario's first strategy. A whole strategy, such as "fusion+fifo", may replace a policy.
    - `held_out`: scenarios that only compare the order (without `scenarios`: the suite's)
    - `costs`: without them, overheads and noise are left out.
    - `use_cached`: take runs of shipped policies from the package. The rest is as in `compare`.

    Raises InputError for wrong input, PolicyError if a policy fails, and HetschedError if the
    baseline cannot be ranked. Ctrl-C has a note that says how to go on.
    """
    check_counts(jobs=jobs)
    check_flags(costs=costs, use_cached=use_cached)
    listed, files = first_seeds(seeds), chosen_files(policy_files, there=True)
    with policies_of(files, again=True):
        found = chosen_scenarios(scenarios, held_out, costs)
        chosen = chosen_policies(policies, baseline, found.setups.values(), files)
        _check_chosen(_with_files(found.setups, files), chosen)
        home = _new_folder(folder)
        with sole_owner(home, SUITE), one_interrupt(), _going_on(home):
            with signals_held():
                plan = _begun(home, Asked(found, chosen, listed, files, costs), use_cached)
            return _carried_out(home, plan, found.setups, FanOut(jobs, ray_address), progress)


def resume_suite(
    folder: Path | str,
    *,
    baseline: str | Strategy | None = None,
    jobs: int | None = 1,
    ray_address: str | None = None,
    progress: Progress = silent,
) -> SuiteResult:
    """Go on with a suite that was stopped, from the runs that its folder holds. For a complete
    suite this is its result again.

    `baseline` replaces the baseline with another of the suite's policies. Raises InputError if the
    folder is not of a suite, or if a file in it has changed since. Other errors are those of
    `suite`.
    """
    home = path_of(folder, "folder")
    check_counts(jobs=jobs)
    plan = load_plan(home)
    with sole_owner(home, SUITE), one_interrupt(), _going_on(home):
        plan.check(home)
        files = [home / file for file in plan.policy_files]
        with policies_of(files, again=True):
            setups = {name: load_setup(scenario_in(home, name)) for name in plan.scenarios}
            if baseline is not None:
                plan = _with_baseline(home, plan, str(baseline))
                _check_not_refused(_with_files(setups, files), plan.baseline)
                plan.save(home)
            go_on_with_study(home)
            return _carried_out(home, plan, setups, FanOut(jobs, ray_address), progress)


def suite_in(folder: Path | str) -> SuiteResult:
    """The result of the suite in the folder, as far as the suite came. Nothing is simulated or
    written. Raises InputError if the folder is not of a suite, and HetschedError if the baseline
    cannot be ranked yet."""
    home = path_of(folder, "folder")
    plan = load_plan(home)
    result = _result(home, plan, _known(home, plan))
    _check_baseline(result)
    return result


def _begun(home: Path, asked: Asked, use_cached: bool) -> SuitePlan:
    """The plan of a new suite. The plan is the last file to be written, after the scenarios and the
    package's runs. The folder is that of a suite once it has the plan."""
    setups, suite, held_out = asked.scenarios.setups, asked.scenarios.suite, asked.scenarios.held_out
    own = _with_files(setups, asked.policy_files)
    of_users = {name: _strategies(own[name], asked.policies) for name in (held_out if suite else setups)}
    for name, setup in setups.items():
        setup.save(home / SCENARIOS / name)
    copies = copy_files(asked.policy_files, home, POLICIES)
    plan = SuitePlan(
        suite=suite,
        scenarios={name: digest(setup) for name, setup in setups.items()},
        policies=asked.policies,
        baseline=asked.policies[0],
        seeds=asked.seeds,
        policy_files=copies,
        periods={name: fits(setup, asked.policies) for name, setup in own.items()},
        files=files_in(home),
        costs=asked.costs,
        held_out=held_out,
        assumed={name: _assumed(own[name], found) for name, found in of_users.items()},
        rounds={name: _rounds(own[name], found) for name, found in of_users.items()},
        targets=[] if suite else [name for name, setup in setups.items() if targets_of(setup)],
    )
    for record in _shipped(plan) if use_cached else ():
        Runs(home).add(record)
    plan.save(home)
    return plan


def _with_files(setups: Mapping[str, Setup], files: Sequence[Path]) -> dict[str, Setup]:
    """The scenarios with these files of policies. They go before files of their names that the
    scenarios have."""
    return {name: setup.with_policy_files(files) for name, setup in setups.items()}


def _assumed(setup: Setup, policies: Mapping[str, Strategy]) -> list[str]:
    """What simulations of these policies assume, the warnings that hold whatever the runs do, and
    which workers they have."""
    strategies = policies.values()
    with policies_of(setup.policy_files):
        warned = idle_workers(setup, strategies), policy_limits(setup, strategies)
        lines = dict.fromkeys(line for each in warned for line in each.values())
        return [*assumptions(setup, strategies), *lines, *_workers(policies), *chosen_workers(setup, strategies)]


def _workers(policies: Mapping[str, Strategy]) -> list[str]:
    """Whose workers the policies have that name no allocation."""
    first = next((strategy.allocation for name, strategy in policies.items() if name == strategy.scheduling), None)
    return [] if first is None else [f"policies run on the workers of {first}, as in the scenario's first strategy"]


def _rounds(setup: Setup, strategies: Mapping[str, Strategy]) -> dict[str, str]:
    """The warning about the periods of each policy that has one, for runs far from their bounds.
    `strategies` are by policy."""
    with policies_of(setup.policy_files):
        found = kept_unfit(setup, strategies.values())
    return {policy: found[str(one)] for policy, one in strategies.items() if str(one) in found}


def _strategies(setup: Setup, policies: Iterable[str]) -> dict[str, Strategy]:
    """The strategies of the policies that do not refuse the scenario."""
    with policies_of(setup.policy_files):
        return {policy: strategy_of(setup, policy) for policy in policies if refusal(setup, policy) is None}


def _carried_out(
    home: Path, plan: SuitePlan, setups: Mapping[str, Setup], fan_out: FanOut, progress: Progress
) -> SuiteResult:
    """Simulate the runs that are not finished. Returns the result of all runs."""
    kept = Runs(home)
    kept.mend()
    known = _known(home, plan)
    for record in known.values():
        _check_ranked(home, plan, record)
    missing = [cell for cell in _baseline_first(plan) if cell not in known]
    own = _with_files(setups, [home / file for file in plan.policy_files])
    for record in carry_out_all(own, plan.periods, missing, home / RUNNING, fan_out, progress):
        kept.add(record)
        known[record.cell] = record
        _check_ranked(home, plan, record)
    return _written(home, _result(home, plan, known))


def _baseline_first(plan: SuitePlan) -> list[Cell]:
    """All runs of the suite, those of the baseline first. They show early if the baseline cannot be
    ranked."""
    return sorted(plan.cells(), key=lambda cell: cell.policy != plan.baseline)


def _known(home: Path, plan: SuitePlan) -> dict[Cell, Record]:
    """The finished runs, with those that came with the package."""
    done = {record.cell: record for record in Runs(home).read()}
    return {cell: done[cell] for cell in plan.cells() if cell in done}


def _result(home: Path, plan: SuitePlan, known: Mapping[Cell, Record]) -> SuiteResult:
    records = [known[cell] for cell in plan.cells() if cell in known]
    simulated = {record.policy for record in records if not record.from_package}
    shipped = {record.policy for record in records} - simulated
    return SuiteResult(
        folder=home,
        plan=plan,
        records=records,
        cached=[name for name in plan.policies if name in shipped],
        complete=len(records) == len(plan.cells()),
    )


def _check_not_refused(setups: Mapping[str, Setup], baseline: str) -> None:
    """Raise InputError, before anything runs, if the baseline cannot run a scenario."""
    for name, setup in setups.items():
        if (why := refusal(setup, baseline)) is not None:
            raise InputError(
                f"baseline: {baseline!r} refuses {name}, so that nothing could be compared with it: {why}; choose "
                "another one"
            )


def _check_chosen(setups: Mapping[str, Setup], policies: Sequence[str]) -> None:
    """Check the baseline as `_check_not_refused`. Make each policy of users once for each scenario
    that it does not refuse. Raises as `check_policies`."""
    _check_not_refused(setups, policies[0])
    for setup in setups.values():
        with policies_of(setup.policy_files):
            found = {policy: strategy_of(setup, policy) for policy in policies}
            own = {name: one for name, one in found.items() if not scheduling.policies.is_shipped(one.scheduling)}
            check_policies(setup, [one for name, one in own.items() if refusal(setup, name) is None])


def _check_ranked(home: Path, plan: SuitePlan, record: Record) -> None:
    """Raise HetschedError if this run shows that the baseline cannot be ranked."""
    if record.policy == plan.baseline and (why := record.why_not) is not None:
        raise _no_baseline(home, plan.baseline, why)


def _check_baseline(result: SuiteResult) -> None:
    baseline = result.plan.baseline
    if (why := result.left_out.get(baseline)) is not None:
        later = all(run.why_not is None for of_one in result.by_policy.get(baseline, {}).values() for run in of_one)
        raise _no_baseline(result.folder, baseline, why, later)


def _no_baseline(home: Path, baseline: str, why: str, later: bool = False) -> HetschedError:
    """The error of a baseline that cannot be ranked. It may be ranked `later`, when all have run."""
    go_on = resume_command(home)
    what = f"go on with: {go_on}" if later else f"choose another one: {go_on} --baseline NAME"
    return HetschedError(f"the baseline {baseline!r} {why}, so that nothing can be compared with it; {what}")


def _written(home: Path, result: SuiteResult) -> SuiteResult:
    """The result. It is also written to its folder."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([getattr(record, name) for name in COLUMNS] for record in result.records)
    write_whole(home / RESULTS_NAME, text.getvalue().encode())
    _check_baseline(result)
    write_summary(home, "suite", result.document())
    return result


@contextmanager
def _going_on(home: Path) -> Iterator[None]:
    """Within the context, Ctrl-C and SIGTERM get a note that says how to go on, once the folder has
    a plan."""
    try:
        yield
    except KeyboardInterrupt as stop:
        if (home / PLAN_NAME).exists():
            plan = load_plan(home)
            so_far = runs_finished(len(_known(home, plan)), len(plan.cells()))
            stop.add_note(f"{so_far} in {home}; go on with: {resume_command(home)}")
        raise


def _shipped(plan: SuitePlan) -> Iterator[Record]:
    """The package's runs of shipped policies. A user's file may have a policy of a shipped name:
    that policy has none."""
    policies = {name for name in plan.policies if scheduling.policies.is_shipped(name)}
    for name, of_scenario in plan.scenarios.items():
        for cell, record in cached(name, of_scenario).items():
            if cell.policy in policies and cell.seed in plan.seeds:
                yield msgspec.structs.replace(record, from_package=True)


def _with_baseline(home: Path, plan: SuitePlan, baseline: str) -> SuitePlan:
    if baseline not in plan.policies:
        raise InputError(f"baseline: {home} has no policy {baseline!r}: {nearest(baseline, plan.policies)}")
    return msgspec.structs.replace(plan, baseline=baseline)


def _new_folder(folder: Path | str | None) -> Path:
    """The new folder of a suite. Raises InputError if the folder exists and is not empty, or if it
    cannot be made."""
    home = (
        unused(Path("results") / f"suite-{datetime.now():%Y%m%d-%H%M%S}")
        if folder is None
        else path_of(folder, "folder")
    )
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{home}: cannot be made: {error.strerror}") from error
    if any(home.iterdir()):
        raise InputError(f"{home}: is not empty, and results are never overwritten; name a new folder")
    begin_study(home, "suite")
    return home
