"""What the dispatcher refuses, and what it does at a segment's end."""

from collections.abc import Callable, Iterable
from itertools import chain, count
from pathlib import Path
from time import sleep
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from hetsched import allocation, scheduling
from hetsched.allocation.fits import check_allocation
from hetsched.core.asked_again import AskedAgain, policy_calls
from hetsched.core.dispatcher import Dispatcher
from hetsched.core.events import (
    Event,
    Parts,
    PolicyAsked,
    PolicyWoken,
    RunEnded,
    SegmentEnded,
    SegmentStarted,
    TrialCompleted,
    WorkerJoined,
    WorkerLeft,
    WorkerSlowed,
)
from hetsched.core.log import LOG_NAME, read_log
from hetsched.core.state import State, state_of
from hetsched.core.view import StateView
from hetsched.domain.cluster import ClusterSpec, NodeId, Worker, WorkerId, cpu_worker
from hetsched.domain.profiles import StepTimes
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import TrialId, Workload
from hetsched.errors import HetschedError, InputError, PolicyError
from hetsched.scenario.tables import FaultsTable
from hetsched.scheduling import Decision, Dispatch, Stop, WakeAt
from hetsched.scheduling.queueing.in_order import serve
from hetsched.studies.resume import remember
from sim.engine import simulate
from tests.conftest import NO_OVERHEADS, make_setup, profile_row

