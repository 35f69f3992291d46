"""Every policy on every scenario of a suite, kept run by run, and what can be said of the policies."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from hetsched import scheduling
from hetsched.domain.registry import load_file
from hetsched.errors import HetschedError, InputError, counted, nearest, path_of
from hetsched.scenario.checks import parse_strategy
from hetsched.scenario.loading import load_setup
from hetsched.scenario.packaged.suite import FOLDER, VERSION, held_out_names, suite_file, suite_names
from hetsched.scenario.policy_files import POLICIES, copy_files
from hetsched.scenario.scenario import Setup
from hetsched.scenario.tables import OverheadsTable
from hetsched.signals import one_interrupt
from hetsched.studies.folder import unused, write_summary
from hetsched.studies.inputs import chosen_files
from hetsched.studies.measuring_policy import MEASURE
from hetsched.studies.sittings import begin_study, go_on_with_study
from hetsched.studies.suite.cached import cached
from hetsched.studies.suite.carry_out import FanOut, carry_out_all
from hetsched.studies.suite.record import Cell, Record
from hetsched.studies.suite.result import SuiteResult
from hetsched.studies.suite.suite_plan import Runs, SuitePlan, digest, load_plan, resume_command
from hetsched.studies.watching import Progress, silent

BASELINE = "fifo"
"""The order in which Ray Tune serves trials."""

SEEDS = 5

RESULTS_NAME = "results.csv"

NO_COSTS = OverheadsTable(start_up=False, restore=False, evaluation=False, checkpoint=False, noise=False)

RUNNING = "running"
"""The folder of the logs of runs that go on, or that failed."""


def suite(
    scenarios: Sequence[str | Path] | None = None,
    policies: Sequence[str] | None = None,
    seeds: int = SEEDS,
    folder: Path | str | None = None,
    *,
    baseline: str = BASELINE,
    policy_files: Sequence[Path | str] = (),
    costs: bool = True,
    use_cached: bool = True,
    jobs: int | None = 1,
    ray_address: str | None = None,
    progress: Progress = silent,
) -> SuiteResult:
    """Simulate scheduling policies on the scenarios of the suite, or on files of one's own, and rank them.

    `scenarios` are all of the suite by default, and those that it holds out, `policies` all that are registered; the
    baseline is always among them. A policy runs on the workers of each scenario's first strategy, under `seeds` seeds;
    a whole strategy, such as "fusion+fifo", may stand for one. Without `costs`, overheads and noise are left out. Runs
    of shipped policies come from the package if `use_cached`. `folder` must be new (default: one in `results`); `jobs`
    and `ray_address` are as in `compare`. Raises InputError for what is wrong in the input, PolicyError if a policy
    fails, HetschedError if the baseline cannot be ranked.
    """
    listed, loaded = _seeds(seeds), _loaded(policy_files)
    files, chosen = _scenario_files(scenarios), _chosen(policies, baseline)
    setups = {name: _setup(path, costs) for name, path in files.items()}
    home = _new_folder(folder)
    plan = SuitePlan(
        **_known_by(files),
        scenarios={name: digest(setup) for name, setup in setups.items()},
        policies=chosen,
        baseline=baseline,
        seeds=listed,
        policy_files=copy_files(loaded, home, POLICIES),
        use_cached=use_cached,
        costs=costs,
        held_out=held_out_names() if scenarios is None else [],
    )
    plan.save(home)
    return _carried_out(home, plan, setups, FanOut(jobs, ray_address), progress)


def resume_suite(
    folder: Path | str,
    *,
    baseline: str | None = None,
    jobs: int | None = 1,
    ray_address: str | None = None,
    progress: Progress = silent,
) -> SuiteResult:
    """Go on with a suite that was stopped, from the runs that its folder holds; of a complete one, the result again.
    `baseline` is another one of its policies. Raises InputError if the folder is not that of a suite, or a scenario has
    changed since; else as `suite` does."""
    home = path_of(folder, "folder")
    plan = load_plan(home)
    if baseline is not None:
        if baseline not in plan.policies:
            raise InputError(f"baseline: {home} has no policy {baseline!r}: {nearest(baseline, plan.policies)}")
        plan = msgspec.structs.replace(plan, baseline=baseline)
    for file in plan.policy_files:
        load_file(home / file, replaces=True)
    files = {name: Path(plan.files.get(name) or suite_file(name)) for name in plan.scenarios}
    setups = {name: _setup(path, plan.costs) for name, path in files.items()}
    plan.check(home, setups)
    go_on_with_study(home)
    return _carried_out(home, plan, setups, FanOut(jobs, ray_address), progress)


def _carried_out(
    home: Path, plan: SuitePlan, setups: Mapping[str, Setup], fan_out: FanOut, progress: Progress
) -> SuiteResult:
    """The runs that are neither finished nor cached, and the result of all."""
    kept, wanted = Runs(home), plan.cells()
    known = _known(home, plan)
    missing = [cell for cell in wanted if cell not in known]
    own = {name: setup.with_policy_files(home / file for file in plan.policy_files) for name, setup in setups.items()}
    with one_interrupt(), _going_on(home, known):
        for record in carry_out_all(own, missing, home / RUNNING, fan_out, progress):
            kept.add(record)
            known[record.cell] = record
    return _written(home, _result(home, plan, known))


def suite_in(folder: Path | str) -> SuiteResult:
    """The result of the suite in the folder, as far as the suite came; nothing is simulated. Raises InputError if the
    folder is not that of a suite, HetschedError if the baseline cannot be ranked yet."""
    home = path_of(folder, "folder")
    plan = load_plan(home)
    result = _result(home, plan, _known(home, plan))
    _check_baseline(result)
    return result


def _known(home: Path, plan: SuitePlan) -> dict[Cell, Record]:
    """The runs that are finished, and those that the package has."""
    done = {record.cell: record for record in Runs(home).read()}
    shipped = _cached(plan) if plan.use_cached else {}
    return {cell: found for cell in plan.cells() if (found := done.get(cell) or shipped.get(cell)) is not None}


def _result(home: Path, plan: SuitePlan, known: Mapping[Cell, Record]) -> SuiteResult:
    records = [known[cell] for cell in plan.cells() if cell in known]
    simulated = {record.policy for record in Runs(home).read()}
    return SuiteResult(
        folder=home,
        plan=plan,
        records=records,
        cached=[name for name in plan.policies if name not in simulated],
        complete=len(records) == len(plan.cells()),
    )


def _check_baseline(result: SuiteResult) -> None:
    baseline = result.plan.baseline
    if (why := result.left_out.get(baseline)) is not None:
        choose = f"choose another one: {resume_command(result.folder)} --baseline NAME"
        raise HetschedError(f"the baseline {baseline!r} {why}, so that nothing can be compared with it; {choose}")


def _written(home: Path, result: SuiteResult) -> SuiteResult:
    """The result, which is also in its folder."""
    with (home / RESULTS_NAME).open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Record.__struct_fields__)
        writer.writerows(msgspec.structs.astuple(record) for record in result.records)
    _check_baseline(result)
    write_summary(home, "suite", result.document())
    return result


@contextmanager
def _going_on(home: Path, known: Mapping[Cell, Record]) -> Iterator[None]:
    """Ctrl-C says how to go on."""
    try:
        yield
    except KeyboardInterrupt as stop:
        stop.add_note(f"{counted(len(known), 'run')} finished in {home}; go on with: {resume_command(home)}")
        raise


def _cached(plan: SuitePlan) -> dict[Cell, Record]:
    """The runs of policies that are shipped: a file of one's own may have one of a shipped name."""
    found: dict[Cell, Record] = {}
    for name, of_scenario in plan.scenarios.items():
        found |= cached(name, of_scenario)
    shipped = {name for name in plan.policies if scheduling.policies.is_shipped(name)}
    return {cell: record for cell, record in found.items() if cell.policy in shipped}


