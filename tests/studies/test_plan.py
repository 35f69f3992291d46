"""From a cluster to its best strategy, with the simulator in the place of the cluster."""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

import hetsched
from hetsched import scheduling
from hetsched.analysis.intervals import spread
from hetsched.cli.main import main
from hetsched.cli.planning import print_plan
from hetsched.core.dispatcher import Listener
from hetsched.core.events import RunPredicted, RunStarted, SegmentEnded, SegmentStarted
from hetsched.core.log import LOG_NAME, LogWriter, read_log
from hetsched.domain.cluster import WorkerType
from hetsched.domain.profiles import ProfileRow, StepTimes
from hetsched.domain.registry import Strategy
from hetsched.errors import HetschedError, InputError
from hetsched.scenario.loading import load_setup
from hetsched.scenario.profile_files import read_profile
from hetsched.scenario.scenario import Setup
from hetsched.studies import forecast, one_run
from hetsched.studies.backends import Outcome, backend
from hetsched.studies.calibration import COLD
from hetsched.studies.measured import FACTS_NAME, Facts
from hetsched.studies.measuring_policy import MEASURE, Measure
from hetsched.studies.plan import PlanResult, plan
from hetsched.studies.probe import measuring_scenario
from hetsched.studies.slow_paces import slow_paces
from sim.backend import SimBackend
from tests.conftest import NO_OVERHEADS, Simulate, make_setup, profile_row

NODES = ({"name": "a", "cores": 4}, {"name": "b", "cores": 2}, {"name": "c", "cores": 1})
TRUTH = [
    profile_row(cores=cores, seconds=seconds, start_up_s=3.0, restore_s=0.2, checkpoint_s=0.1)
    for cores, seconds in ((1, 0.4), (2, 0.22), (4, 0.15))
]
QUIET = {"noise": False, "latency_s": 0.05}
EXPERIMENT: dict[str, Any] = {"population": 6, "stop_iterations": 120, "pbt": {"perturbation_interval": 20}}


class Cluster(SimBackend):
    """A cluster whose workers are as fast as `TRUTH` says, whatever a scenario says of them. It counts its runs."""

    name = "ray"

    def __init__(self) -> None:
        self.strategies: list[str] = []
        self.truth = TRUTH
        self.breaks: Callable[[Strategy], bool] = lambda strategy: False

    def run(
        self, setup: Setup, strategy: Strategy, seed: int, folder: Path, listeners: Sequence[Listener] = ()
    ) -> Outcome:
        self.strategies.append(str(strategy))
        if self.breaks(strategy):
            raise HetschedError("a node is gone")
        true = setup.replace_times(StepTimes(self.truth)).freeze_workers([strategy])
        overheads = setup.scenario.overheads.model_copy(update=QUIET)
        return super().run(
            true.replace(overheads=overheads).with_prediction(setup.prediction), strategy, seed, folder, listeners
        )


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cluster:
    made = Cluster()
    monkeypatch.setattr(one_run, "backend", lambda name: made if name == "ray" else backend(name))
    monkeypatch.chdir(tmp_path)
    return made


def scenario(rows: Sequence[ProfileRow] = (), **changes: Any) -> Setup:
    """Nothing is known of its step times, unless there are rows."""
    return make_setup(NODES, rows, overheads=QUIET, **EXPERIMENT | changes)


def test_the_best_strategy_takes_as_long_as_was_predicted(cluster: Cluster) -> None:
    found = plan(scenario(), folder="plan", seeds=2)
    assert cluster.strategies == ["fusion+measure"]  # it has all types of worker that the others have
    assert len(found.forecasts) > 40
    makespans = [figures.makespan_s.mean for figures in found.forecasts.values() if not figures.stopped]
    assert makespans == sorted(makespans)
    run, _ = one_run.carry_out("ray", found.setup, Strategy(*found.best.split("+")), 0, Path("real"))
    assert found.prediction.makespan_s == pytest.approx(run.metrics.makespan_s, rel=0.02)
    rows = {row.cores: row for row in read_profile(Path("plan/measured.csv"))}
    for true in TRUTH:
        assert rows[true.cores].seconds_per_iteration == pytest.approx(true.seconds_per_iteration)
        assert rows[true.cores].start_up_s == pytest.approx(true.start_up_s)
        assert rows[true.cores].restore_s == pytest.approx(true.restore_s)
        assert rows[true.cores].sharing == 1.0
    assert not any("sharing a node" in line for line in found.assumptions)