NO_PARTS = Parts(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
Decide = Callable[[StateView], Iterable[Decision]]


def simulate_deciding(decide: Decide, folder: Path, **experiment: Any) -> None:
    """Simulate a policy made of one function."""

    class Policy:
        def dispatch(self, state: StateView) -> Iterable[Decision]:
            return decide(state)

    scheduling.register("under-test")(Policy)
    nodes = ({"name": "g", "cores": 2, "gpus": 1, "gpu_type": "v100"}, {"name": "a", "cores": 1})
    simulate(make_setup(nodes, **experiment), Strategy("fusion", "under-test"), 0, folder)


def whole(state: StateView, trial: str = "e-0", worker: str = "a/cpu0", iterations: int = 10) -> Dispatch:
    return Dispatch(trial, worker, iterations)  # type: ignore[arg-type]


REFUSED: dict[str, tuple[Decide, str]] = {
    "unknown trial": (lambda s: [whole(s, trial="e-9")], "no such trial"),
    "unknown worker": (lambda s: [whole(s, worker="b/cpu0")], "no such worker"),
    "no iterations": (lambda s: [whole(s, iterations=0)], "from 1 to 10"),
    "a fraction of an iteration": (lambda s: [whole(s, iterations=2.5)], "whole number"),  # type: ignore[arg-type]
    "more than an interval": (lambda s: [whole(s, iterations=11)], "from 1 to 10"),
    "a trial twice": (lambda s: [whole(s), whole(s, worker="g/cpu0")], "running, not ready"),
    "a worker twice": (lambda s: [whole(s), whole(s, trial="e-1")], "the worker 'a/cpu0' is busy"),
    "a decision with objects for ids": (
        lambda s: [Dispatch(s.ready_trials[0], next(iter(s.idle_workers)), 10)],  # type: ignore[arg-type]
        "trial and worker are ids",
    ),
    "decisions without end": (lambda s: (whole(s) for _ in count()), "running, not ready"),
    "wake-ups without end": (lambda s: (WakeAt(1.0) for _ in count()), "decisions, expected at most 7, for idle"),
    "wake-ups and then too much": (
        lambda s: chain((WakeAt(1.0) for _ in range(20)), (whole(s) for _ in count())),
        "running, not ready",
    ),
    "an array of workers": (
        lambda s: [replace(whole(s), others=np.array(["a/cpu0", "g/cpu0"]))],
        "the others of a gang are a tuple",
    ),
    "an array of trials": (
        lambda s: [replace(whole(s), then=np.array(["e-1", "e-2"]))],
        "the trials that follow in a package are a tuple",
    ),
    "not a decision": (lambda s: ["e-0"], "returns Dispatch"),  # type: ignore[list-item]
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_decisions_are_refused_by_name(name: str, tmp_path: Path) -> None:
    decide, reason = REFUSED[name]
    with pytest.raises(PolicyError, match=f"(?s)under-test.*{reason}"):
        simulate_deciding(decide, tmp_path)


def test_a_device_that_the_trial_cannot_use_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="runs on v100 only"):
        simulate_deciding(lambda s: [whole(s)], tmp_path, devices=["v100"])


def test_past_the_stop_iteration_is_refused(tmp_path: Path) -> None:
    def last(state: StateView) -> Iterable[Dispatch]:
        trial = state.ready_trials[0]
        return [Dispatch(trial.id, next(iter(state.idle_workers)).id, 10)]

    with pytest.raises(PolicyError, match="5 of the trial remain"):
        simulate_deciding(last, tmp_path, population=1, stop_iterations=15)


def test_a_stopped_trial_is_completed_with_the_policys_reason_and_never_trains_again(tmp_path: Path) -> None:
    def stopping(state: StateView) -> Iterable[Decision]:
        for trial in list(state.ready_trials):
            if trial.index > 0:
                yield Stop(trial.id, "one is enough")
            elif worker := next(iter(state.idle_workers), None):
                yield whole(state, trial.id, worker.id)

    simulate_deciding(stopping, tmp_path, population=3)
    log = list(read_log(tmp_path / LOG_NAME))
    reasons: dict[str, str] = {event.trial: event.reason for event in log if isinstance(event, TrialCompleted)}
    assert reasons["e-1"] == reasons["e-2"] == "stopped by under-test: one is enough"
    assert {event.trial for event in log if isinstance(event, SegmentStarted)} == {"e-0"}


class PlansAhead:
    """Takes 50 ms to be set up, and next to nothing for a call."""

    def setup(self, *_: object) -> None:
        sleep(0.05)

    def dispatch(self, state: StateView) -> Iterable[Dispatch]:
        return serve(state, state.ready_trials)


def test_planning_in_setup_is_part_of_what_a_policy_costs(tmp_path: Path) -> None:
    scheduling.register("plans-ahead")(PlansAhead)
    scenario, strategy = make_setup(), Strategy("fusion", "plans-ahead")
    outcome = simulate(scenario, strategy, 0, tmp_path)
    assert 0.05 <= outcome.decision_s < 1
    assert remember(scenario, strategy, 0, list(read_log(tmp_path / LOG_NAME))).decision_s >= 0.05


def test_a_policy_is_woken_when_it_asked_to_be(tmp_path: Path) -> None:
    def waiting(state: StateView) -> Iterable[Decision]:
        if state.now < 7.0:
            return [WakeAt(7.0)]
        idle = {worker.id for worker in state.idle_workers}
        return [whole(state, trial.id) for trial in state.ready_trials[:1] if "a/cpu0" in idle]

    simulate_deciding(waiting, tmp_path, population=1)
    log = list(read_log(tmp_path / LOG_NAME))
    assert [event.time for event in log if isinstance(event, PolicyWoken)] == [7.0]
    assert next(event.time for event in log if isinstance(event, SegmentStarted)) == 7.0


def test_no_decision_is_dropped_after_many_wake_ups(tmp_path: Path) -> None:
    def waking(state: StateView) -> Iterable[Decision]:
        for number in range(100):
            yield WakeAt(1000.0 + number)
        yield from serve(state, state.ready_trials)

    simulate_deciding(waking, tmp_path)
    events = list(read_log(tmp_path / LOG_NAME))
    assert next(event for event in events if isinstance(event, SegmentStarted)).time == 0.0
    assert not any(isinstance(event, PolicyWoken) for event in events)


def test_a_policy_that_only_ever_wakes_is_stalled(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="'under-test' is stalled"):
        simulate_deciding(lambda state: [WakeAt(state.now + 1)], tmp_path)


@pytest.mark.parametrize("time", [1e13, 1e300, 10**300])
def test_a_policy_that_waits_for_a_time_that_never_comes_is_stalled(time: float, tmp_path: Path) -> None:
    """SimPy ended such a run with 'No scheduled events left'."""
    with pytest.raises(PolicyError, match="'under-test' is stalled at 0.000 s"):
        simulate_deciding(lambda state: [WakeAt(time)], tmp_path)


def test_a_wake_up_that_never_comes_leaves_the_others(tmp_path: Path) -> None:
    def waking(state: StateView) -> Iterable[Decision]:
        return [WakeAt(1e300), WakeAt(7.0)] if state.now < 7 else [*serve(state, state.ready_trials), WakeAt(1e300)]

    simulate_deciding(waking, tmp_path)
    events = list(read_log(tmp_path / LOG_NAME))
    assert [event.time for event in events if isinstance(event, PolicyWoken)] == [7.0]
    assert state_of(events).finished


def test_a_policy_is_woken_at_a_number_of_seconds(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="must be a number of seconds"):
        simulate_deciding(lambda state: [WakeAt(float("nan"))], tmp_path)


def in_order(*kinds: Callable[[Any], Any]) -> Decide:
    """Starts trials in order, with ids and iterations of these kinds."""
    of_trial, of_worker, of_number = kinds

    def decide(state: StateView) -> Iterable[Decision]:
        for decision in serve(state, state.ready_trials):
            yield Dispatch(of_trial(decision.trial), of_worker(decision.worker), of_number(decision.iterations))

    return decide


class Name(str):
    """A text that is not of the type `str` itself."""


@pytest.mark.parametrize(
    "decide",
    [
        in_order(np.str_, str, int),
        in_order(str, np.str_, int),
        in_order(Name, Name, int),
        in_order(str, str, np.int64),
        lambda state: [Stop(np.str_(trial.id), np.str_("enough")) for trial in state.ready_trials],  # type: ignore[arg-type]
        lambda state: [WakeAt(np.float64(3.0))] if state.now < 3 else serve(state, state.ready_trials),
        lambda state: [WakeAt(np.int64(3))] if state.now < 3 else serve(state, state.ready_trials),  # type: ignore[arg-type]
    ],
)
def test_texts_and_numbers_of_numpy_are_logged_as_those_of_python(decide: Decide, tmp_path: Path) -> None:
    simulate_deciding(decide, tmp_path)
    events = list(read_log(tmp_path / LOG_NAME))
    assert isinstance(events[-1], RunEnded) and events[-1].reason == "completed"
    assert sum(isinstance(event, TrialCompleted) for event in events) == 4


def test_a_time_beyond_all_floats_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="must be a number of seconds"):
        simulate_deciding(lambda state: [WakeAt(10**400)], tmp_path)
    assert isinstance(list(read_log(tmp_path / LOG_NAME))[-1], RunEnded)


