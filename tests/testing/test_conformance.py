"""Every registered policy keeps to the conformance suite, and the suite finds policies that do not."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from time import perf_counter_ns, sleep
from typing import Any

import pytest
from hypothesis import settings

from hetsched import allocation, scheduling
from hetsched.allocation import AllocationPolicy
from hetsched.cli.main import main
from hetsched.core.view import StateView
from hetsched.domain.cluster import ClusterSpec, Worker, WorkerId, cpu_worker
from hetsched.domain.profiles import StepTimes
from hetsched.domain.workload import Workload
from hetsched.errors import InputError, PolicyError
from hetsched.scheduling import Decision, Dispatch, Stop, WakeAt
from hetsched.testing import (
    ConformanceError,
    Verdict,
    allocation_verdicts,
    check_allocation_policy,
    check_scheduling_policy,
    course,
    scheduling_verdicts,
    verdict,
)
from hetsched.testing import scheduling as suite
from hetsched.testing.situations import CORNER_CASES

ROOT = Path(__file__).parents[2]
SCHEDULING, ALLOCATION = scheduling.policies.names(), allocation.policies.names()

EXAMPLES = settings().max_examples // 3
"""How many generated situations a registered policy meets beside the corner cases."""


@pytest.mark.parametrize(
    "policy",
    # A blind policy is the one that it is called after, at speeds that are all alike.
    [pytest.param(name, marks=[pytest.mark.exhaustive] * name.endswith("-blind")) for name in SCHEDULING],
)
def test_registered_scheduling_policies_conform(policy: str) -> None:
    check_scheduling_policy(policy, EXAMPLES)


@pytest.mark.parametrize("policy", ALLOCATION)
def test_registered_allocation_policies_conform(policy: str) -> None:
    check_allocation_policy(policy, EXAMPLES)


DECIDE = """
from functools import partial
from hetsched import scheduling
from hetsched.testing.course import drive
from hetsched.testing.situations import CORNER_CASES

for name in scheduling.policies.names():
    for title in ("equal workers and equal trials", "mixed batch sizes", "trials bound to a device"):
        print(name, title, drive(partial(scheduling.policies.create, name), name, CORNER_CASES[title]).calls, sep=": ")