def _known_by(files: Mapping[str, Path]) -> dict[str, Any]:
    """The version of the suite, if all scenarios are its own, and the files of those that are not."""
    own = {name: str(path) for name, path in files.items() if FOLDER not in path.parents}
    return {"suite": None if own else VERSION, "files": own}


def _setup(file: Path, costs: bool) -> Setup:
    setup = load_setup(file)
    return setup if costs else setup.replace(overheads=NO_COSTS)


def _seeds(number: int) -> list[int]:
    if number < 1:
        raise InputError(f"seeds: expected a whole number from 1, got {number!r}")
    return list(range(number))


def _loaded(policy_files: Sequence[Path | str]) -> list[Path]:
    files = chosen_files(policy_files, there=True)
    for file in files:
        load_file(file, replaces=True)
    return files


def _scenario_files(scenarios: Iterable[str | Path] | None) -> dict[str, Path]:
    """The files of the scenarios, by their names. Raises InputError for none, and for two of one name."""
    shipped = [*suite_names(), *held_out_names()]
    if scenarios is None:
        return {name: suite_file(name) for name in shipped}
    found: dict[str, Path] = {}
    for given in scenarios:
        path = Path(given) if Path(given).suffix else suite_file(str(given))
        name = load_setup(path).scenario.name if Path(given).suffix else str(given)
        if name in found or (Path(given).suffix and name in shipped):
            raise InputError(f"{path}: there is another scenario called {name!r}: give this one a name of its own")
        found[name] = path.resolve()
    if not found:
        raise InputError("scenarios: expected at least one; leave them out for all of the suite")
    return found


def _chosen(policies: Sequence[str] | None, baseline: str) -> list[str]:
    """The baseline and the other policies, each once. Raises InputError for one that there is not."""
    names = [name for name in scheduling.policies.names() if name != MEASURE] if policies is None else list(policies)
    chosen = list(dict.fromkeys([baseline, *names]))
    for name in chosen:
        if "+" in name:
            parse_strategy(name, "policies")
        else:
            scheduling.policies.factory(name)
    return chosen


def _new_folder(folder: Path | str | None) -> Path:
    """Raises InputError if it is there already and not empty, or cannot be made."""
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