class Once:
    """Starts one trial, wants to be woken at 10 s, and decides nothing after that."""

    def __init__(self) -> None:
        self.calls = 0

    def dispatch(self, state: StateView) -> Iterable[Decision]:
        self.calls += 1
        return [whole(state, worker="a/cpu0"), WakeAt(10.0)] if self.calls == 1 else []


def once() -> tuple[Dispatcher, Once, list[Event]]:
    """The policy, at work on workers `a/cpu0` and `b/cpu0`, and the events since."""
    scenario, policy, events = make_setup(), Once(), list[Event]()
    dispatcher = Dispatcher(State(), policy, "once", scenario.times, listeners=[lambda _, event: events.append(event)])
    for worker in scenario.workers(Strategy("fusion", "fifo")):
        dispatcher.record(WorkerJoined(0.0, worker))
    dispatcher.arrive(0.0, scenario.workload.experiments[0], seed=0)
    assert [start.worker for start in dispatcher.dispatch(0.0).starts] == ["a/cpu0"]
    events.clear()
    return dispatcher, policy, events


def test_a_wake_up_holds_until_the_policy_is_asked() -> None:
    dispatcher, policy, events = once()
    dispatcher.record(WorkerLeft(5.0, WorkerId("b/cpu0"), "a test"))
    dispatcher.dispatch(5.0)  # nobody is idle, so the policy is not asked
    assert (dispatcher.wake_at, policy.calls) == (10.0, 1)
    dispatcher.wake(10.0)
    assert (dispatcher.wake_at, policy.calls) == (None, 1), "it is due once, whether the policy could be asked or not"
    assert [type(event) for event in events] == [WorkerLeft, PolicyWoken]


def test_an_answer_replaces_the_wake_up() -> None:
    dispatcher, policy, _ = once()
    dispatcher.dispatch(5.0)
    assert (dispatcher.wake_at, policy.calls) == (None, 2)