"""


@pytest.mark.exhaustive  # the check `renaming` finds it, too
def test_decisions_do_not_depend_on_the_order_of_hashes() -> None:
    printed = []
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", DECIDE]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, cwd=ROOT)
        printed.append(done.stdout.splitlines())
    assert len(printed[0]) >= 3 * len(SCHEDULING)
    assert printed[0] == printed[1]


class Right:
    """The least advanced trial that it may run, on each idle worker: the ground on which the wrong ones are built."""

    def trials(self, state: StateView) -> list[Any]:
        return list(state.ready_trials)

    def workers(self, state: StateView) -> list[Worker]:
        return list(state.idle_workers)

    def dispatch(self, state: StateView) -> Iterable[Decision]:
        waiting = self.trials(state)
        for worker in self.workers(state):
            trial = next((trial for trial in waiting if state.usable(trial, worker)), None)
            if trial is not None:
                waiting.remove(trial)
                yield Dispatch(trial.id, worker.id, state.interval(trial))


def test_a_right_policy_passes() -> None:
    check_scheduling_policy(Right, examples=10)


class TwiceOnOneWorker(Right):
    def dispatch(self, state: StateView) -> Iterable[Decision]:
        for decision in super().dispatch(state):
            yield decision
            yield decision


class OnAnyDevice(Right):
    def dispatch(self, state: StateView) -> Iterable[Decision]:
        for trial, worker in zip(state.ready_trials, state.idle_workers, strict=False):
            yield Dispatch(trial.id, worker.id, state.interval(trial))


class PastTheStop(Right):
    """Whole intervals, also where less than one remains."""

    def dispatch(self, state: StateView) -> Iterable[Decision]:
        for decision in super().dispatch(state):
            assert isinstance(decision, Dispatch)
            experiment = state.experiment(state.trials[decision.trial])
            yield Dispatch(decision.trial, decision.worker, experiment.interval)


class ObjectsForIds(Right):
    def dispatch(self, state: StateView) -> Iterable[Decision]:
        for trial, worker in zip(state.ready_trials, state.idle_workers, strict=False):
            yield Dispatch(trial, worker, 1)  # type: ignore[arg-type]


class GivesUp(Right):
    """Without a reason."""

    def trials(self, state: StateView) -> list[Any]:
        return [trial for trial in state.ready_trials if trial.score is None or trial.score > 0.2]

    def dispatch(self, state: StateView) -> Iterable[Decision]:
        kept = self.trials(state)
        yield from (Stop(trial.id, "") for trial in list(state.ready_trials) if trial not in kept)
        yield from super().dispatch(state)


class KeepsBooks(Right):
    """In a place that is not its own."""

    def dispatch(self, state: StateView) -> Iterable[Decision]:
        state._state.best_score[next(iter(state.experiments))] = 2.0
        return super().dispatch(state)


class SlipsIn(Right):
    """An attribute of the view that others will read."""

    def dispatch(self, state: StateView) -> Iterable[Decision]:
        vars(state)["lead"] = {}
        return super().dispatch(state)


class TakesTrialsOut(Right):
    """Of the order that the state keeps, which breaks it."""

    def dispatch(self, state: StateView) -> Iterable[Decision]:
        decisions = list(super().dispatch(state))
        state._state.ready._trials.clear()
        return decisions


class RewritesTheProfile(Right):
    def setup(self, cluster: ClusterSpec, workload: Workload, times: StepTimes, rng: object) -> None:
        times.rows.clear()


class NarrowsTheSearch(Right):
    def setup(self, cluster: ClusterSpec, workload: Workload, times: StepTimes, rng: object) -> None:
        for experiment in workload.experiments:
            experiment.search_space.clear()


class Shuffles(Right):
    def trials(self, state: StateView) -> list[Any]:
        return sorted(state.ready_trials, key=lambda trial: random.random())


class Alternates(Right):
    """From one instance to the next, by what the class remembers."""

    made = 0

    def __init__(self) -> None:
        Alternates.made += 1
        self.backwards = Alternates.made % 2 == 0

    def trials(self, state: StateView) -> list[Any]:
        return super().trials(state)[:: -1 if self.backwards else 1]


class ByTheClock(Right):
    def trials(self, state: StateView) -> list[Any]:
        return super().trials(state)[:: 1 if perf_counter_ns() // 1000 % 2 else -1]


class ByAddress(Right):
    """In the order in which objects happen to lie in memory."""

    def trials(self, state: StateView) -> list[Any]:
        return sorted(state.ready_trials, key=id)


class ByName(Right):
    def workers(self, state: StateView) -> list[Worker]:
        return sorted(state.idle_workers, key=lambda worker: worker.id)


class ByNode(Right):
    def workers(self, state: StateView) -> list[Worker]:
        return sorted(state.idle_workers, key=lambda worker: worker.node)


class KnowsOneGpu(Right):
    def workers(self, state: StateView) -> list[Worker]:
        return sorted(state.idle_workers, key=lambda worker: worker.device == "v100")


class InTheOrderOfHashes(Right):
    def trials(self, state: StateView) -> list[Any]:
        return [state.trials[identifier] for identifier in {trial.id for trial in state.ready_trials}]


class NeedsAProfile(Right):
    def trials(self, state: StateView) -> list[Any]:
        worker = next(iter(state.idle_workers))
        return sorted(state.ready_trials, key=lambda trial: state.seconds_per_iteration(trial, worker))  # type: ignore


class NeedsSomethingAtTheStart(Right):
    def setup(self, cluster: ClusterSpec, workload: Workload, times: StepTimes, rng: object) -> None:
        self.kind = workload.experiments[0].kind(0)


class Forgets(Right):
    """The last trial of each population."""

    def trials(self, state: StateView) -> list[Any]:
        last = {trial.experiment: trial.id for trial in state.trials.values()}
        return [trial for trial in state.ready_trials if trial.id not in last.values()]


class RemembersWorkers(Right):
    """All that it ever saw, there or not."""

    def __init__(self) -> None:
        self.known: dict[WorkerId, Worker] = {}

    def dispatch(self, state: StateView) -> Iterable[Decision]:
        self.known |= state.workers
        if set(self.known) != set(state.workers):
            return []
        return super().dispatch(state)


class LooksUpTheLastWorker(Right):
    """Of each trial, in the order of arrival, though that worker may have left for good."""

    def trials(self, state: StateView) -> list[Any]:
        trials = list(state.ready_by_arrival)
        for trial in trials:
            assert trial.at is None or state.workers[trial.at]
        return trials


class NeverDecides(Right):
    def dispatch(self, state: StateView) -> Iterable[Decision]:
        return []


class SoonEnough(Right):
    def dispatch(self, state: StateView) -> Iterable[Decision]:
        yield WakeAt(state.now)


class Restless(Right):
    """It dispatches as it should, and then asks again and again."""

    def dispatch(self, state: StateView) -> Iterable[Decision]:
        yield from super().dispatch(state) if not state.running else ()
        yield WakeAt(state.now)


class NeverAnswers(Right):
    def dispatch(self, state: StateView) -> Iterable[Decision]:
        while True:
            pass


class Leaves(Right):
    """As a generator does that somebody closes."""

    def dispatch(self, state: StateView) -> Iterable[Decision]:
        yield from super().dispatch(state)
        raise GeneratorExit


class WaitsForEver(Right):
    def dispatch(self, state: StateView) -> Iterable[Decision]:
        yield WakeAt(1e300)


WAITS = "a trial waits whose worker has left for good"

WRONG = {
    TwiceOnOneWorker: "capacity",
    OnAnyDevice: "capacity",
    PastTheStop: "capacity",
    ObjectsForIds: "capacity",
    GivesUp: "work",
    KeepsBooks: "inputs",
    SlipsIn: "inputs",
    TakesTrialsOut: "inputs",
    RewritesTheProfile: "inputs",
    NarrowsTheSearch: "inputs",
    Alternates: "same seed",
    ByName: "renaming",
    ByNode: "renaming",
    KnowsOneGpu: "renaming",
    InTheOrderOfHashes: "renaming",
    NeedsAProfile: "always ends",
    NeedsSomethingAtTheStart: "always ends",
    Forgets: "always ends",
    RemembersWorkers: "always ends",
    LooksUpTheLastWorker: "always ends",
    NeverDecides: "always ends",
    Leaves: "always ends",
    WaitsForEver: "always ends",
    SoonEnough: "always ends",
    Restless: "always ends",
    NeverAnswers: "always ends",
}

ENDLESS = (SoonEnough, Restless, NeverAnswers)
"""The suite gives up on them, after ten seconds unless told otherwise, and makes no further checks."""


def failed(verdicts: Iterable[Verdict]) -> list[str]:
    return [verdict.check for verdict in verdicts if verdict.failure]


@pytest.fixture
def large_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failing examples stay as large as they are found: making them small takes most of the suite's time."""
    monkeypatch.setattr(verdict, "SHRINK_S", 0.1)


