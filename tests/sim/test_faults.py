"""What goes wrong in simulations: workers, nodes and trials fail, slow down, leave and come late."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetsched.cli.shared import TrialProgress
from hetsched.core.events import (
    CheckpointLost,
    Event,
    Parts,
    RunEnded,
    SegmentEnded,
    SegmentLost,
    SegmentStarted,
    TrialExploited,
    WorkerDraining,
    WorkerJoined,
    WorkerLeft,
    WorkerSlowed,
)
from hetsched.core.log import LOG_NAME, read_log
from hetsched.core.state import State, state_of
from hetsched.core.trial import Trial
from hetsched.domain.cluster import NodeId, WorkerId
from hetsched.domain.random_streams import stream
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import ExperimentId, TrialId, TrialKind
from hetsched.errors import HetschedError, InputError
from hetsched.scenario.scenario import Setup
from hetsched.scenario.tables import CheckpointsTable, FaultsTable
from hetsched.scheduling.shares.ledger import Ledger, Pick
from hetsched.testing import check_log
from sim.checkpoint_copies import CheckpointCopies
from sim.engine import simulate
from tests.conftest import NO_OVERHEADS, Simulate, make_setup

NODES = [{"name": "a", "cores": 2}, {"name": "b", "cores": 4}]
PLACES = [("storage", 1.0, 2.0, 2.0), ("object-store", 0.25, 0.5, 1.5), ("both", 0.25, 0.5, 2.0)]
"""Where checkpoints are, and the seconds of a save, a restore on the same node and one on another (1 Gb at 1 Gb/s)."""


def faulty(faults: dict[str, object], place: str = "storage", **experiment: Any) -> Setup:
    """Six trials of 60 iterations on the cores of two nodes, one a core, without overheads."""
    base: dict[str, Any] = {"population": 6, "stop_iterations": 60, **experiment}
    setup = make_setup(NODES, overheads=NO_OVERHEADS, **base)
    checkpoints = CheckpointsTable.model_validate({"place": place})
    return setup.replace(faults=FaultsTable.model_validate(faults), checkpoints=checkpoints)


def counts(events: Iterable[Event]) -> Counter[type[Event]]:
    return Counter(type(event) for event in events)


FAILURES = {"mean_between_s": 100.0, "mean_repair_s": 20.0}
KINDS: dict[str, dict[str, object]] = {
    "nodes": {"nodes": FAILURES},
    "workers": {"workers": FAILURES},
    "trials": {"trials": {"mean_between_s": 100.0}},
    "stragglers": {"stragglers": {"mean_between_s": 100.0, "mean_duration_s": 50.0, "factor": 3.0}},
    "spot": {"spot": {"mean_between_s": 150.0, "notice_s": 30.0, "away_s": 40.0}},
    "late": {"late": {"b": 60.0}},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("policy", ["least-progress", "hrfs", "lookahead", "gavel-las", "srtf"])
def test_all_trials_are_trained_to_the_end_in_spite_of_faults(kind: str, policy: str, simulate_log: Simulate) -> None:
    events = simulate_log(faulty(KINDS[kind]), f"uniform+{policy}")
    state = state_of(events)
    assert {trial.iterations for trial in state.trials.values()} == {60}
    trained: Counter[str] = Counter()
    for event in events:
        if isinstance(event, SegmentEnded):
            trained[event.trial] += event.iterations
    assert set(trained.values()) == {60}  # nothing that was checkpointed was trained again


@pytest.mark.parametrize("kind", ["nodes", "workers", "spot"])
def test_whoever_leaves_runs_nothing_until_it_is_back(kind: str, simulate_log: Simulate) -> None:
    """Nothing starts on a worker that is away or about to leave, and what it ran is lost when it leaves."""
    away: set[str] = set()
    busy: dict[str, str] = {}
    left = 0
    for event in simulate_log(faulty(KINDS[kind]), "uniform+least-progress"):
        match event:
            case WorkerJoined():
                away.discard(event.worker.id)
            case WorkerDraining():
                away.add(event.worker)
            case WorkerLeft():
                left += 1
                away.add(event.worker)
                assert event.worker not in busy.values()
            case SegmentStarted():
                assert event.worker not in away
                busy[event.trial] = event.worker
            case SegmentEnded() | SegmentLost():
                del busy[event.trial]
    assert left > 3


def test_nothing_starts_on_a_node_under_notice_even_if_it_was_repaired(simulate_log: Simulate) -> None:
    faults = {**KINDS["nodes"], "spot": {"mean_between_s": 150.0, "notice_s": 60.0, "away_s": 40.0}}
    notices: dict[str, float] = {}
    repaired = 0
    for event in simulate_log(faulty(faults, stop_iterations=200), "uniform+fifo"):
        node = event.worker.split("/")[0] if isinstance(event, WorkerDraining | SegmentStarted) else ""
        if isinstance(event, WorkerDraining):
            notices[node] = event.until
        elif isinstance(event, WorkerLeft):
            repaired += event.reason.endswith("failed") and event.time < notices.get(event.worker.split("/")[0], 0.0)
        elif isinstance(event, SegmentStarted):
            assert event.time >= notices.get(node, 0.0)
    assert repaired


def test_fate_does_not_depend_on_the_policy(simulate_log: Simulate) -> None:
    """Common random numbers: nodes fail at the same times under every policy, as long as both still run."""

    def failures(policy: str) -> list[tuple[float, str]]:
        events = simulate_log(faulty(KINDS["nodes"]), f"uniform+{policy}")
        return [(event.time, event.worker) for event in events if isinstance(event, WorkerLeft)]

    one, other = failures("fifo"), failures("lookahead")
    both = min(len(one), len(other))
    assert both > 3 and one[:both] == other[:both]


def test_a_late_node_joins_on_time_and_a_spot_node_gets_its_notice(simulate_log: Simulate) -> None:
    late = simulate_log(faulty(KINDS["late"]), "uniform+fifo")
    joined = {e.worker.node: e.time for e in late if isinstance(e, WorkerJoined)}
    assert joined == {"a": 0.0, "b": 60.0}
    spot = simulate_log(faulty(KINDS["spot"]), "uniform+fifo")
    announced = {(e.worker, e.until) for e in spot if isinstance(e, WorkerDraining)}
    for event in spot:
        if isinstance(event, WorkerLeft):
            assert any(w == event.worker and u == pytest.approx(event.time) for w, u in announced)


def test_a_straggler_stretches_the_segment_that_it_is_in(simulate_log: Simulate) -> None:
    """One trial, one worker of 1 s an iteration, which takes 3 s while it is slow; nothing else changes."""
    setup = make_setup(
        [{"name": "n", "cores": 4}], overheads=NO_OVERHEADS, population=1, stop_iterations=1000,
        pbt={"perturbation_interval": 500},
    )  # fmt: skip
    table = {"stragglers": {"mean_between_s": 300.0, "mean_duration_s": 100.0, "factor": 3.0}}
    events = simulate_log(setup.replace(faults=FaultsTable.model_validate(table)), "fusion+fifo")
    slow, since, makespan = 0.0, None, 0.0
    for event in events:
        if isinstance(event, WorkerSlowed):
            if event.factor > 1:
                since = event.time
            elif since is not None:
                slow, since = slow + event.time - since, None
        if isinstance(event, SegmentEnded):
            makespan = event.time
    if since is not None:
        slow += makespan - since
    assert slow > 50
    assert makespan == pytest.approx(1000 + slow * 2 / 3)
    parts = [event.parts.total_s for event in events if isinstance(event, SegmentEnded)]
    assert sum(parts) == pytest.approx(makespan)


def test_what_crashes_is_lost_and_the_next_start_is_cold(simulate_log: Simulate) -> None:
    setup = make_setup([{"name": "n", "cores": 4}], population=1, stop_iterations=400)
    table = {"trials": {"mean_between_s": 60.0}}
    events = simulate_log(setup.replace(faults=FaultsTable.model_validate(table)), "fusion+fifo")
    lost = [number for number, event in enumerate(events) if isinstance(event, SegmentLost)]
    assert len(lost) > 2
    for number in lost:
        after = next(event for event in events[number:] if isinstance(event, SegmentEnded | SegmentLost))
        following = next((event for event in events[number + 1 :] if isinstance(event, SegmentEnded)), None)
        assert after is events[number]
        assert following is None or following.parts.start_up_s >= 0
    first_after = next(e for e in events[lost[0] :] if isinstance(e, SegmentEnded))
    assert first_after.parts.start_up_s > 0 and first_after.parts.restore_s > 0


def test_a_trial_crashes_when_its_own_time_has_come_whatever_else_fails(simulate_log: Simulate) -> None:
    """Seconds on workers between the crashes of a trial are its stream's, with failures of workers and without."""
    for workers in ({}, {"workers": {"mean_between_s": 60.0, "mean_repair_s": 5.0}}):
        events = simulate_log(faulty({"trials": {"mean_between_s": 100.0}, **workers}, stop_iterations=200))
        started: dict[str, float] = {}
        own_s: defaultdict[str, float] = defaultdict(float)
        crashes: dict[str, list[float]] = {}
        for event in events:
            if isinstance(event, SegmentStarted):
                started[event.trial] = event.time
            elif isinstance(event, SegmentEnded | SegmentLost):
                own_s[event.trial] += event.time - started.pop(event.trial)
                if isinstance(event, SegmentLost) and event.reason == "the trial crashed":
                    crashes.setdefault(event.trial, []).append(own_s[event.trial])
        assert sum(map(len, crashes.values())) > 10
        for trial, times in crashes.items():
            draws = stream(0, "trial-crashes", trial).exponential(100.0, len(times))
            assert times == pytest.approx(draws.cumsum().tolist())