def test_a_call_is_in_the_log_unless_decisions_tell_it() -> None:
    dispatcher, policy, events = once()
    assert policy.calls == 1 and not events
    dispatcher.dispatch(5.0)  # nothing has happened since, and it decides nothing
    dispatcher.record(WorkerSlowed(6.0, WorkerId("a/cpu0"), 2.0))
    dispatcher.dispatch(6.0)
    assert [(type(event), event.time) for event in events] == [
        (PolicyAsked, 5.0),
        (WorkerSlowed, 6.0),
        (PolicyAsked, 6.0),
    ]
    events.clear()
    policy.calls = 0
    dispatcher.end_segment(SegmentEnded(7.0, TrialId("e-0"), WorkerId("a/cpu0"), 10, 0.5, NO_PARTS), lambda trial: None)
    dispatcher.dispatch(7.0)
    assert [type(event) for event in events] == [SegmentEnded, SegmentStarted]


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -float("inf"), None])
def test_a_score_that_is_not_finite_is_not_known(score: float | None) -> None:
    """A backend of one's own may report what it likes: the log, and who reads it, know numbers and null."""
    dispatcher, _, events = once()
    ended = SegmentEnded(7.0, TrialId("e-0"), WorkerId("a/cpu0"), 10, score, NO_PARTS)
    assert dispatcher.end_segment(ended, lambda trial: None).score is None
    assert [event.score for event in events if isinstance(event, SegmentEnded)] == [None]


def test_answers_to_two_calls_in_a_row_can_be_told_apart() -> None:
    """A backend may ask again at once: the second answer begins where the log says that the policy was asked."""
    scenario, events = make_setup(), list[Event]()
    policy = OneByOne()
    dispatcher = Dispatcher(
        State(), policy, "one-by-one", scenario.times, listeners=[lambda _, event: events.append(event)]
    )
    for worker in scenario.workers(Strategy("fusion", "fifo")):
        dispatcher.record(WorkerJoined(0.0, worker))
    dispatcher.arrive(0.0, scenario.workload.experiments[0], seed=0)
    assert len(dispatcher.dispatch(0.0).starts) == len(dispatcher.dispatch(0.0).starts) == 1
    assert [len(call.decided) for call in policy_calls(events)] == [1, 1]
    again = AskedAgain(OneByOne(), "one-by-one", scenario.times)
    assert [again.difference(call) for call in policy_calls(events)] == [None, None]


class OneByOne:
    """Starts one trial per call."""

    def dispatch(self, state: StateView) -> Iterable[Decision]:
        return [whole(state, state.ready_trials[0].id, next(iter(state.idle_workers)).id)]


@pytest.mark.parametrize("policy", ["fifo", "pbt-sync", "gavel-las", "lookahead"])
def test_the_log_has_every_call(policy: str, tmp_path: Path) -> None:
    outcome = simulate(make_setup(population=7, stop_iterations=40), Strategy("fusion", policy), 0, tmp_path)
    calls = [call for call in policy_calls(list(read_log(tmp_path / LOG_NAME))) if call.asked]
    assert outcome.decisions == len(calls)
    assert policy == "fifo" or not all(call.decided for call in calls)


def test_a_second_simulation_into_a_folder_is_refused(tmp_path: Path) -> None:
    strategy, log = Strategy("fusion", "fifo"), tmp_path / LOG_NAME
    simulate(make_setup(), strategy, 0, tmp_path)
    before = log.read_bytes()
    with pytest.raises(InputError, match="events.jsonl: exists already, and a log is never overwritten"):
        simulate(make_setup(), strategy, 0, tmp_path)
    assert log.read_bytes() == before


def test_setup_shows_the_experiments_that_are_there_and_a_stream_of_the_seed(tmp_path: Path) -> None:
    seen = []

    class Prepared:
        def setup(self, cluster: ClusterSpec, workload: Workload, times: StepTimes, rng: np.random.Generator) -> None:
            seen.append(([node.id for node in cluster], [e.id for e in workload.experiments], float(rng.random())))

        def dispatch(self, state: StateView) -> Iterable[Decision]:
            return serve(state, state.ready_trials)

    scheduling.register("prepared")(Prepared)
    setup = make_setup(experiments=[{"name": "now"}, {"name": "later", "arrival_s": 10.0}])
    for number, seed in enumerate((3, 3, 4)):
        (tmp_path / str(number)).mkdir()
        simulate(setup, Strategy("fusion", "prepared"), seed, tmp_path / str(number))
    assert seen[0][:2] == (["a", "b"], ["now"])
    assert seen[0] == seen[1] != seen[2]