@pytest.mark.usefixtures("large_examples")
@pytest.mark.parametrize("policy", WRONG, ids=lambda policy: policy.__name__)
def test_a_wrong_scheduling_policy_fails_one_check(policy: type[Right], monkeypatch: pytest.MonkeyPatch) -> None:
    if policy in ENDLESS:
        monkeypatch.setattr(course, "LIMIT_S", 0.5)
    verdicts = scheduling_verdicts(policy, examples=20)
    assert failed(verdicts) == [WRONG[policy]]
    assert verdicts[-1].result == "not made"  # the decision time


def test_the_corner_cases_alone_find_a_policy_that_looks_up_a_worker_that_has_left() -> None:
    happened = [
        course.drive(LooksUpTheLastWorker, "careless", situation).raised or "" for situation in CORNER_CASES.values()
    ]
    assert ["KeyError" in raised for raised in happened] == [title == WAITS for title in CORNER_CASES]


@pytest.mark.usefixtures("large_examples")
@pytest.mark.parametrize("policy", [Shuffles, ByAddress, ByTheClock])
def test_a_policy_of_chance_fails_by_its_seed(policy: type[Right]) -> None:
    # By chance renaming, which compares two runs as well, finds it first, and other checks may then not be made.
    assert any("same seed" in failed(scheduling_verdicts(policy, examples=20)) for _ in range(5))