def test_paced_workers_are_measured_without_their_pace(cluster: Cluster) -> None:
    nodes = [dict(node, pace=pace) for node, pace in zip(NODES, (1.0, 1.0, 2.5), strict=True)]
    found = plan(make_setup(nodes, TRUTH, overheads=QUIET, **EXPERIMENT), ["fusion+lpt"], seeds=1, folder="plan")
    for true, row in zip(reversed(TRUTH), read_profile(Path("plan/measured.csv")), strict=True):
        assert (row.cores, row.seconds_per_iteration) == (true.cores, pytest.approx(true.seconds_per_iteration))
    run, _ = one_run.carry_out("ray", found.setup, Strategy("fusion", "lpt"), 0, Path("real"))
    assert found.prediction.makespan_s == pytest.approx(run.metrics.makespan_s, rel=0.02)


@pytest.mark.parametrize(("factor", "every", "said"), [(1.0, 1, 0), (2.0, 1, 3), (2.0, 4, 0)])
def test_a_plan_says_which_workers_could_not_hold_their_pace(
    simulate_log: Simulate, factor: float, every: int, said: int
) -> None:
    """The plan takes the step times of the slow machine, and its run asks them as the pace."""
    nodes = [dict(node, pace=2.0) for node in NODES]
    setup = make_setup(nodes, TRUTH, overheads=QUIET, **EXPERIMENT)
    written = simulate_log(setup, "fusion+lpt")
    Path("probe").mkdir()
    with LogWriter(Path("probe") / LOG_NAME) as log:
        for number, event in enumerate(written):
            log.write(event_that_is_late(event, factor if number % every == 0 else 1.0))
        log.commit()
    found = slow_paces(setup, Path("probe"))
    assert len(found) == said
    assert all("could not hold its pace" in line and "(+100%)" in line for line in found.values())


def test_a_later_plan_says_what_the_plan_that_measured_has_said(cluster: Cluster) -> None:
    """Its run asks the same paces."""
    plan(scenario(), ["fusion+lpt"], seeds=1, folder="results/one")
    facts = Path("results/one") / FACTS_NAME
    slow = {"2 cpu": "pace of a run by this plan: too slow", "9 cpu": "nobody's pace"}
    facts.write_text(json.dumps(json.loads(facts.read_text()) | {"slow": slow}))
    for name in ("two", "three"):
        found = plan(scenario(), ["fusion+lpt"], seeds=1, folder=f"results/{name}")
        assert found.reused and slow["2 cpu"] in found.assumptions and slow["9 cpu"] not in found.assumptions


def test_every_kind_is_measured_warm_and_taken_over(cluster: Cluster) -> None:
    """The kind of a worker's first segment had only that one: its step time included first calls."""
    sizes = [16, 32, 64, 128, 256]
    rows = [row.model_copy(update={"batch_size": size}) for size in sizes for row in TRUTH]
    many = make_setup(NODES, (), overheads=QUIET, **EXPERIMENT | {"batch_size": sizes, "population": 10})
    cluster.truth = rows
    first = plan(many, ["fusion+lpt"], seeds=1, folder="results/first")
    found = read_profile(Path("results/first/measured.csv"))
    assert len(found) == 15 and not any(COLD in row.provenance for row in found)
    again = plan(many, ["fusion+lpt"], seeds=1, folder="results/again")
    assert again.reused and cluster.strategies == ["fusion+measure"]
    assert again.prediction.makespan_s == pytest.approx(first.prediction.makespan_s)


def event_that_is_late(event: Any, factor: float) -> Any:
    """The event of a real run. The training of a segment took so many times as long as asked."""
    if isinstance(event, RunStarted):
        return replace(event, backend="ray")
    if not isinstance(event, SegmentEnded):
        return event
    asked_s = event.parts.train_s
    parts = replace(event.parts, train_s=factor * asked_s)
    return replace(event, parts=parts, late_s=(factor - 1) * asked_s)


def test_the_command_runs_what_was_predicted(cluster: Cluster, capfd: pytest.CaptureFixture[str]) -> None:
    found = plan(scenario(), ["fusion+fifo", "fusion+lookahead"], seeds=2, folder="plan")
    assert found.seeds == [0, 1] and list(found.forecasts) == ["fusion+lookahead", "fusion+fifo"]
    words = found.command().split()
    assert words == ["hetsched", "run", "plan/scenario.toml", "--strategy", "fusion+lookahead"]
    assert main([*words[1:], "--out", "run", "--json"]) == 0
    done = json.loads(capfd.readouterr().out)
    assert done["runs"][0]["makespan_s"] == pytest.approx(found.prediction.makespan_s, rel=0.02)
    assert found.document()["strategies"]["fusion+fifo"].makespan_s.mean > found.prediction.makespan_s
    assert list(found.to_frame()["strategy"]) == list(found.forecasts)


