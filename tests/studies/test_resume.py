"""What a log says of a run is enough to go on with it; tests/on_ray/test_resume.py has the runs on Ray."""

import resource
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

import hetsched
from hetsched import scheduling
from hetsched.cli.main import main, parser
from hetsched.cli.shared import real_scenario
from hetsched.core.dispatcher import Dispatcher
from hetsched.core.events import (
    LOG_VERSION,
    AnyEvent,
    CheckpointLost,
    Event,
    Parts,
    PolicyAsked,
    PolicyWoken,
    RunEnded,
    RunResumed,
    RunStarted,
    SegmentEnded,
    SegmentLost,
    SegmentStarted,
    TrialCompleted,
    WorkerLeft,
)
from hetsched.core.log import LOG_NAME, LogWriter, read_log
from hetsched.core.state import State
from hetsched.core.view import StateView
from hetsched.domain.cluster import WorkerId
from hetsched.domain.workload import TrialId
from hetsched.errors import InputError
from hetsched.scenario.checks import parse_strategy
from hetsched.scheduling import Decision, Dispatch, Stop
from hetsched.studies.resume import remember, take_log, take_up, workers_of
from hetsched.studies.run_plan import RunPlan, load_plan
from hetsched.version import __version__
from sim.replay import replay
from tests.conftest import Simulate, make_setup