class SlowWithMany(Right):
    def dispatch(self, state: StateView) -> Iterable[Decision]:
        sleep(0.02 if len(state.trials) > 100 else 0)
        return super().dispatch(state)


def test_a_policy_that_does_not_scale_is_too_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = suite.decision_time(SlowWithMany, "slow").measured
    assert measured is not None
    assert 20 <= measured.median_ms <= measured.longest_ms
    monkeypatch.setattr(suite, "LIMIT_MS", 19.0)
    assert failed(scheduling_verdicts(SlowWithMany, examples=5)) == ["decision time"]


def test_a_failure_names_policy_check_and_the_smallest_example() -> None:
    with pytest.raises(ConformanceError) as caught:
        check_scheduling_policy(Forgets)
    failure = caught.value
    assert (failure.policy, failure.check) == ("Forgets", "always ends")
    assert str(failure).splitlines() == [
        "policy 'Forgets' fails the check 'always ends'",
        "  expected: the run comes to its end",
        "  happened: at 0 s it left 1 worker idle and 1 trial waiting; nothing runs to wake it up",
        "  smallest example found:",
        "    node n0 of 1 core: n0/cpu0 (1 cpu)",
        "    experiment e0: 1 trial of resnet18, batch 32, 1 iteration in intervals of 1, PBT",
        "    an iteration takes 4 s on a core",
    ]


@pytest.mark.usefixtures("large_examples")
def test_options_are_given_by_partial() -> None:
    class Longer(Right):
        def __init__(self, iterations: int) -> None:
            self.iterations = iterations

        def dispatch(self, state: StateView) -> Iterable[Decision]:
            for decision in super().dispatch(state):
                assert isinstance(decision, Dispatch)
                yield Dispatch(decision.trial, decision.worker, decision.iterations + self.iterations)

    check_scheduling_policy(partial(Longer, iterations=0), examples=2)
    with pytest.raises(ConformanceError, match="'Longer' fails the check 'capacity'"):
        check_scheduling_policy(partial(Longer, iterations=50), examples=2)


def test_a_policy_that_cannot_be_made_is_not_one_that_fails() -> None:
    with pytest.raises(InputError, match="did you mean 'fifo'"):
        check_scheduling_policy("fivo")
    with pytest.raises(InputError, match="did you mean 'fusion'"):
        check_allocation_policy("fussion")


class EveryCore:
    """A worker of every core: the ground on which the wrong ones are built."""

    def workers(self, cluster: ClusterSpec, workload: Workload, times: StepTimes) -> list[Worker]:
        return [cpu_worker(node, core, 1) for node in cluster for core in range(node.cores)]


class OneCoreTooMany:
    def workers(self, cluster: ClusterSpec, workload: Workload, times: StepTimes) -> list[Worker]:
        return [cpu_worker(node, core, 1) for node in cluster for core in range(node.cores + 1)]


class Nothing:
    def workers(self, cluster: ClusterSpec, workload: Workload, times: StepTimes) -> list[Worker]:
        return []


class NeedsTwoNodes(EveryCore):
    def workers(self, cluster: ClusterSpec, workload: Workload, times: StepTimes) -> list[Worker]:
        return super().workers(cluster, workload, times)[: cluster.nodes[1].cores]


class SaysNothing(EveryCore):
    def workers(self, cluster: ClusterSpec, workload: Workload, times: StepTimes) -> list[Worker]:
        if len(cluster.nodes) > 1:
            raise PolicyError("")
        return super().workers(cluster, workload, times)