def test_what_was_in_memory_alone_is_gone_with_its_node_and_is_not_taken_over(simulate_log: Simulate) -> None:
    """PBT takes over no state that no node holds any more, not even that of a trial that goes on elsewhere."""
    faults: dict[str, object] = {"nodes": {"mean_between_s": 60.0, "mean_repair_s": 20.0}}
    setup = faulty(faults, "object-store", population=12, stop_iterations=30)  # longer, and it hardly ever ends
    exploits = 0
    for seed in range(5):
        home: dict[str, str] = {}
        for event in simulate_log(setup, "uniform+least-progress", seed):
            if isinstance(event, SegmentEnded):
                home[event.trial] = event.worker.split("/")[0]
            elif isinstance(event, CheckpointLost):
                home.pop(event.trial, None)
            elif isinstance(event, WorkerLeft):
                home = {trial: node for trial, node in home.items() if event.reason != f"node {node} failed"}
            elif isinstance(event, TrialExploited):
                exploits += 1
                home[event.trial] = home[event.source]
    assert exploits > 10


def saved(checkpoints: CheckpointCopies, node: str, now: float, iterations: int) -> None:
    """A trial's state is saved; writing it takes a minute."""
    kind = TrialKind("resnet18", "cifar10", 32)
    trial = Trial(TrialId("t"), 0, ExperimentId("e"), kind, {}, 0.0, iterations, score=0.5)
    checkpoints.save(trial, NodeId(node), now, 60.0, f"after {iterations}")


