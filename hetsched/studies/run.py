"""One strategy for real on Ray Tune, and going on with a run that stopped."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

from msgspec.structs import replace

from hetsched.analysis.step_times import worker_steps
from hetsched.core.log import LOG_NAME, read_log
from hetsched.core.state import State
from hetsched.domain.registry import Strategy
from hetsched.errors import HetschedError, InputError, path_of
from hetsched.scenario.checks import check_policies, parse_strategy
from hetsched.scenario.policy_files import TRAINING
from hetsched.scenario.scenario import SCENARIO_NAME, Scenario, Setup
from hetsched.studies.assumed_bounds import of_measured
from hetsched.studies.driver_load import warn_of_overload
from hetsched.studies.folder import SUMMARY_NAME, ResultsFolder, default_folder, report_command, unused
from hetsched.studies.inputs import Seeds, chosen_files, chosen_seeds, chosen_strategy
from hetsched.studies.one_run import RunResult, carry_out, look_up
from hetsched.studies.plan import PlanResult
from hetsched.studies.plan import plan as find_best
from hetsched.studies.real_scenario import load_real_setup, studied_for_real
from hetsched.studies.results import StrategyResult
from hetsched.studies.run_plan import AUTO, RunPlan, is_complete, load_plan
from hetsched.studies.simulate import strategy_result, write_strategy
from hetsched.studies.sittings import go_on_with_study
from hetsched.studies.sole_owner import sole_owner
from hetsched.studies.watching import Watch, unwatched
from hetsched.version import __version__

Planner = Callable[[Setup, Path, Path], PlanResult]
"""Makes a plan for a scenario in the first folder. It looks in the second folder for earlier
measurements."""


def plan_beside(setup: Setup, folder: Path, beside: Path) -> PlanResult:
    """A plan of all strategies, without a budget."""
    return find_best(setup, folder=folder, beside=beside)


def run(
    scenario: Scenario | Setup,
    strategy: str | Strategy,
    seeds: Seeds = 1,
    folder: Path | str | None = None,
    *,
    policy_files: Sequence[Path | str] = (),
    planner: Planner = plan_beside,
    planning: Sequence[str] = (),
    watch: Watch = unwatched,
) -> StrategyResult:
    """Run one strategy for real on Ray Tune's PBT, under every seed in turn. See docs/real-runs.md.

    - `strategy`: "auto" is the best one of a plan, which `planner` makes first, in `folder`/plan
    - `folder`: for all files. It must be new (default: one in `results`). `resume` needs it.
    - `policy_files`: copied into the folder, and named in the command that goes on
    - `planning`: the words of a command line that make the same plan. Going on takes them.

    The error of a run that stopped has a note (`__notes__`) that says how to go on. Raises
    InputError for wrong input, PolicyError if the policy fails, and HetschedError if the run fails.
    """
    given = chosen_files(policy_files, there=True)
    with studied_for_real(scenario, given) as setup:
        name = AUTO if strategy == AUTO else str(chosen_strategy(strategy))
        files = [str(path.resolve()) for path in given]
        plan = RunPlan(name, chosen_seeds(setup, seeds), files, __version__, planning=[*planning])
        if name != AUTO:
            setup.workers(parse_strategy(name))
            check_policies(setup, [parse_strategy(name)])
        home = ResultsFolder.new(folder or default_folder("run", setup), setup, "run")
        with sole_owner(home.path, "run"):
            plan = plan.with_files(home.path)
            plan.save(home.path)
            setup, plan = _with_strategy(setup, plan, home, planner)
            warn_of_overload(setup, [parse_strategy(plan.strategy)])
            runs = []
            for seed in plan.seeds:
                with what_stays(plan, home, new=name != AUTO):
                    runs.append(_carry_out(setup, plan, seed, home.path, watch))
            return _written(home, setup, plan, runs)


def resume(
    folder: Path | str,
    *,
    read: Callable[[Path], Setup] = load_real_setup,
    policy_files: Sequence[Path | str] = (),
    planner: Planner = plan_beside,
    watch: Watch = unwatched,
    complete: Callable[[Path], None] = lambda home: None,
) -> StrategyResult:
    """Go on with what `run` began in the folder, from what the folder holds.

    - `read`: reads the folder's scenario
    - `policy_files`: replace those that the run began with
    - `complete`: is called with the folder of every run that has nothing left to do
    - `planner`: as for `run`

    Raises as `run` does.
    """
    folder = path_of(folder, "folder")
    load_plan(folder)
    with sole_owner(folder, "run"):
        plan = load_plan(folder)  # what another process has made of it
        if policy_files:
            plan = replace(plan, policy_files=[str(path.resolve()) for path in chosen_files(policy_files)])
        plan.check(folder)
        with studied_for_real(read(folder / SCENARIO_NAME), policy_files) as setup:
            setup, plan = _with_strategy(setup, plan, ResultsFolder(folder), planner, new=False)
            return _gone_on(setup, plan, folder, watch, complete)


def _gone_on(
    setup: Setup, plan: RunPlan, folder: Path, watch: Watch, complete: Callable[[Path], None]
) -> StrategyResult:
    try:
        chosen = parse_strategy(plan.strategy)
    except InputError as error:
        raise InputError(f"{error}; the run was started with: {plan.resume_command(folder)}") from error
    runs, nothing_left = [], True
    for seed in plan.seeds:
        home = plan.home(folder, seed)
        if is_complete(home / LOG_NAME):
            runs.append(look_up(setup, home / LOG_NAME, (chosen, seed)))
            complete(home)
            continue
        if nothing_left:
            go_on_with_study(folder)
        nothing_left = False
        with what_stays(plan, ResultsFolder(folder), new=False):
            runs.append(_carry_out(setup, plan, seed, folder, watch))
    return _written(ResultsFolder(folder), setup, plan, runs, again=not nothing_left)


def _with_strategy(
    setup: Setup, plan: RunPlan, home: ResultsFolder, planner: Planner, *, new: bool = True
) -> tuple[Setup, RunPlan]:
    """The scenario and the plan of the run, with the best strategy in place of "auto". Then they
    are also in the folder, with what was measured and predicted."""
    if plan.strategy == AUTO:
        try:
            found = planner(setup, unused(home.path / "plan"), home.path.parent)
        except BaseException as error:
            if any(home.path.glob(f"plan*/**/{LOG_NAME}")):
                error.add_note(f"what was measured is kept; go on with: {plan.resume_command(home.path)}")
            elif new:
                home.undo()
            raise
        chosen = replace(plan, strategy=found.best, prediction=found.prediction, assumed=[*found.assumptions])
        setup, plan = found.setup, chosen
        setup.save(home.path)
        plan = plan.with_files(home.path)
        plan.save(home.path)
    return setup.with_prediction(plan.prediction), plan


def _written(
    home: ResultsFolder, setup: Setup, plan: RunPlan, runs: Sequence[tuple[RunResult, State]], *, again: bool = True
) -> StrategyResult:
    """The result. It is written to its folder if that has none, or if `again` is true."""
    cores, kept = setup.scenario.overheads.host_cores, setup.scenario.checkpoints
    steps = worker_steps((read_log(run.log) for run, _ in runs), setup.times, cores, kept)
    chosen = parse_strategy(plan.strategy)
    assumed = of_measured(setup, [chosen], plan.assumed)
    result = strategy_result(home, setup, chosen, runs, steps, assumed, plan.prediction)
    if again or not (home.path / SUMMARY_NAME).exists():
        write_strategy(result, "run", "ray")
    return result


def _carry_out(setup: Setup, plan: RunPlan, seed: int, folder: Path, watch: Watch) -> tuple[RunResult, State]:
    strategy = parse_strategy(plan.strategy)
    with watch("running", setup, strategy, seed) as listen:
        return carry_out("ray", setup, strategy, seed, plan.home(folder, seed), listen)


@contextmanager
def what_stays(plan: RunPlan, home: ResultsFolder, *, new: bool = True) -> Iterator[None]:
    """If the run stops before its end, add a note to the error: how to go on, or that no segment
    was finished. If a new run could not begin, remove its folder."""
    try:
        yield
    except BaseException as error:
        copies = (home.path / TRAINING).glob("*.py")
        to_mend = [copy for copy in copies if isinstance(error, HetschedError) and copy.name in str(error)]
        if plan.segments_finished(home.path):
            for copy in to_mend:
                error.add_note(f"mend the training in the copy by which the run goes on: {copy}")
            error.add_note(f"what was finished is kept; go on with: {plan.resume_command(home.path)}")
            error.add_note(f"report: {report_command(home.path)}")
        elif new and not plan.begun(home.path):
            home.undo()
        else:
            error.add_note(f"no segment was finished, so start again in another folder; {home.path} says what happened")
        if to_mend and (home.path / SCENARIO_NAME).is_file():
            scenario = quote(str(home.path / SCENARIO_NAME))
            error.add_note(f"check the class without Ray: hetsched training check {scenario}")
        raise