class SortsTheProfile(EveryCore):
    def workers(self, cluster: ClusterSpec, workload: Workload, times: StepTimes) -> list[Worker]:
        times.rows.sort(key=lambda row: -row.seconds_per_iteration)
        return super().workers(cluster, workload, times)


class FewerEveryTime(EveryCore):
    def __init__(self) -> None:
        self.asked = 0

    def workers(self, cluster: ClusterSpec, workload: Workload, times: StepTimes) -> list[Worker]:
        self.asked += 1
        workers = super().workers(cluster, workload, times)
        return workers[: max(1, len(workers) + 1 - self.asked)]


class FirstInTheAlphabet(EveryCore):
    def workers(self, cluster: ClusterSpec, workload: Workload, times: StepTimes) -> list[Worker]:
        first = min(node.id for node in cluster)
        return [worker for worker in super().workers(cluster, workload, times) if worker.node == first]


class OnlyWithGpus(EveryCore):
    """A refusal in words is an answer."""

    def workers(self, cluster: ClusterSpec, workload: Workload, times: StepTimes) -> list[Worker]:
        if not any(node.gpus for node in cluster):
            raise InputError("the cluster has no GPUs")
        return super().workers(cluster, workload, times)


@pytest.mark.parametrize("policy", [EveryCore, OnlyWithGpus])
def test_a_right_allocation_policy_passes(policy: type[AllocationPolicy]) -> None:
    check_allocation_policy(policy, examples=10)


WRONG_ALLOCATIONS: dict[type[AllocationPolicy], str] = {
    OneCoreTooMany: "capacity",
    Nothing: "capacity",
    NeedsTwoNodes: "answers",
    SaysNothing: "answers",
    SortsTheProfile: "inputs",
    FewerEveryTime: "same result",
    FirstInTheAlphabet: "renaming",
}


@pytest.mark.usefixtures("large_examples")
@pytest.mark.parametrize("policy", WRONG_ALLOCATIONS, ids=lambda policy: policy.__name__)
def test_a_wrong_allocation_policy_fails_one_check(policy: type[AllocationPolicy]) -> None:
    assert failed(allocation_verdicts(policy, examples=30)) == [WRONG_ALLOCATIONS[policy]]


def test_the_example_in_a_file_of_its_own_conforms(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policies", "check", str(ROOT / "examples" / "my_policy.py"), "fusion"]) == 0
    printed = capsys.readouterr().out
    assert "soonest" in printed and "fusion" in printed
    assert "fail" not in printed


BAD = """
from hetsched.scheduling import register


@register("idle")
class Idle:
    def dispatch(self, state):
        return []
"""


def test_a_file_that_fails_is_status_1_says_why_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.py").write_text(BAD)
    command = ["policies", "check", "--examples", "5", "bad.py", "fifo"]
    done = subprocess.run([sys.executable, "-m", "hetsched", *command], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "hetsched: 1 of 2 policies do not conform (1 check failed)"
    assert "policy 'idle' fails the check 'always ends'" in done.stdout
    assert "waiting; nothing runs to wake it up" in done.stdout
    assert {path.name for path in tmp_path.iterdir()} - {"__pycache__"} == {"bad.py"}
    monkeypatch.chdir(tmp_path)
    assert main([*command, "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert not document["conforms"]
    checks = document["scheduling"]
    assert checks["idle"]["always ends"]["result"] == "fail"
    assert checks["idle"]["always ends"]["example"].splitlines()[0] in done.stdout  # the same one again
    assert checks["fifo"]["decision time"]["median_ms"] > 0


def test_wrong_input_is_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.py").write_text("")
    for target, message in {
        str(tmp_path / "empty.py"): "registers no policy",
        str(tmp_path / "none.py"): "no such file",
        "fifi": "did you mean 'fifo'?",
    }.items():
        assert main(["policies", "check", target]) == 2
        assert message in capsys.readouterr().err


def test_without_hypothesis_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['hypothesis'] = None; from hetsched.cli.main import main; "
        "assert main(['policies']) == 0; sys.exit(main(['policies', 'check', 'fifo']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert "pip install 'hetsched[testing]'" in done.stderr