def test_what_was_measured_is_not_measured_again(cluster: Cluster) -> None:
    plan(scenario(), ["fusion+fifo"], folder="results/one")
    assert cluster.strategies == ["fusion+measure"]
    again = plan(scenario(population=9), ["fusion+fifo", "cpu-only+lpt"], folder="results/two")
    assert cluster.strategies == ["fusion+measure"]
    assert again.reused == [Path("results/one")] and again.probes == []
    with pytest.raises(InputError, match="results/one: a plan keeps the figures .*, such as results/one/probes/"):
        hetsched.load_results("results/one")
    anew = plan(scenario(), ["fusion+fifo"], folder="results/three", measure_again=True)
    assert cluster.strategies == ["fusion+measure"] * 2
    assert anew.reused == [] and anew.probes == [Path("results/three/probes/1-fusion")]
    elsewhere = plan(scenario(), ["fusion+fifo"], folder="others/four")
    assert elsewhere.reused == []


@pytest.mark.parametrize(
    "change",
    [
        lambda: scenario(train_images=77),
        lambda: scenario(search_space={"lr": {"low": 0.01, "high": 0.1}}),
        lambda: make_setup([*NODES[:2], {"name": "c", "cores": 2}], (), overheads=QUIET, **EXPERIMENT),
        lambda: scenario().replace(real={"augment": True}),
    ],
    ids=["the data", "the hyperparameters", "a node", "the augmentation"],
)
def test_another_training_is_measured_anew(change: Callable[[], Setup], cluster: Cluster) -> None:
    plan(scenario(), ["fusion+fifo"], folder="results/one")
    assert plan(change(), ["uniform+fifo"], folder="results/two").reused == []


def test_a_file_that_changed_is_another_training(cluster: Cluster) -> None:
    models = Path("models.py")
    models.write_text("A = 1\n")
    setup = scenario().replace(real={"model_file": str(models)})
    plan(setup, ["fusion+fifo"], folder="results/one")
    assert plan(setup, ["fusion+fifo"], folder="results/two").reused == [Path("results/one")]
    models.write_text("A = 2\n")
    assert plan(setup, ["fusion+fifo"], folder="results/three").reused == []


def test_every_searched_batch_size_is_measured(cluster: Cluster) -> None:
    """Trials drew them, so that a probe could lack one: no strategy fitted without a profile."""
    cluster.truth = [row.model_copy(update={"batch_size": size}) for row in TRUTH for size in (16, 32, 64, 128)]
    document = scenario().scenario.model_dump(mode="json", exclude_none=True) | {"profile": {"sources": []}}
    (experiment,) = document["workload"]["experiments"]
    del experiment["batch_size"]
    experiment["search_space"]["batch_size"] = {"choices": [16, 32, 64, 128]}
    searched = hetsched.Scenario.of(document).resolve()
    plan(searched, ["fusion+lpt"], seeds=1, folder="results/one")
    assert len(read_profile(Path("results/one/measured.csv"))) == 3 * 4
    assert plan(searched, ["fusion+lpt"], seeds=1, folder="results/two").reused == [Path("results/one")]


def test_a_probe_can_be_replayed(cluster: Cluster) -> None:
    """Its scenario is there for that, and its policy was unknown."""
    plan(scenario(TRUTH), ["fusion+fifo"], seeds=1, folder="plan")
    scheduling.policies.forget({Measure.__module__})
    assert hetsched.replay("plan/probes/1-fusion").same


def test_the_copy_of_a_scenario_is_the_same_training(cluster: Cluster) -> None:
    """`run --resume` of a run that stopped while it was planned measured everything again, as the
    results folder has copies of files at other paths."""
    Path("given").mkdir()
    for name in ("models.py", "mine.py"):
        (Path("given") / name).write_text("class Mine:\n    pass\n")
    document = scenario().scenario.model_dump(mode="json", exclude_none=True)
    real = {"model_file": "models.py", "data_dir": "data"}
    tables = {"training": {"class": "mine.py:Mine"}, "real": real, "profile": {"sources": []}}
    given = hetsched.Scenario.of(document | tables, Path("given"))
    there = given.resolve()
    there.save(Path("copied"))
    assert Facts.of(load_setup(Path("copied/scenario.toml"))) == Facts.of(there)
    (Path("given") / "mine.py").write_text("class Mine:\n    changed = True\n")
    assert Facts.of(given.resolve()) != Facts.of(load_setup(Path("copied/scenario.toml")))