def left(checkpoints: CheckpointCopies) -> object:
    copy = checkpoints.newest(TrialId("t"))
    return None if copy is None else copy.weights


def test_a_copy_that_was_lost_before_it_was_written_never_comes_back() -> None:
    checkpoints = CheckpointCopies(behind=True)
    saved(checkpoints, "a", 0.0, 10)
    assert checkpoints.lose(NodeId("a"), 20.0) == ["t"]
    saved(checkpoints, "b", 100.0, 20)
    assert checkpoints.lose(NodeId("b"), 120.0) == ["t"]
    assert left(checkpoints) is None


def test_a_copy_on_its_way_to_storage_counts_when_it_is_there() -> None:
    """Saved every 30 s, each written within 60 s: a node that fails at 100 s leaves what was saved at 30 s."""
    checkpoints = CheckpointCopies(behind=True)
    for number in range(4):
        saved(checkpoints, "a", 30.0 * number, 10 * number)
    assert checkpoints.lose(NodeId("a"), 100.0) == ["t"]
    assert left(checkpoints) == "after 10"
    assert checkpoints.node(TrialId("t")) is None
    assert checkpoints.lose(NodeId("a"), 110.0) == []


def test_a_copy_in_the_memory_of_another_node_is_there() -> None:
    checkpoints = CheckpointCopies(behind=True)
    saved(checkpoints, "a", 0.0, 10)
    saved(checkpoints, "b", 10.0, 20)
    assert checkpoints.lose(NodeId("b"), 20.0) == ["t"]
    assert (left(checkpoints), checkpoints.node(TrialId("t"))) == ("after 10", "a")
    assert checkpoints.lose(NodeId("a"), 30.0) == ["t"]
    assert left(checkpoints) is None