def test_a_gang_takes_its_workers_at_once(tmp_path: Path) -> None:
    nodes = [{"name": "g", "cores": 4, "gpus": 4, "gpu_type": "k80"}]
    rows = [profile_row("k80", seconds=1.0), profile_row("k80", seconds=0.6, gpu_share=2.0)]
    setup = make_setup(nodes, rows, NO_OVERHEADS, population=3, gang=2)
    simulate(setup, Strategy("fusion", "fifo"), 0, tmp_path)
    log = list(read_log(tmp_path / LOG_NAME))
    started = [event for event in log if isinstance(event, SegmentStarted)]
    assert all(len(event.others) == 1 for event in started)
    assert log[-1].time == pytest.approx(24.0)  # two trials of 20 x 0.6 s at once, then the third


def test_options_come_from_the_scenario_and_mistakes_are_named() -> None:
    with pytest.raises(InputError, match="'lookahead' has no option 'patienc': did you mean 'patience'"):
        scheduling.policies.create("lookahead", {"patienc": 0.5})
    with pytest.raises(InputError, match="'fifo' has no option 'x': it has none"):
        scheduling.policies.create("fifo", {"x": 1})
    with pytest.raises(InputError, match="scheduling policy 'lookahead'"):
        scheduling.policies.create("lookahead", {"patience": "much"})


@pytest.mark.parametrize("error", [KeyError("gone"), SystemExit(0)])
def test_a_policy_that_ends_the_program_is_an_error_like_any_other(error: BaseException, tmp_path: Path) -> None:
    def ending(state: StateView) -> Iterable[Dispatch]:
        raise error

    with pytest.raises(PolicyError, match=f"'under-test' raised {type(error).__name__}"):
        simulate_deciding(ending, tmp_path)


def test_a_policy_that_needs_arguments_is_named(tmp_path: Path) -> None:
    class Needy:
        def __init__(self, rate: float) -> None:
            self.rate = rate

        def dispatch(self, state: StateView) -> Iterable[Dispatch]:
            return []

    scheduling.register("needy")(Needy)
    with pytest.raises(PolicyError, match="'needy' cannot be made without arguments"):
        simulate(make_setup(), Strategy("fusion", "needy"), 0, tmp_path)
    with pytest.raises(TypeError, match="goes before a class"):
        scheduling.register("five")(5)  # type: ignore[type-var]


def test_leaving_everything_idle_is_reported_as_stalled(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="stalled.*it left 3 workers idle and 4 trials waiting, and nothing runs"):
        simulate_deciding(lambda s: [], tmp_path)


@pytest.mark.parametrize("error", [SystemExit, GeneratorExit])
def test_a_policy_that_raises_what_is_no_exception_is_named(error: type[BaseException], tmp_path: Path) -> None:
    def leaving(state: StateView) -> Iterable[Dispatch]:
        raise error

    def leaves_later(state: StateView) -> Iterable[Dispatch]:
        yield whole(state)
        raise error

    for place, decide in enumerate((leaving, leaves_later)):
        folder = tmp_path / str(place)
        folder.mkdir()
        with pytest.raises(PolicyError, match=f"'under-test' raised {error.__name__} at 0.000 s in test_dispatcher.py"):
            simulate_deciding(decide, folder)


def test_a_policy_that_raises_is_named_and_the_log_is_kept(tmp_path: Path) -> None:
    def broken(state: StateView) -> Iterable[Dispatch]:
        if state.now > 0:
            raise KeyError("gone")
        return [whole(state)]

    with pytest.raises(PolicyError, match="'under-test' raised KeyError at"):
        simulate_deciding(broken, tmp_path)
    events = list(read_log(tmp_path / LOG_NAME))
    assert isinstance(events[-1], RunEnded) and events[-1].reason.startswith("failed")
    assert state_of(events).trials["e-0"].iterations == 10  # type: ignore[index]