def test_only_what_is_lacking_is_measured(cluster: Cluster) -> None:
    plan(scenario(), ["uniform+fifo"], folder="results/one")
    found = plan(scenario(), ["uniform+fifo", "fusion+fifo"], folder="results/two")
    assert cluster.strategies == ["uniform+measure", "fusion+measure"]
    assert found.reused == [Path("results/one")]
    assert {row.cores for row in read_profile(Path("results/two/measured.csv"))} == {1, 2, 4}


def test_a_type_of_worker_on_which_a_kind_was_not_measured_is_measured_again(cluster: Cluster) -> None:
    """As after a budget that ended too soon. A later plan took the type for measured."""
    cluster.truth = [row.model_copy(update={"batch_size": size}) for row in TRUTH for size in (16, 32)]
    both = scenario(batch_size=[16, 32])
    plan(both, ["fusion+lpt"], seeds=1, folder="results/one")
    measured = Path("results/one/measured.csv")
    lines = measured.read_text().splitlines(keepends=True)
    measured.write_text("".join(line for line in lines if ",32," not in line or ",1," in line))
    assert len(read_profile(measured)) == 4
    facts = measured.with_name(FACTS_NAME)
    assert not json.loads(facts.read_text())["cut_short"]
    facts.write_text(facts.read_text().replace('"cut_short": false', '"cut_short": true'))
    assert plan(both, ["fusion+lpt"], seeds=1, folder="results/two").reused == [Path("results/one")]
    assert cluster.strategies == ["fusion+measure"] * 2
    assert len(read_profile(Path("results/two/measured.csv"))) == 6


def test_what_was_not_measured_is_as_the_profile_has_it_at_the_speed_that_was_found(cluster: Cluster) -> None:
    """So that an allocation policy knows what to make of workers that are still to be measured."""
    slow = [row.model_copy(update={"seconds_per_iteration": 3 * row.seconds_per_iteration}) for row in TRUTH]
    found = plan(scenario(slow), ["cpu-only+fifo"], folder="plan")
    assert {row.cores for row in read_profile(Path("plan/measured.csv"))} == {1, 2, 4}
    four = plan(make_setup(NODES[:1], slow, overheads=QUIET, **EXPERIMENT), ["cpu-only+fifo"], folder="four")
    [kind] = four.setup.workload.experiments[0].kinds
    expected = TRUTH[1].seconds_per_iteration
    assert four.setup.times.seconds_per_iteration(kind, WorkerType("cpu", 2, 0.0)) == pytest.approx(expected)
    assert found.setup.workload == scenario().workload


def test_of_a_cluster_of_which_nothing_is_known_the_best_slices_are_found(cluster: Cluster) -> None:
    """By the times of the largest workers and of the smallest ones, and Amdahl's law between them."""
    one_node = make_setup(NODES[:1], (), overheads=QUIET, **EXPERIMENT)
    found = plan(one_node, ["fusion+lpt", "uniform+lpt", "sliced+lpt"], seeds=1, folder="plan")
    assert {row.cores for row in read_profile(Path("plan/measured.csv"))} == {1, 4}
    assert len(found.setup.workers(Strategy("sliced", "lpt"))) == 4
    assert found.forecasts["sliced+lpt"].makespan_s.mean < found.forecasts["fusion+lpt"].makespan_s.mean


def test_strategies_that_do_not_fit_are_left_out_with_their_reason(cluster: Cluster) -> None:
    @hetsched.register_scheduling("fails")
    class Fails:
        def dispatch(self, state: hetsched.StateView) -> list[hetsched.Dispatch]:
            raise ValueError("no")

    @hetsched.register_allocation("none-at-all")
    class NoneAtAll:
        def workers(self, *_: object) -> list[Any]:
            return []

    found = plan(scenario(), ["gpu-only+fifo", "fusion+fails", "none-at-all+fifo", "fusion+fifo"], folder="plan")
    assert list(found.forecasts) == ["fusion+fifo"]
    assert "needs a GPU" in found.left_out["gpu-only+fifo"]
    assert "'fails' raised ValueError" in found.left_out["fusion+fails"]
    assert "made no workers" in found.left_out["none-at-all+fifo"]
    with pytest.raises(HetschedError, match="no strategy fits: .*needs a GPU"):
        plan(scenario(), ["gpu-only+fifo"], folder="none")