def test_object_stores_lose_what_storage_keeps(simulate_log: Simulate) -> None:
    """Under the same failures of nodes: storage loses running segments, memory alone whole trials, and memory that
    is written behind to storage no more than the segments whose copies were not there yet."""
    faults: dict[str, object] = {"nodes": {"mean_between_s": 150.0, "mean_repair_s": 20.0}}
    ran = {
        place: simulate_log(faulty(faults, place), "uniform+least-progress")
        for place in ("storage", "object-store", "both")
    }
    assert counts(ran["storage"])[CheckpointLost] == 0
    assert counts(ran["object-store"])[CheckpointLost] > 0
    ends = {place: counts(events)[SegmentEnded] for place, events in ran.items()}
    assert ends["storage"] == 36 <= ends["both"] < ends["object-store"]
    for events in ran.values():
        assert {trial.iterations for trial in state_of(events).trials.values()} == {60}


@pytest.mark.parametrize(("place", "save_s", "here_s", "elsewhere_s"), PLACES)
def test_restoring_costs_what_the_place_of_the_copy_says(
    place: str, save_s: float, here_s: float, elsewhere_s: float, simulate_log: Simulate
) -> None:
    """And as much where nothing ever fails as where something might, though other code follows the copies."""
    costs = {"checkpoint_s": 1.0, "restore_s": 2.0, "object_store_save_s": 0.25, "object_store_restore_s": 0.5}
    base = make_setup(NODES, overheads={"noise": False}, population=6, stop_iterations=60, evaluation_images=100)
    rows = [row.model_copy(update={**costs, "checkpoint_bytes": 125_000_000}) for row in base.times.rows]
    checkpoints = CheckpointsTable.model_validate({"place": place})
    scenario = base.replace(checkpoints=checkpoints).replace_times(type(base.times)(rows))
    events = simulate_log(scenario, "uniform+least-progress")
    never = FaultsTable.model_validate({"nodes": {"mean_between_s": 1e9, "mean_repair_s": 1.0}})
    assert simulate_log(scenario.replace(faults=never), "uniform+least-progress") == events
    state, homes, restores = State(), dict[str, str](), dict[str, float]()
    for event in events:
        if isinstance(event, SegmentStarted) and state.must_restore(state.trials[event.trial], event.worker):
            node = state.workers[event.worker].node
            restores[event.trial] = here_s if homes[event.trial] == node else elsewhere_s
        elif isinstance(event, SegmentEnded):
            assert event.parts.checkpoint_s == save_s
            assert event.parts.restore_s == restores.pop(event.trial, 0.0)
            homes[event.trial] = state.workers[event.worker].node
        elif isinstance(event, TrialExploited):
            homes[event.trial] = homes[event.source]
        state.apply(event)
    assert counts(events)[TrialExploited] > 0


def test_write_behind_falls_back_to_the_copy_before(simulate_log: Simulate) -> None:
    """Writing takes longer than a segment, so that a failing node always loses its newest copies, and no older ones."""
    base = make_setup(NODES, population=6, stop_iterations=100)
    rows = [row.model_copy(update={"checkpoint_s": 60.0, "object_store_save_s": 0.1}) for row in base.times.rows]
    scenario = base.replace(
        faults=FaultsTable.model_validate({"nodes": {"mean_between_s": 200.0, "mean_repair_s": 10.0}}),
        checkpoints=CheckpointsTable(place="both"),
    ).replace_times(type(base.times)(rows))
    events = simulate_log(scenario, "uniform+least-progress")
    fallen = [event for event in events if isinstance(event, CheckpointLost)]
    assert any(event.iterations > 0 for event in fallen)
    assert state_of(events).unfinished == {"e": 0}