NO_PARTS = Parts(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def take(log: Path, strategy: str = "fusion+fifo", seed: int = 0) -> list[AnyEvent]:
    """The log of that run of the scenario that every test can make."""
    [experiment] = make_setup().workload.experiments
    return take_log(log, parse_strategy(strategy), seed, experiment)


def note(events: list[Any], state: State, event: Event) -> None:
    events.append(event)


@pytest.mark.parametrize("name", scheduling.policies.names())
@pytest.mark.parametrize("pbt", [{"perturbation_interval": 10}, {"enabled": False}])
def test_policies_remember(name: str, pbt: dict[str, Any], simulate_log: Simulate) -> None:
    """Every policy, asked again wherever it was asked, decides the same, wherever the log ends."""
    nodes = [{"name": "a", "cores": 1}, {"name": "b", "cores": 2}, {"name": "c", "cores": 4}]
    setup = make_setup(nodes, population=7, stop_iterations=40, pbt=pbt)
    strategy = parse_strategy(f"fusion+{name}")
    try:
        log: list[Any] = simulate_log(setup, strategy, 3)
    except InputError as error:
        pytest.skip(str(error))
    for cut in (len(log), *range(len(log) // 2, len(log), 13)):
        remembered = remember(setup, strategy, 3, log[:cut])
        assert remembered.forgot is None
        assert remembered.decisions > 0
        # And once more when the run has gone on from there, with the policy that remembers.
        policy, added = remembered.policy, log[:cut]
        resumed = Dispatcher(State(), policy, name, setup.times, listeners=[partial(note, added)])
        resumed.remember(log[:cut])
        del added[cut:]
        take_up(resumed, workers_of(log), None)
        resumed.dispatch(resumed.state.now)
        assert len(added) > cut
        assert remember(setup, strategy, 3, added).forgot is None


def test_trial_at_its_stop_rule_is_completed_whatever_the_log_lacks(simulate_log: Simulate) -> None:
    """The log ends between the last segment of a trial and the event that says that it is complete."""
    setup = make_setup()
    log = simulate_log(setup)
    cut = next(number for number, event in enumerate(log) if isinstance(event, TrialCompleted))
    policy = setup.scenario.scheduling_policy(parse_strategy("fusion+fifo"))
    dispatcher = Dispatcher(State(), policy, "fifo", setup.times)
    dispatcher.remember(log[:cut])
    running = len(dispatcher.state.running)
    take_up(dispatcher, workers_of(log), None)
    state = dispatcher.state
    assert [trial.id for trial in state.trials.values() if trial.completed is not None] == [log[cut].trial]
    assert running and not state.running
    assert state.idle.keys() == {worker.id for worker in workers_of(log)}
    assert not state.in_memory
    assert state.now == log[cut - 1].time


class StopsAtOnce:
    """Stops all trials but one at its first call, and never thinks of them again."""

    def __init__(self) -> None:
        self.stopped = False

    def dispatch(self, state: StateView) -> Iterable[Decision]:
        kept, *others = list(state.trials.values())
        if not self.stopped:
            self.stopped = True
            yield from (Stop(trial.id, "one is enough") for trial in others)
        if state.is_ready(kept):
            yield Dispatch(kept.id, next(iter(state.idle_workers)).id, state.interval(kept))


def test_what_a_policy_stopped_is_stopped_though_the_log_lacks_it(simulate_log: Simulate) -> None:
    """A run that failed in the middle of an answer went on until its policy was said to be stalled."""
    scheduling.register("stops-at-once")(StopsAtOnce)
    setup, strategy = make_setup(population=4), parse_strategy("fusion+stops-at-once")
    log: list[Any] = simulate_log(setup, strategy)
    cut = 1 + next(number for number, event in enumerate(log) if isinstance(event, TrialCompleted))
    remembered = remember(setup, strategy, 0, log[:cut])
    assert remembered.forgot is None and [stop.trial for stop in remembered.stops] == ["e-2", "e-3"]
    added: list[Any] = []
    resumed = Dispatcher(State(), remembered.policy, "stops-at-once", setup.times, listeners=[partial(note, added)])
    resumed.remember(log[:cut])
    added.clear()
    take_up(resumed, workers_of(log), None, remembered.stops)
    told = {event.trial: event.reason for event in added if isinstance(event, TrialCompleted)}
    assert told == dict.fromkeys(
        ("e-2", "e-3"), "decided before, and not written down: stopped by stops-at-once: one is enough"
    )
    assert [start.trial for start in resumed.dispatch(resumed.state.now).starts] == ["e-0"]
    assert replay(setup, [*log[:cut], *added]).difference is None
    assert remember(setup, strategy, 0, [*log[:cut], *added]).stops == ()


def test_changed_policy_starts_anew(simulate_log: Simulate, caplog: pytest.LogCaptureFixture) -> None:
    setup = make_setup(population=7, stop_iterations=40)
    log: list[Any] = simulate_log(setup, "fusion+fifo")
    remembered = remember(setup, parse_strategy("fusion+least-progress"), 0, log)
    assert remembered.forgot is not None
    first = next(number for number, event in enumerate(log, start=1) if isinstance(event, SegmentEnded))
    assert f"line {first + 1} of the log: policy 'least-progress' decided" in remembered.forgot
    assert remembered.forgot in caplog.text
    # From a resume that says so, nothing is asked about what was before it.
    resumed = RunResumed(log[-1].time, "the driver died", remembered.forgot, LOG_VERSION)
    assert remember(setup, parse_strategy("fusion+least-progress"), 0, [*log[:-1], resumed]).forgot is None


def old(log: list[Any]) -> list[Any]:
    """The log as format 1 has it."""
    events = [event for event in log if not isinstance(event, PolicyAsked)]
    return [replace(event, log_version=1) if isinstance(event, RunStarted) else event for event in events]


def test_run_of_an_old_log_goes_on_without_memory(simulate_log: Simulate, caplog: pytest.LogCaptureFixture) -> None:
    scenario, strategy = make_setup(population=7, stop_iterations=40), parse_strategy("fusion+fifo")
    log = old(simulate_log(scenario, strategy))
    remembered = remember(scenario, strategy, 0, log[:-5])
    assert remembered.forgot == "the log is of format 1, which does not say when the policy was asked"
    assert "without memory" in caplog.text
    # What is recorded from then on says it.
    added = log[:-5]
    dispatcher = Dispatcher(State(), remembered.policy, "fifo", scenario.times, listeners=[partial(note, added)])
    dispatcher.remember(log[:-5])
    del added[len(log) - 5 :]
    take_up(dispatcher, workers_of(log), remembered.forgot)
    dispatcher.dispatch(dispatcher.state.now)
    again = remember(scenario, strategy, 0, added)
    assert (again.forgot, again.decisions) == (None, 1)


@pytest.mark.parametrize("cut", [1, 20])
def test_cut_off_line_is_dropped(cut: int, simulate_log: Simulate, tmp_path: Path) -> None:
    whole = simulate_log(make_setup())
    log = tmp_path / "run-1" / LOG_NAME
    content = log.read_bytes()
    log.write_bytes(content[:-cut])
    assert take(log) == whole[:-1]
    assert content.startswith(log.read_bytes())
    assert log.read_bytes().endswith(b"\n")


def test_altered_log_is_refused(simulate_log: Simulate, tmp_path: Path) -> None:
    simulate_log(make_setup())
    log = tmp_path / "run-1" / LOG_NAME
    log.write_bytes(log.read_bytes() + b'{"event":"segment-lost","time":1.0,"trial":"x","worker":"y","reason":"z"}\n')
    with pytest.raises(InputError, match=r"events.jsonl:\d+: SegmentLost after the end of the run"):
        take(log)


ALTERED: dict[str, tuple[Callable[[SegmentStarted], Event], str]] = {
    "a trial that runs is completed": (lambda s: TrialCompleted(0.0, s.trial, "20 iterations"), "e-0 is running"),
    "a segment ends elsewhere": (
        lambda s: SegmentEnded(1.0, s.trial, WorkerId("b/cpu0"), s.iterations, 0.5, NO_PARTS),
        "SegmentEnded of 'e-0' has the worker 'b/cpu0', and its SegmentStarted has 'a/cpu0'",
    ),
    "a segment is lost elsewhere": (
        lambda s: SegmentLost(1.0, s.trial, WorkerId("b/cpu0"), "a test"),
        "SegmentLost of 'e-0' has the worker 'b/cpu0', and its SegmentStarted has 'a/cpu0'",
    ),
    "a segment is longer than it began": (
        lambda s: SegmentEnded(1.0, s.trial, s.worker, s.iterations + 1, 0.5, NO_PARTS, segment=s.segment),
        "SegmentEnded of 'e-0' has the iterations 11, and its SegmentStarted has 10",
    ),
    "a worker at work leaves": (lambda s: WorkerLeft(1.0, s.worker, "a test"), "a/cpu0 leaves, and trains e-0"),
    "a trial falls back to what it never had": (
        lambda s: CheckpointLost(1.0, TrialId("e-1"), 7, 0.5, "a test"),
        "e-1 falls back to 7 iterations, of 0",
    ),
}


@pytest.mark.parametrize("how", ALTERED)
def test_log_whose_events_do_not_follow_is_refused(how: str, simulate_log: Simulate, tmp_path: Path) -> None:
    events = simulate_log(make_setup())
    started = next(number for number, event in enumerate(events) if isinstance(event, SegmentStarted))
    alter, message = ALTERED[how]
    log = tmp_path / LOG_NAME
    with LogWriter(log) as writer:
        for event in [*events[: started + 1], alter(events[started])]:
            writer.write(event)
    with pytest.raises(InputError, match=f"(line {started + 2} of the log|{LOG_NAME}:{started + 2}): {message}"):
        take(log)


def test_log_of_a_run_that_had_not_begun_is_started_over(simulate_log: Simulate, tmp_path: Path) -> None:
    simulate_log(make_setup())
    log = tmp_path / "run-1" / LOG_NAME
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:5]))
    assert take(log) == []
    assert log.read_bytes() == b""


