"""Logs of other versions of hetsched: what is known is read, what is newer is refused with what to do."""

import json
from pathlib import Path
from typing import Any

import pytest

from hetsched.core.events import LOG_VERSION, ExperimentArrived, RunStarted
from hetsched.core.log import LOG_NAME, read_log
from hetsched.domain.metric import Metric
from hetsched.errors import InputError
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
    "population": 2,
    "stop_iterations": 20,
    "stop_accuracy": 0.8,
    "pbt": None,
    "search_space": {},
}


@pytest.mark.parametrize("version", [1, 2])
def test_older_logs_are_of_accuracies_and_keep_their_stop_rule(version: int, tmp_path: Path) -> None:
    begun = STARTED if version == 1 else STARTED | {"log_version": version}
    arrived = {"event": "experiment-arrived", "time": 0.0, "experiment": EXPERIMENT}
    resumed = RESUMED | {"log_version": LOG_VERSION}
    _, event, *_ = read_log(log_of(tmp_path, begun, arrived, resumed))
    assert isinstance(event, ExperimentArrived)
    assert (event.experiment.stop_score, event.experiment.metric) == (0.8, Metric("accuracy", "max"))


def test_a_run_names_the_format_of_its_log(simulate_log: Simulate, tmp_path: Path) -> None:
    simulate_log(make_setup())
    begun = json.loads((tmp_path / "run-1" / LOG_NAME).read_text().splitlines()[0])
    assert begun["log_version"] == LOG_VERSION
