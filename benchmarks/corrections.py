"""Measure two corrections of predictions on the recordings in `fidelity/`: the factor of start-ups
at one time, and the growth of a trial's state. Also measure how start-ups vary. Keeps the rows of
their tables in docs/validation.md.

    python -m benchmarks.corrections

The constant of the factor was fitted to every second of the recordings of the first two validations
of examples/validate-accuracy, in alphabetical order from the second on. The others test it. A
recording is predicted without growth by a profile whose costs do not grow.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean, median
from unittest.mock import patch

from benchmarks.kept_rows import MEASURED, Row, keep
from benchmarks.pages.validation import VALIDATION
from hetsched.core.events import SegmentEnded
from hetsched.domain.cluster import WorkerId
from hetsched.domain.start_ups import core_places, slowdowns
from hetsched.scenario.loading import load_setup
from hetsched.scenario.scenario import SCENARIO_NAME, Setup
from hetsched.studies.fidelity.errors import predict
from hetsched.studies.fidelity.recordings import RECORDINGS, Recording, read_recording, recorded

FOLDER = Path(__file__).parents[1] / "fidelity"
FIRST, ALONE = "validate-accuracy-", "validate-accuracy-fusion-fifo-seed-10"
"""The first validations' recordings have seeds below 20. A process slowed one of them down."""

GROWING = ("unpaced-trees", "unpaced-many-trees")


def main() -> None:
    names = [name for name in recorded(FOLDER) if name.startswith(FIRST) and int(name.rpartition("-")[2]) < 20]
    found = {name: read_recording(FOLDER, name) for name in names}
    errors = {name: start_up_errors(each) for name, each in found.items()}
    parts = {"that the constant was fitted to": names[1::2], "others": names[::2]}
    keep(MEASURED / "start_ups.csv", [*_rows(parts, errors)], ["runs"])
    undisturbed = [measured_start_ups(each) for name, each in found.items() if name != ALONE]
    keep(MEASURED / "start_up_seconds.csv", [*_seconds(undisturbed)], ["worker"])
    keep(MEASURED / "loading.csv", [*_loading()], ["start_ups"])
    keep(MEASURED / "state_growth.csv", [*map(_growth, GROWING)], ["recording"])


def measured_start_ups(recording: Recording) -> dict[WorkerId, float]:
    """The seconds of each worker's first start-up, in the order of the run's workers."""
    first: dict[WorkerId, float] = {}
    for event in recording.events:
        if isinstance(event, SegmentEnded) and event.parts.start_up_s > 0:
            first.setdefault(event.worker, event.parts.start_up_s)
    return {worker.id: first[worker.id] for worker in recording.setup.workers(recording.strategy)}


def start_up_errors(recording: Recording) -> tuple[list[float], list[float]]:
    """The absolute errors in percent of the workers' start-ups, by the probe's mean start-up, and
    with the factor."""
    setup, workers = recording.setup, recording.setup.workers(recording.strategy)
    probed = _probed(recording.name)
    cores = setup.scenario.overheads.host_cores
    assert cores is not None, "all workers were on one host"
    slower = slowdowns([worker.id for worker in workers], core_places(workers, cores), cores)
    kind, measured = setup.workload.experiments[0].kind(0), measured_start_ups(recording)
    before = {worker.id: probed.times.costs(kind, worker.type).start_up_s for worker in workers}
    factored = {worker.id: setup.times.costs(kind, worker.type).start_up_s * slower[worker.id] for worker in workers}
    one, other = ([100 * abs(by[each] / measured[each] - 1) for each in measured] for by in (before, factored))
    return one, other


def _rows(parts: dict[str, list[str]], errors: dict[str, tuple[list[float], list[float]]]) -> Iterator[Row]:
    for words, names in parts.items():
        for statistic, of in (("mean", fmean), ("median", median)):
            before, factored = (of([error for name in names for error in errors[name][n]]) for n in (0, 1))
            yield {"runs": f"{len(names)} {words}, {statistic}", "before": before, "with_factor": factored}


def _seconds(found: Sequence[dict[WorkerId, float]]) -> Iterator[Row]:
    by_place = [*zip(*(each.values() for each in found), strict=True)]
    yield {"worker": "the second, with a core of its own", "seconds": fmean(by_place[1])}
    yield {"worker": "the first and third, with one core for both", "seconds": fmean(by_place[0] + by_place[2])}


def _loading() -> Iterator[Row]:
    names = [name for name in recorded(FOLDER) if name.startswith(VALIDATION)]
    seconds = [second for name in names for second in measured_start_ups(read_recording(FOLDER, name)).values()]
    probed = [row.start_up_s for name in names for row in _probed(name).times.rows if row.start_up_s is not None]
    for words, found in (
        ("of workers, in the measured runs", seconds),
        ("by the probe, mean of a worker type", probed),
    ):
        yield {"start_ups": words, "least_s": min(found), "most_s": max(found)}


def _probed(name: str) -> Setup:
    """The scenario of a recording, with the profile as its probe measured it."""
    return load_setup(FOLDER / RECORDINGS / name / SCENARIO_NAME)


def _growth(name: str) -> Row:
    with_growth = predict(read_recording(FOLDER, name)).errors.makespan
    with patch("hetsched.studies.calibration.growth_of", return_value=0.0):
        without = predict(read_recording(FOLDER, name)).errors.makespan
    return {"recording": name, "one_time": without, "growth": with_growth}


if __name__ == "__main__":
    main()