@pytest.mark.parametrize("other", [("uniform+fifo", 0), ("fusion+fifo", 1)])
@pytest.mark.parametrize("lines", [5, 30])
def test_the_log_of_another_run_stays_as_it_is(
    lines: int, other: tuple[str, int], simulate_log: Simulate, tmp_path: Path
) -> None:
    """Whether or not that run had begun: its log was emptied, or cut, before it was looked at whose it is."""
    simulate_log(make_setup())
    log = tmp_path / "run-1" / LOG_NAME
    content = b"".join(log.read_bytes().splitlines(keepends=True)[:lines])[:-20]
    log.write_bytes(content)
    with pytest.raises(InputError, match=r"is the log of fusion\+fifo with seed 0, not of "):
        take(log, *other)
    assert log.read_bytes() == content


def test_why_a_start_failed_is_said_before_its_log_goes(
    simulate_log: Simulate, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    events = simulate_log(make_setup())[:3]
    log = tmp_path / LOG_NAME
    with LogWriter(log) as writer:
        for event in [*events, RunEnded(0.0, "failed: PolicyError: it raised in setup")]:
            writer.write(event)
    assert take(log) == []
    assert "this run had not begun (failed: PolicyError: it raised in setup); started over" in caplog.text


BEGUN = RunStarted(0.0, "x" * 200, "fusion+fifo", "ray", 0, False, False, LOG_VERSION)


def test_full_log_keeps_whole_lines(tmp_path: Path) -> None:
    """The file may not grow beyond a limit: no event is written in part, and the error names the file."""
    log = tmp_path / LOG_NAME
    event = BEGUN
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    with LogWriter(log) as writer:
        writer.write(event)
        writer.flush()
        resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size + 100, limit[1]))
        writer.write(event)
        with pytest.raises(OSError, match="File too large") as caught:
            writer.commit()
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        writer.drop()
    assert caught.value.filename == str(log)
    assert list(read_log(log)) == [event]
    assert list(tmp_path.iterdir()) == [log]