def test_the_view_cannot_be_written_to(tmp_path: Path) -> None:
    def meddling(state: StateView) -> Iterable[Dispatch]:
        with pytest.raises((TypeError, AttributeError)):
            state.trials["e-0"] = None  # type: ignore[index]
        with pytest.raises(AttributeError):
            state.ready_trials[0].iterations = 100  # type: ignore[misc]
        with pytest.raises(TypeError):
            state.ready_trials[0].hyperparameters["lr"] = 0.1  # type: ignore[index]
        with pytest.raises(TypeError):
            next(iter(state.experiments.values())).search_space["lr"] = None  # type: ignore[assignment]
        for name in ("now", "lead", "interval", "ready_trials", "anything"):
            with pytest.raises(AttributeError):
                setattr(state, name, None)
        return [whole(state)]

    with pytest.raises(PolicyError, match="e-0"):  # after the meddling: the same trial once more, when it is done
        simulate_deciding(meddling, tmp_path)


def test_workers_that_overlap_are_refused() -> None:
    setup = make_setup(({"name": "a", "cores": 3},))
    node = setup.cluster.nodes[0]

    with pytest.raises(PolicyError, match="'mine'.* need 4 cores"):
        check_allocation("mine", setup.cluster, [cpu_worker(node, 0, 2), cpu_worker(node, 1, 2)])
    with pytest.raises(PolicyError, match="made no workers"):
        check_allocation("mine", setup.cluster, [])
    cheats: dict[str, dict[str, float]] = {
        "has a pace": {"pace": 0.001},
        "has -1 cores": {"cores": -1},
        "GPU share": {"gpu_share": 0.5},
    }
    for reason, change in cheats.items():
        worker = msgspec.structs.replace(cpu_worker(node, 0, 1), **change)
        with pytest.raises(PolicyError, match=reason):
            check_allocation("mine", setup.cluster, [worker])


GPUS = make_setup([{"name": "g", "cores": 4, "gpus": 2, "gpu_type": "v100"}]).cluster


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (("g/0", "g", "cpu", 1.5), "worker 'g/0' has 1.5 cores: expected a whole number"),
        (("g/0", "g", "cpu", "2"), "has '2' cores: expected a whole number"),
        (("g/0", "g", "cpu", True), "has True cores: expected a whole number"),
        (("g/0", "g", "v100", 1, "half"), "has the GPU share 'half': expected a number"),
        ((7, "g", "cpu", 1), "worker 7 has the id 7: expected a text"),
        (("", "g", "cpu", 1), "worker '' has the id '': expected a text"),
        ((["g/0"], "g", "cpu", 1), "has the id .*: expected a text"),
    ],
)
def test_a_field_of_a_worker_that_is_not_of_its_type_is_named(fields: tuple[Any, ...], reason: str) -> None:
    with pytest.raises(PolicyError, match=reason):
        check_allocation("mine", GPUS, [Worker(*fields)])


def test_a_worker_in_values_of_numpy_is_logged(tmp_path: Path) -> None:
    @allocation.register("by-numpy")
    class ByNumpy:
        def workers(self, cluster: ClusterSpec, *_: object) -> list[Worker]:
            cut: Any = np.str_("a/0"), "a", "cpu", np.int64(1), np.float64(0)
            return [Worker(*cut)]

    simulate(make_setup(), Strategy("by-numpy", "fifo"), 0, tmp_path)
    joined = [event.worker for event in read_log(tmp_path / LOG_NAME) if isinstance(event, WorkerJoined)]
    assert joined == [Worker(WorkerId("a/0"), NodeId("a"), "cpu", 1)]


def on_gpus(*shares: float) -> list[Worker]:
    """Workers with these shares of the GPUs of a node."""
    return [Worker(WorkerId(f"g/{number}"), NodeId("g"), "v100", 0, share) for number, share in enumerate(shares)]


def test_each_share_of_a_gpu_must_be_found_on_one() -> None:
    """Ray gives no worker 0.2 of two GPUs each: it would wait for its place for ever."""
    with pytest.raises(PolicyError, match=r"workers of g need the shares 0.6, 0.6, 0.6 .* 2 GPUs cannot have each"):
        check_allocation("mine", GPUS, on_gpus(0.6, 0.6, 0.6))
    for fitting in ((0.6, 0.4, 0.6, 0.4), (0.4, 0.4, 0.6, 0.6), (0.3, 0.3, 0.3, 1.0), (*[1 / 3] * 6,), (0.5, 0.5, 1)):
        assert len(check_allocation("mine", GPUS, on_gpus(*fitting))) == len(fitting)