def test_workers_that_cannot_be_measured_are_left_out_and_the_others_go_on(cluster: Cluster) -> None:
    cluster.breaks = lambda strategy: strategy.allocation == "uniform"
    found = plan(scenario(), ["fusion+fifo", "uniform+fifo"], folder="plan")
    assert set(found.forecasts) == {"fusion+fifo", "uniform+fifo"}  # its only type is among those of fusion
    one_node = make_setup(NODES[:1], (), overheads=QUIET, **EXPERIMENT)
    found = plan(one_node, ["fusion+fifo", "uniform+fifo"], folder="other/plan")
    assert list(found.forecasts) == ["fusion+fifo"]
    assert found.left_out == {"uniform+fifo": "could not be measured: a node is gone"}
    cluster.breaks = lambda strategy: True
    with pytest.raises(HetschedError, match="a node is gone"):
        plan(scenario(), ["fusion+fifo"], folder="broken", measure_again=True)
    assert not Path("broken").exists()


def test_a_strategy_that_stops_trials_is_no_faster_at_the_same_work() -> None:
    found = plan(scenario(), ["fusion+asha", "fusion+fifo", "fusion+lookahead"], seeds=2, folder="plan")
    assert found.best == "fusion+lookahead" and list(found.forecasts)[-1] == "fusion+asha"
    assert found.forecasts["fusion+asha"].makespan_s.mean < found.prediction.makespan_s
    assert found.forecasts["fusion+asha"].stopped > 0
    assert plan(scenario(), ["fusion+asha"], folder="alone").best == "fusion+asha"


def test_strategies_that_differ_by_rounding_are_in_the_order_in_which_they_were_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ["fusion+fifo", "fusion+srtf"]
    whole = forecast._summary

    def off(runs: Sequence[Any]) -> forecast.Forecast:
        """The second one ends sooner by what the order of a sum makes of it."""
        makespan = 0.1 + 0.2 if str(runs[0].task.strategy) == names[0] else 0.3
        return replace(whole(runs), makespan_s=spread([makespan]))

    monkeypatch.setattr(forecast, "_summary", off)
    for number, order in enumerate((names, names[::-1])):
        assert list(plan(scenario(), order, seeds=1, folder=f"plan{number}").forecasts) == order