def test_log_ends_before_what_is_held(tmp_path: Path) -> None:
    log, ready = tmp_path / LOG_NAME, set[int]()
    told = [BEGUN, *(PolicyWoken(float(number)) for number in range(1, 6))]
    with LogWriter(log) as writer:
        for number, event in enumerate(told):
            if number in (1, 3):
                writer.hold(lambda number=number: number in ready)  # type: ignore[misc]
            writer.write(event)
            writer.commit()
        assert list(read_log(log)) == told[:1] and writer.holds()
        ready.add(3)
        writer.commit()
        assert list(read_log(log)) == told[:1], "what was held before is not ready"
        ready.add(1)
        writer.commit()
        assert list(read_log(log)) == told and not writer.holds()
        writer.hold(lambda: False)
        writer.write(told[1])
        writer.commit()
        assert list(read_log(log)) == told
    assert list(read_log(log)) == [*told, told[1]], "at its end nothing is held back"


def fill(disk: Path) -> None:
    with suppress(OSError), (disk / "ballast").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(2**20))


def test_full_disk_leaves_room_for_the_end_of_the_log(small_disk: Path) -> None:
    log = small_disk / LOG_NAME
    with LogWriter(log) as writer:
        fill(small_disk)
        for event in (BEGUN, *(SegmentLost(float(n), TrialId("t"), WorkerId("w"), "x" * 200) for n in range(1, 20))):
            writer.write(event)
            writer.commit()
        assert writer.full is not None
    assert [event.time for event in read_log(log)] == list(range(20))


def test_the_file_of_models_is_found_again(tmp_path: Path) -> None:
    models = tmp_path / "models.py"
    models.write_text("")
    setup = make_setup()
    setup.replace(real=setup.scenario.real.model_copy(update={"model_file": str(models)})).save(tmp_path)
    options = parser().parse_args(["run", "--resume", str(tmp_path)])
    assert real_scenario(options, tmp_path / "scenario.toml").scenario.real.model_file == str(models)
    models.unlink()
    with pytest.raises(InputError, match="scenario.toml: real.model_file: .*models.py: no such file"):
        real_scenario(options, tmp_path / "scenario.toml")


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """The folder of a run that stopped before its first event."""
    make_setup().save(tmp_path)
    RunPlan("fusion+fifo", [0], [], __version__).with_files(tmp_path).save(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("scenario.toml", "cores = 2", "cores = 1"),
        ("scenario.toml", 'place = "both"', 'place = "storage"'),
        ("scenario.toml", "[scheduling]", "[scheduling.fifo]"),
        ("profile.csv", "\n", "\n\n"),
    ],
)
def test_no_run_goes_on_with_another_scenario(begun: Path, file: str, before: str, after: str) -> None:
    """It went on, on other nodes or with other step times than those that its log began with."""
    text = (begun / file).read_text()
    assert before in text
    (begun / file).write_text(text.replace(before, after, 1))
    with pytest.raises(InputError, match=f"{file}: has changed since the run began.* put the file back, or begin"):
        hetsched.resume(begun)


def test_no_run_goes_on_with_another_file_of_an_option(begun: Path) -> None:
    """A policy decides by the files that its options name."""
    (begun / "options").mkdir()
    (begun / "options" / "table.csv").write_text("before")
    load_plan(begun).with_files(begun).save(begun)
    (begun / "options" / "table.csv").write_text("after")
    with pytest.raises(InputError, match="table.csv: has changed since the run began"):
        hetsched.resume(begun)


def test_a_run_goes_on_elsewhere(begun: Path) -> None:
    """Where a run is carried out may change, and a policy may be mended."""
    scenario = begun / "scenario.toml"
    scenario.write_text(scenario.read_text().replace("[real]", '[real]\naddress = "10.0.0.1:6379"'))
    (begun / "policies").mkdir()
    (begun / "policies" / "mine.py").write_text("")
    load_plan(begun).check(begun)


def test_a_plan_of_an_older_version_has_no_sums(begun: Path) -> None:
    replace(load_plan(begun), files={}).save(begun)
    (begun / "profile.csv").write_text("")
    load_plan(begun).check(begun)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--resume", "nowhere"], "--resume nowhere: no run to go on with (run.json: No such file"),
        (["--resume", "nowhere", "--seed", "1"], "leave out --seed"),
        ([], "needs SCENARIO and --strategy"),
    ],
)
def test_wrong_folder(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", *arguments]) == 2
    assert message in capsys.readouterr().err