@pytest.mark.parametrize("seed", [2, 5])
def test_a_job_that_loses_earlier_work_received_no_negative_time(
    seed: int, simulate_log: Simulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gavel's priority divides by what a job received. With these seeds a node takes the work of earlier rounds."""
    received: list[int] = []

    def receive(ledger: Ledger, picks: Sequence[Pick], iterations: Sequence[int], start: float) -> None:
        received.extend(iterations)
        booked(ledger, picks, iterations, start)

    booked = Ledger.receive
    monkeypatch.setattr(Ledger, "receive", receive)
    simulate_log(faulty(KINDS["nodes"], "object-store"), "uniform+gavel-las", seed)
    assert min(received) == 0


@pytest.mark.timeout(60)
@pytest.mark.parametrize("notice_s", [1.0, 60.0])
@pytest.mark.parametrize("others", [{}, {"nodes": {"mean_between_s": 30.0, "mean_repair_s": 30.0}}])
@pytest.mark.parametrize("seed", range(4))
def test_faults_that_leave_nothing_to_run_on_are_an_error(
    notice_s: float, others: dict[str, object], seed: int, tmp_path: Path
) -> None:
    """Whether the last node is there, under notice or in repair when it is taken for good."""
    setup = faulty({"spot": {"mean_between_s": 30.0, "notice_s": notice_s}, **others}, stop_iterations=1000)
    with pytest.raises(
        HetschedError, match="no worker is left, with 6 trials not done, and none will return: .faults."
    ):
        simulate(setup, Strategy("uniform", "fifo"), seed, tmp_path)
    assert any(isinstance(event, WorkerDraining) for event in read_log(tmp_path / LOG_NAME))  # the log is not lost


def test_segments_that_can_never_end_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(HetschedError, match="100 times in a row.*crashed.*cannot end"):
        simulate(faulty({"trials": {"mean_between_s": 0.1}}), Strategy("uniform", "fifo"), 0, tmp_path)


def test_a_run_whose_checkpoints_are_always_lost_is_an_error(tmp_path: Path) -> None:
    """Segments end all the time, and trials get on, but never as far as they have to."""
    setup = faulty({"nodes": {"mean_between_s": 60.0, "mean_repair_s": 20.0}}, "object-store", stop_iterations=1000)
    with pytest.raises(HetschedError, match="trial e-. lost its work 1000 times.*node . failed.*cannot end"):
        simulate(setup, Strategy("uniform", "least-progress"), 0, tmp_path)
    events = list(read_log(tmp_path / LOG_NAME))
    assert counts(events)[SegmentEnded] > 1000 and len(events) < 100_000
    assert isinstance(events[-1], RunEnded) and events[-1].reason.startswith("failed: HetschedError: trial e-")


def test_progress_goes_back_with_a_lost_checkpoint_and_never_beyond_all_work(tmp_path: Path) -> None:
    setup = faulty({"nodes": {"mean_between_s": 60.0, "mean_repair_s": 20.0}}, "object-store", stop_iterations=30)
    progress = TrialProgress("simulating", setup)
    shares: list[float] = []

    def listen(state: State, event: Event) -> None:
        progress.listen(state, event)
        shares.append(progress.share)

    simulate(setup, Strategy("uniform", "least-progress"), 0, tmp_path, [listen])
    trained = sum(event.iterations for event in read_log(tmp_path / LOG_NAME) if isinstance(event, SegmentEnded))
    assert trained > 6 * 30  # more than all work: some was lost
    assert max(shares) == shares[-1] == 1.0


def test_progress_costs_the_same_however_many_experiments_there_are() -> None:
    """It looked for the best score of all experiments at every event: 10,000 jobs took 100 times as long as 1,000."""
    noted: list[str] = []

    class Noted(TrialProgress):
        def advance(self, by: float = 1, note: str = "") -> None:
            noted.append(note)

    trial = SimpleNamespace(id="e-0", experiment="e", iterations=5)
    without_scores: Any = SimpleNamespace(trials={"e-0": trial}, experiments={}, running={})
    progress = Noted("simulating", make_setup())
    for score in (0.3, 0.5, 0.4):
        parts = Parts(0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
        progress.listen(without_scores, SegmentEnded(1.0, TrialId("e-0"), WorkerId("a/cpu0"), 5, score, parts))
    assert [note.rpartition(" ")[2] for note in noted] == ["0.300)", "0.500)", "0.500)"]


def test_progress_says_how_many_trials_are_added_before_the_first_one_trains(tmp_path: Path) -> None:
    """A million trials take 20 s until the first segment."""
    noted: list[str] = []

    class Noted(TrialProgress):
        def advance(self, by: float = 1, note: str = "") -> None:
            noted.append(note)

    setup = make_setup(population=2000, stop_iterations=1)
    simulate(setup, Strategy("uniform", "fifo"), 0, tmp_path, [Noted("simulating", setup).listen])
    assert noted[:2] == ["(1,000 of 2,000 trials added)", "(2,000 of 2,000 trials added)"]
    assert "running" in noted[2]


@given(
    kinds=st.sets(st.sampled_from(sorted(KINDS)), min_size=1),
    place=st.sampled_from(["storage", "object-store", "both"]),
    policy=st.sampled_from(["fifo", "least-progress", "lookahead", "gavel-makespan"]),
    seed=st.integers(0, 1000),
    dispatch_s=st.sampled_from([0.0, 0.5]),
)
def test_no_worker_is_double_booked_and_the_log_replays(
    kinds: set[str], place: str, policy: str, seed: int, dispatch_s: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    faults: dict[str, object] = {}
    for kind in kinds:
        faults |= KINDS[kind]
    iterations = 20 if place == "object-store" else 60  # where everything can be lost, long trials hardly ever end
    setup = faulty(faults, place, stop_iterations=iterations)
    setup = setup.replace(overheads=setup.scenario.overheads.model_copy(update={"dispatch_s": dispatch_s}))
    folder = tmp_path_factory.mktemp("run")
    outcome = simulate(setup, Strategy("uniform", policy), seed, folder)
    events = list(read_log(folder / LOG_NAME))
    final = check_log(events)
    assert final.snapshot() == outcome.state.snapshot()
    assert {trial.iterations for trial in final.trials.values()} == {iterations}
    assert all(trial.completed is not None for trial in final.trials.values())


def test_the_log_tells_of_a_slow_spell_that_began_while_the_worker_was_away(simulate_log: Simulate) -> None:
    """The worker came back three times as slow, and no line of the log said why."""
    spells = {"mean_between_s": 30.0, "mean_duration_s": 60.0, "factor": 3.0}
    setup = faulty({"workers": {"mean_between_s": 60.0, "mean_repair_s": 60.0}, "stragglers": spells})
    factors: dict[WorkerId, float] = {}
    slowest: dict[TrialId, float] = {}
    came_back_slow, before = 0, None
    for event in simulate_log(setup, "uniform+fifo"):
        if isinstance(event, WorkerJoined):
            factors[event.worker.id] = 1.0
        elif isinstance(event, WorkerSlowed):
            factors[event.worker] = event.factor
            slowest |= {trial: max(slow, event.factor) for trial, slow in slowest.items()}
            came_back_slow += isinstance(before, WorkerJoined) and before.time == event.time
        elif isinstance(event, SegmentStarted):
            slowest[event.trial] = factors[event.worker]
        elif isinstance(event, SegmentEnded) and slowest[event.trial] == 1:
            assert event.parts.train_s == pytest.approx(4.0 * event.iterations)
        before = event
    assert came_back_slow


def test_no_policy_is_accused_where_the_workers_that_trials_need_are_gone(simulate_log: Simulate) -> None:
    nodes = [{"name": "a", "cores": 1}, {"name": "b", "cores": 1, "gpus": 1, "gpu_type": "k80"}]
    setup = make_setup(nodes, population=2, stop_iterations=1000, pbt={"enabled": False}, gang=2)
    spot = {"mean_between_s": 5.0, "notice_s": 0.0, "nodes": ["b"]}
    with pytest.raises(HetschedError, match="none of them can run on what is left .*: the workers that they need are"):
        simulate_log(setup.replace(faults=FaultsTable.model_validate({"spot": spot})), "uniform+fifo")


def test_a_gang_that_fits_only_where_the_profile_has_no_time_of_it_is_refused_at_the_start(
    simulate_log: Simulate,
) -> None:
    """The policy was said to be stalled."""
    nodes = [{"name": "a", "cores": 4}, {"name": "b", "cores": 2, "gpus": 2, "gpu_type": "v100"}]
    setup = make_setup(nodes, population=2, pbt={"enabled": False}, gang=2)
    with pytest.raises(InputError, match="the profile has no entry for .* on a worker of 2 v100"):
        simulate_log(setup, "fusion+fifo")
