"""Logs of other versions of hetsched: what is known is read, what is newer is refused with what to
do."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hetsched.core.events import (
    LOG_VERSION,
    ExperimentArrived,
    Parts,
    PolicyWoken,
    RunEnded,
    RunStarted,
    SegmentEnded,
    TrialAdded,
    TrialExploited,
)
from hetsched.core.log import LOG_NAME, LogWriter, read_log
from hetsched.domain.cluster import WorkerId
from hetsched.domain.hyperparameters import Float
from hetsched.domain.metric import Metric
from hetsched.domain.workload import PBT, TrialId
from hetsched.errors import HetschedError, InputError
from tests.conftest import Simulate, make_setup

STARTED: dict[str, Any] = {
    "event": "run-started",
    "time": 0.0,
    "scenario": "s",
    "strategy": "fusion+fifo",
    "backend": "sim",
    "seed": 0,
    "paced": False,
    "synthetic": False,
}
RESUMED = {"event": "run-resumed", "time": 9.0, "reason": "the driver died"}
NEXT = LOG_VERSION + 1


def log_of(folder: Path, *events: dict[str, Any]) -> Path:
    path = folder / LOG_NAME
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    return path


@pytest.mark.parametrize(
    ("line", "events"),
    [
        (1, [STARTED | {"log_version": NEXT}]),
        (1, [STARTED | {"log_version": NEXT, "place": "a new field"}]),
        (1, [STARTED | {"log_version": NEXT, "seed": [1, 2]}]),
        (2, [STARTED | {"log_version": LOG_VERSION}, RESUMED | {"log_version": NEXT}]),
        (2, [STARTED, RESUMED | {"log_version": NEXT, "place": "a new field"}]),
    ],
)
def test_a_log_of_a_newer_hetsched_says_so(line: int, events: list[dict[str, Any]], tmp_path: Path) -> None:
    path = log_of(tmp_path, *events, {"event": "something-new", "time": 10.0})
    with pytest.raises(InputError) as caught:
        list(read_log(path))
    expected = f"written by a newer hetsched (format {NEXT}, this one reads up to {LOG_VERSION}): upgrade"
    assert str(caught.value) == f"{path}:{line}: {expected}"


DEEP = b"[" * 100_000


@pytest.mark.parametrize("version", [1, LOG_VERSION])
@pytest.mark.parametrize(
    "line",
    [
        b'{"event":"run-ended","time":0,"reason":"\xff"}',
        b"\xff",
        b"\0",
        b'{"event":"experiment-arrived","time":0,"experiment":' + DEEP,
        b'{"event":"trial-added","time":0,"trial":"e-0","experiment":"e","batch_size":1,"hyperparameters":{"a":' + DEEP,
        b'{"place":' + DEEP,
    ],
    ids=["no UTF-8", "no text", "NUL", "a deep experiment", "deep hyperparameters", "something deep"],
)
def test_any_bytes_that_are_no_event_are_damage(line: bytes, version: int, tmp_path: Path) -> None:
    path = log_of(tmp_path, STARTED | {"log_version": version})
    with path.open("ab") as file:
        file.write(line + b"\n")
    with pytest.raises(InputError, match=f"{LOG_NAME}:2: not an event of a hetsched log"):
        list(read_log(path))


@pytest.mark.parametrize("damage", [{"event": "something-new"}, {"place": "a new field"}, {"log_version": "two"}])
def test_what_no_hetsched_wrote_is_damage(damage: dict[str, Any], tmp_path: Path) -> None:
    path = log_of(tmp_path, STARTED | {"log_version": LOG_VERSION} | damage)
    with pytest.raises(InputError, match=f"{LOG_NAME}:1: not an event of a hetsched log"):
        list(read_log(path))


def test_a_log_without_a_number_is_of_the_first_format(tmp_path: Path) -> None:
    [begun] = read_log(log_of(tmp_path, STARTED))
    assert isinstance(begun, RunStarted) and begun.log_version == 1


EXPERIMENT: dict[str, Any] = {
    "id": "e",
    "model": "resnet18",
    "dataset": "cifar10",
    "batch_sizes": [32],
    "population": 1,
    "stop_iterations": 20,
    "stop_accuracy": None,
    "pbt": {"perturbation_interval": 10},
    "search_space": {"lr": {"low": 0.001, "high": 1.0, "scale": "log"}, "momentum": {"low": 0.9, "high": 0.9}},
}


@pytest.mark.parametrize("version", [1, 2])
def test_older_logs_are_of_accuracies_and_keep_their_stop_rule(version: int, tmp_path: Path) -> None:
    begun = STARTED if version == 1 else STARTED | {"log_version": version}
    arrived = {"event": "experiment-arrived", "time": 0.0, "experiment": EXPERIMENT | {"stop_accuracy": 0.8}}
    resumed = RESUMED | {"log_version": LOG_VERSION}
    _, event, *_ = read_log(log_of(tmp_path, begun, arrived, resumed))
    assert isinstance(event, ExperimentArrived)
    assert (event.experiment.stop_score, event.experiment.metric) == (0.8, Metric("accuracy", "max"))


def test_a_run_names_the_format_of_its_log(simulate_log: Simulate, tmp_path: Path) -> None:
    simulate_log(make_setup())
    begun = json.loads((tmp_path / "run-1" / LOG_NAME).read_text().splitlines()[0])
    assert begun["log_version"] == LOG_VERSION


ARRIVED = {"event": "experiment-arrived", "time": 0.0, "experiment": EXPERIMENT}


@pytest.mark.parametrize("number", [{}, {"log_version": 1}, {"log_version": 2}])
def test_ranges_without_a_kind_are_of_numbers(number: dict[str, int], tmp_path: Path) -> None:
    """As logs of the formats 1 and 2 have them, and also where a newer hetsched went on with the
    run."""
    resumed = RESUMED | {"log_version": LOG_VERSION}
    [_, arrived, _] = read_log(log_of(tmp_path, STARTED | number, ARRIVED, resumed))
    assert isinstance(arrived, ExperimentArrived)
    space = {"lr": Float(0.001, 1.0, "log"), "momentum": Float(0.9, 0.9)}
    assert arrived.experiment.search_space == space
    assert (arrived.experiment.pbt, list(arrived.experiment.searched)) == (PBT(10), ["lr"])


def test_a_range_without_a_kind_is_damage_in_a_log_of_today(tmp_path: Path) -> None:
    path = log_of(tmp_path, STARTED | {"log_version": LOG_VERSION}, ARRIVED)
    with pytest.raises(InputError, match=f"{LOG_NAME}:2: not an event of a hetsched log: .*`kind`"):
        list(read_log(path))


def test_hyperparameters_of_every_kind_are_read_as_they_were_written(simulate_log: Simulate) -> None:
    space: dict[str, Any] = {
        "lr": {"low": 0.1, "high": 1.0},
        "layers": {"low": 1, "high": 4, "integer": True},
        "optimizer": {"name": {"choices": ["sgd", "adam"]}, "betas": {"choices": [[0.9, 0.99], [0.8, 0.9]]}},
        "nesterov": True,
    }
    setup = make_setup(search_space=space, population=3)
    [experiment] = setup.workload.experiments
    log = simulate_log(setup)
    assert [event.experiment for event in log if isinstance(event, ExperimentArrived)] == [experiment]
    added = {event.trial: event.hyperparameters for event in log if isinstance(event, TrialAdded)}
    assert added == experiment.initial_hyperparameters(0)
    assert {type(values["layers"]) for values in added.values()} == {int}


BEGUN = RunStarted(0.0, "s", "fusion+fifo", "sim", 0, False, False, LOG_VERSION)
BAD = [
    RunEnded(1.0, object()),  # type: ignore[arg-type]
    RunEnded(1.0, np.zeros(2)),  # type: ignore[arg-type]
    RunEnded(1.0, "\ud800"),
    TrialExploited(1.0, TrialId("e-0"), TrialId("e-1"), {"lr": {1 + 2j}}),
]
UNREADABLE = [RunEnded(float("nan"), "over"), RunEnded(1.0, 3)]  # type: ignore[arg-type]


@pytest.mark.parametrize("durable", [True, False])
def test_an_event_that_cannot_be_written_is_refused_when_it_comes_and_takes_no_other_with_it(
    durable: bool, tmp_path: Path
) -> None:
    """A log that is not durable lost all that waited, up to a thousand events, and said so much
    later."""
    path = tmp_path / LOG_NAME
    with LogWriter(path, durable=durable) as log:
        log.write(BEGUN)
        for event in BAD + UNREADABLE * durable:
            with pytest.raises(HetschedError, match=f"(?s){LOG_NAME}: cannot write down [A-Z].*; expected .*: mend"):
                log.write(event)
        log.write(PolicyWoken(2.0))
    assert list(read_log(path)) == [BEGUN, PolicyWoken(2.0)]


@pytest.mark.parametrize("durable", [True, False])
def test_values_of_numpy_are_written_as_those_of_python(durable: bool, tmp_path: Path) -> None:
    """A backend of one's own measures with NumPy."""
    path = tmp_path / LOG_NAME
    half: Any = np.float32(0.5)
    parts, measured = Parts(*np.zeros(6)), {"loss": half}
    values: Any = np.float64(1), np.str_("e-0"), np.str_("w"), np.int64(3), half, parts, half, measured
    with LogWriter(path, durable=durable) as log:
        log.write(BEGUN)
        log.write(SegmentEnded(*values))
    plain = 1.0, TrialId("e-0"), WorkerId("w"), 3, 0.5, Parts(0.0, 0.0, 0.0, 0.0, 0.0, 0.0), 0.5
    assert list(read_log(path)) == [BEGUN, SegmentEnded(*plain, {"loss": 0.5})]