def test_an_allocation_policy_that_raises_is_named() -> None:
    @allocation.register("broken")
    class Broken:
        def workers(self, *_: object) -> list[Worker]:
            raise KeyError("gone")

    with pytest.raises(PolicyError, match="allocation policy 'broken' raised KeyError"):
        make_setup().workers(Strategy("broken", "fifo"))


def test_trials_that_no_worker_may_run_are_an_error_of_the_input(tmp_path: Path) -> None:
    nodes = ({"name": "g", "cores": 2, "gpus": 1, "gpu_type": "v100"},)
    both = make_setup(nodes, experiments=[{"name": "c", "devices": ["cpu"]}, {"name": "g", "devices": ["v100"]}])
    with pytest.raises(InputError, match=r"c.devices: uniform\+fifo has no worker of cpu; it has v100"):
        simulate(both, Strategy("uniform", "fifo"), 0, tmp_path)


def test_what_comes_ends_a_row_of_fruitless_wake_ups(tmp_path: Path) -> None:
    """While its only node was away, the policy was woken each second. When the node came back, it
    waited for the next whole second, and was accused of a stall."""

    def at_whole_seconds(state: StateView) -> list[Decision]:
        if state.now != int(state.now):
            return [WakeAt(int(state.now) + 1.0)]
        pairs = [(t, w) for t in state.ready_trials for w in state.idle_workers if state.usable(t, w)]
        started = [Dispatch(t.id, w.id, state.interval(t)) for t, w in pairs[:1]]
        return [*started, WakeAt(state.now + 1.0)]

    class Policy:
        def dispatch(self, state: StateView) -> list[Decision]:
            return at_whole_seconds(state)

    scheduling.register("under-test")(Policy)
    nodes = ({"name": "g", "cores": 1, "gpus": 1, "gpu_type": "v100"}, {"name": "a", "cores": 1})
    setup = make_setup(nodes, population=1, devices=["v100"])
    planned = [{"node": "g", "at_s": 0.5, "back_s": 1500.3}]
    setup = setup.replace(faults=FaultsTable.model_validate({"planned": planned}))
    simulate(setup, Strategy("fusion", "under-test"), 0, tmp_path)
    assert isinstance(list(read_log(tmp_path / LOG_NAME))[-1], RunEnded)


def test_a_policy_that_only_waits_is_stalled_though_a_node_comes_back_again_and_again(tmp_path: Path) -> None:
    """Each return began a new row of wake-ups, so the run had no end."""

    class Policy:
        def dispatch(self, state: StateView) -> list[Decision]:
            return [WakeAt(state.now + 10)]

    scheduling.register("under-test")(Policy)
    faults = FaultsTable.model_validate({"nodes": {"mean_between_s": 60.0, "mean_repair_s": 60.0}})
    with pytest.raises(PolicyError, match="'under-test' is stalled"):
        simulate(make_setup().replace(faults=faults), Strategy("fusion", "under-test"), 0, tmp_path)


@pytest.mark.parametrize("lazy", [False, True])
def test_nodes_that_return_but_cannot_help_do_not_keep_a_run_alive(tmp_path: Path, lazy: bool) -> None:
    """Of many nodes one was always away, and would return. So the run had no end."""

    class Policy:
        def dispatch(self, state: StateView) -> list[Decision]:
            return [WakeAt(state.now + 10)]

    scheduling.register("under-test")(Policy)
    spot = {"nodes": ["gpu"], "mean_between_s": 1.0, "notice_s": 0.0}  # it never comes back
    table = {"nodes": {"mean_between_s": 60.0, "mean_repair_s": 60.0}, "spot": spot}
    on_gpus = {"name": "e", "population": 2, "stop_iterations": 1000, "devices": None if lazy else ["k80"]}
    nodes = [{"name": "gpu", "cores": 1, "gpus": 1, "gpu_type": "k80"}, {"name": "a", "cores": 1, "count": 20}]
    rows = [profile_row(seconds=1.0), profile_row(device="k80", seconds=1.0)]
    setup = make_setup(nodes, rows, experiments=[on_gpus]).replace(faults=FaultsTable.model_validate(table))
    policy, error = ("under-test", PolicyError) if lazy else ("fifo", HetschedError)
    with pytest.raises(error, match="is stalled" if lazy else "none of them can run on what is left"):
        simulate(setup, Strategy("fusion", policy), 0, tmp_path)