def test_a_plan_says_of_every_strategy_whose_figures_are_not_to_be_trusted(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever reads that a policy is slow must read that its rounds were too long; only of the best one it was said.
    Of strategies that nobody named there is one line, since there were six long ones of them."""
    names = ["fusion+fifo", "fusion+gavel-makespan", "fusion+gavel-las"]
    found = plan(scenario(), names, seeds=1, folder="plan")
    assert found.best == names[0]
    print_plan(found, named=names)
    said = capsys.readouterr().out
    assert all(f"warning: {name}: decides too seldom for a run" in said for name in names[1:])
    print_plan(found, whole=True)
    said = capsys.readouterr().out
    assert all(f"warning: {name}: decides too seldom for a run" in said for name in names[1:])
    print_plan(found)
    said = capsys.readouterr().out
    assert "decides too seldom" not in said
    assert "warning: others: the figures of 2 are not to be trusted; why: hetsched show plan --all" in said


def test_a_plan_says_nothing_of_rounds_where_runs_end_at_their_bounds() -> None:
    """One trial on one worker had a warning beside a makespan that was the bound."""
    alone = make_setup([{"name": "a", "cores": 1}], [profile_row(cores=1)], overheads=NO_OVERHEADS, population=1)
    [found] = plan(alone, ["fusion+gavel-makespan"], seeds=1, folder="plan").forecasts.values()
    assert found.workers_bound_ratio == pytest.approx(1.0) and found.warning is None


def test_of_strategies_that_are_alike_one_without_a_warning_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = forecast._summary
    monkeypatch.setattr(forecast, "_summary", lambda runs: replace(whole(runs), makespan_s=spread([30.0])))
    found = plan(scenario(), ["fusion+gavel-makespan", "fusion+fifo"], seeds=1, folder="plan")
    assert found.forecasts["fusion+gavel-makespan"].warning is not None
    assert list(found.forecasts) == ["fusion+fifo", "fusion+gavel-makespan"]


def test_a_plan_says_who_trains_less(capsys: pytest.CaptureFixture[str]) -> None:
    """Trials that copy a count of iterations train less, and the strategy that copies most was the fastest of all."""
    pbt = {"perturbation_interval": 20, "iterations": "lineage"}
    setup = make_setup(
        NODES, (), overheads=QUIET, **EXPERIMENT | {"pbt": pbt, "population": 12, "stop_iterations": 400}
    )
    found = plan(setup, ["fusion+fifo", "fusion+lookahead"], seeds=2, folder="plan")
    less, most = sorted(found.forecasts, key=lambda name: found.forecasts[name].iterations)
    share = found.forecasts[less].iterations / found.forecasts[most].iterations
    assert share < 0.9
    said = f"trains {share:.0%} of the iterations of {most}, so that it is not known to be faster"
    assert found.forecasts[less].warning == said and found.forecasts[most].warning is None
    print_plan(found)
    assert f"warning: {less}: {said}" in capsys.readouterr().out


def test_of_allocations_with_the_same_workers_one_is_simulated() -> None:
    found = plan(scenario(), folder="plan", seeds=1)
    assert "fusion+fifo" in found.forecasts and "cpu-only+fifo" not in found.forecasts
    assert "cpu-only" in found.same_workers["fusion"]


def ticking(monkeypatch: pytest.MonkeyPatch, step_s: float) -> None:
    """Every look at the clock is so many seconds later than the last one."""
    now = iter(range(10**9))
    monkeypatch.setattr("hetsched.studies.budget.time.monotonic", lambda: step_s * next(now))


def test_a_budget_bounds_measuring_and_simulating(monkeypatch: pytest.MonkeyPatch, cluster: Cluster) -> None:
    ticking(monkeypatch, 10.0)
    found = plan(scenario(), [f"fusion+{name}" for name in ("fifo", "lpt", "hrfs")], 50, "plan", budget_s=200.0)
    assert 1 <= len(found.seeds) < 50 and found.seeds_left_out == 50 - len(found.seeds)
    assert set(found.forecasts) == {"fusion+fifo", "fusion+lpt", "fusion+hrfs"}
    for wrong in (0, -1, float("inf"), True, "x"):
        with pytest.raises(InputError, match="budget_s: expected seconds, more than 0"):
            plan(scenario(), budget_s=wrong)  # type: ignore[arg-type]


def test_a_budget_that_is_over_at_once_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    ticking(monkeypatch, 100.0)
    with pytest.raises(
        HetschedError,
        match="not measured: the budget of 1 s was over before; the budget of 1 s is spent: a larger one may",
    ):
        plan(scenario(), ["fusion+fifo"], folder="plan", budget_s=1.0)
    assert not Path("plan").exists()


def test_strategies_for_which_the_budget_does_not_last_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    plan(scenario(), ["fusion+fifo"], folder="measured")
    ticking(monkeypatch, 10.0)
    names = [f"fusion+{name}" for name in ("fifo", "lpt", "hrfs", "las", "srtf", "eta", "era", "lookahead")]
    found = plan(scenario(), names, folder="plan", budget_s=5.0)
    assert len(found.forecasts) == 4 and list(found.left_out) == names[4:]
    assert set(found.left_out.values()) == {"not simulated: the budget of 5 s was over before"}
    assert found.seeds == [0] and found.seeds_left_out == 9


def test_a_policy_that_has_the_name_of_the_measuring_one_is_refused_in_words() -> None:
    @hetsched.register_scheduling(MEASURE)
    class Mine:
        def dispatch(self, state: hetsched.StateView) -> list[hetsched.Dispatch]:
            return []

    with pytest.raises(InputError, match="has a scheduling policy 'measure' already: choose another name"):
        plan(scenario(), ["fusion+fifo"], folder="plan")


# What is measured.


def measuring(simulate_log: Simulate, setup: Setup, until_s: float | None = None) -> list[Any]:
    workers = setup.workers(Strategy("fusion", MEASURE))
    return simulate_log(measuring_scenario(setup, len(workers), until_s), Strategy("fusion", MEASURE))


def segments(events: Iterable[Any]) -> dict[str, list[SegmentEnded]]:
    found: dict[str, list[SegmentEnded]] = {}
    for event in events:
        if isinstance(event, SegmentEnded):
            found.setdefault(event.worker, []).append(event)
    return found


def test_every_worker_is_seen_cold_and_warm_and_with_a_restore(simulate_log: Simulate) -> None:
    events = measuring(simulate_log, scenario(TRUTH, population=2))
    of_worker = segments(events)
    assert set(of_worker) == {"a/cpu0", "b/cpu0", "c/cpu0"}
    for ends in of_worker.values():
        assert len(ends) == 4
        assert [end.parts.start_up_s > 0 for end in ends] == [True, False, False, False]
        assert any(end.parts.restore_s > 0 for end in ends)
        assert all(1.5 < end.parts.train_s < 2.5 for end in ends)


def test_every_kind_of_trial_is_seen_on_every_worker(simulate_log: Simulate) -> None:
    rows = [row.model_copy(update={"batch_size": size}) for row in TRUTH for size in (16, 32)]
    events = measuring(simulate_log, make_setup(NODES, rows, overheads=QUIET, **EXPERIMENT | {"batch_size": [16, 32]}))
    state, seen = hetsched.State(), set()
    for event in events:
        if isinstance(event, SegmentStarted):
            seen.add((event.worker, state.trials[event.trial].kind.batch_size))
        state.apply(event)
    assert seen == {(f"{node}/cpu0", size) for node in "abc" for size in (16, 32)}


def test_nothing_more_is_measured_than_there_is_time_for(simulate_log: Simulate) -> None:
    events = measuring(simulate_log, scenario(TRUTH), until_s=4.0)
    assert events[-1].time < 12.0
    assert all(event.time < 4.0 for event in events if isinstance(event, SegmentStarted))


# Run the best one.


def of_two(setup: Setup, folder: Path, beside: Path) -> PlanResult:
    """A plan that takes less time."""
    return plan(setup, ["fusion+lpt", "fusion+eta"], seeds=2, folder=folder, beside=beside)


def test_auto_runs_the_best_one_and_says_how_far_the_prediction_was(cluster: Cluster) -> None:
    result = hetsched.run(scenario(), "auto", seeds=2, folder="run", planner=of_two)
    assert result.strategy == json.loads(Path("run/run.json").read_text())["strategy"] != "auto"
    assert cluster.strategies[-2:] == [result.strategy] * 2
    assert result.foretold is not None and result.foretold.error_percent == pytest.approx(0, abs=2)
    for run in result.runs:
        begun, foretold, *_ = read_log(run.log)
        assert isinstance(begun, RunStarted) and isinstance(foretold, RunPredicted)
        assert foretold.strategy == result.strategy
        assert foretold.makespan_s == result.foretold.prediction.makespan_s
    assert hetsched.replay(result.runs[0].log.parent).same
    summary = json.loads(Path("run/summary.json").read_text())
    assert summary["foretold"]["measured_s"] == [run.metrics.makespan_s for run in result.runs]
    assert [run.metrics for run in hetsched.load_results("run").runs] == [run.metrics for run in result.runs]
    again = hetsched.resume("run")
    assert again.foretold == result.foretold


def test_a_run_says_what_its_prediction_assumes(cluster: Cluster, capfd: pytest.CaptureFixture[str]) -> None:
    """The plan alone said it. Of the real run, the bounds assume some of it, too."""
    far = {"lr": {"low": 50.0, "high": 500.0, "scale": "log"}}
    result = hetsched.run(scenario(search_space=far), "auto", folder="run", planner=of_two)
    planned = json.loads(Path("run/plan/summary.json").read_text())["assumptions"]
    assert any(line.startswith("prediction: ") and "searched 50 to 500" in line for line in result.assumptions)
    said = [line.rsplit("prediction: ")[-1] for line in result.assumptions]
    assert set(planned) <= {*said} and len(said) == len({*said})
    log = result.runs[0].log
    log.write_text(log.read_text().replace('"backend":"sim"', '"backend":"ray"', 1))
    (Path("run") / "summary.json").unlink()
    for again in (hetsched.load_results("run"), hetsched.resume("run")):
        assert [*again.assumptions] == [*result.assumptions]
    for words in ([], ["--json"]):
        assert main(["show", "run", *words]) == 0
        shown = " ".join(capfd.readouterr().out.split())
        assert all(json.dumps(line)[1:-1] in shown if words else line in shown for line in result.assumptions)


def test_a_run_that_planned_nothing_predicts_nothing() -> None:
    result = hetsched.run(scenario(TRUTH), "fusion+fifo", folder="run")
    assert result.foretold is None
    assert not any(isinstance(event, RunPredicted) for event in read_log(result.runs[0].log))


def test_a_run_that_stopped_while_it_was_planned_goes_on(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(setup: Setup, folder: Path, beside: Path) -> PlanResult:
        plan(setup, ["fusion+fifo"], folder=folder, beside=beside)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as raised:
        hetsched.run(scenario(), "auto", folder="run", planner=stopped)
    assert raised.value.__notes__ == ["what was measured is kept; go on with: hetsched run --resume run"]
    result = hetsched.resume("run", planner=of_two)
    assert cluster.strategies == ["fusion+measure", result.strategy]
    assert result.foretold is not None and Path("run/plan-2/summary.json").is_file()


def test_the_command_that_goes_on_with_a_plan_makes_the_same_plan(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It planned every strategy anew, and ran one that was not asked for."""

    def stopped(*arguments: Any, **options: Any) -> PlanResult:
        plan(*arguments, **options)
        raise KeyboardInterrupt

    scenario().save(Path("s"))
    names = ["--strategies", "fusion+fifo", "fusion+lpt", "--budget-s", "500", "--jobs", "1"]
    with monkeypatch.context() as patch:
        patch.setattr("hetsched.cli.run.plan", stopped)
        assert main(["run", "s/scenario.toml", "--strategy", "auto", *names, "--measure-again", "--out", "run"]) == 130
    go_on = f"hetsched run --resume run {' '.join(names)}"
    assert capfd.readouterr().err.splitlines()[-1].endswith(f"go on with: {go_on}")
    assert main(go_on.split()[1:]) == 0
    assert cluster.strategies[0] == "fusion+measure" and cluster.strategies[1] in names


def test_a_run_whose_plan_fails_leaves_no_folder(cluster: Cluster) -> None:
    cluster.breaks = lambda strategy: True
    with pytest.raises(HetschedError, match="a node is gone"):
        hetsched.run(scenario(), "auto", folder="run", planner=of_two)
    assert not Path("run").exists()


def test_a_run_that_breaks_after_its_plan_goes_on_with_the_strategy_that_was_chosen(cluster: Cluster) -> None:
    cluster.breaks = lambda strategy: strategy.scheduling != MEASURE
    with pytest.raises(HetschedError, match="a node is gone"):
        hetsched.run(scenario(), "auto", folder="run", planner=of_two)
    probes = len(cluster.strategies) - 1
    cluster.breaks = lambda strategy: False
    result = hetsched.resume("run")
    assert cluster.strategies[probes] == cluster.strategies[probes + 1] == result.strategy
    assert result.foretold is not None and result.foretold.error_percent == pytest.approx(0, abs=2)


# The commands.


def test_the_commands(capfd: pytest.CaptureFixture[str]) -> None:
    scenario().save(Path("s"))
    names = ["--strategies", "fusion+fifo", "fusion+lpt", "gpu-only+fifo", "--jobs", "1"]
    assert main(["plan", "s/scenario.toml", *names, "--out", "results/plan", "--seeds", "2"]) == 0
    shown = capfd.readouterr().out
    assert "left out: gpu-only+fifo: cluster.nodes" in shown
    assert "measured now, in results/plan/probes/1-fusion" in shown
    assert "run it: hetsched run results/plan/scenario.toml --strategy fusion+" in shown
    assert main(["run", "s/scenario.toml", "--strategy", "auto", *names, "--out", "results/run"]) == 0
    shown = capfd.readouterr().out
    assert "measured before, in results/plan" in shown
    assert "predicted for fusion+" in shown and "the prediction was" in shown
    assert main(["plan", "s/scenario.toml", *names, "--out", "results/json", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["best"] in found["strategies"] and found["reused"] and not found["probes"]
    assert main(["run", "s/scenario.toml", "--strategy", "fusion+fifo", "--budget-s", "3"]) == 2
    assert "--budget-s: with --strategy auto only" in capfd.readouterr().err


def test_a_budget_that_allows_first_segments_only_says_so_and_a_later_plan_measures_again(cluster: Cluster) -> None:
    """The step time of a first segment includes first calls. It was taken for a measured one."""
    short = plan(scenario(), ["fusion+lpt"], seeds=1, folder="results/short", budget_s=4.0)
    rows = read_profile(Path("results/short/measured.csv"))
    first = [row for row in rows if row.provenance.startswith(COLD)]
    assert first and any(COLD in line for line in short.assumptions)
    later = plan(scenario(), ["fusion+lpt"], seeds=1, folder="results/later")
    assert not any(COLD in row.provenance for row in read_profile(Path("results/later/measured.csv")))
    assert not any(COLD in line for line in later.assumptions)
