"""Situations drawn by Hypothesis. First draws and smaller values are simpler, so that examples
shrink well."""

from collections.abc import Sequence
from typing import NamedTuple

from hypothesis import strategies as st

from hetsched.domain.cluster import CPU, DeviceType, Worker
from hetsched.domain.metric import DEFAULT, Metric
from hetsched.domain.workload import Experiment
from hetsched.testing.situations import EVERY_KIND, MODELS, RATE, Absence, Situation, cut, make_experiment, make_node

SECONDS = {CPU: (4.0, 1.0), "k80": (1.0, 0.5), "v100": (0.25, 1.0)}
"""Seconds of an iteration, by device type: unequal devices, and now and then equal ones."""


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    """Up to 3 nodes, 3 experiments of up to 9 trials, 2 absences, 2 lost segments and 2
    removed trials.

    Segments last seconds or, on another scale, many minutes: rounds of policies are longer or
    shorter than they.
    """
    machines = [draw(_machines()) for _ in range(draw(st.integers(1, 3)))]
    nodes = [make_node(place, *machine.node) for place, machine in enumerate(machines)]
    workers = [
        worker
        for node, machine in zip(nodes, machines, strict=True)
        for worker in cut(node, machine.cpu_workers, machine.gpu_parts)
    ]
    scale = draw(st.sampled_from([1, 1, 20]))
    devices = tuple(device for device in SECONDS if device in {worker.device for worker in workers})
    arrivals = sorted(draw(st.lists(st.just(0) | st.integers(1, 60), min_size=1, max_size=3)))
    experiments = tuple(draw(_experiments(place, scale * at, devices)) for place, at in enumerate(arrivals))
    away = draw(st.lists(_absences(len(workers), scale), max_size=2, unique_by=lambda absence: absence.worker))
    return Situation(
        tuple(nodes),
        tuple(workers),
        experiments,
        {device: scale * draw(st.sampled_from(SECONDS[device])) for device in devices},
        unprofiled=draw(st.sampled_from([(), (), devices, devices[:1], ("resnet50",)])),
        costs=draw(st.booleans()),
        noise=draw(st.booleans()),
        absences=_bearable(away, workers, experiments),
        losses=tuple(scale * time for time in sorted(draw(st.lists(st.integers(1, 40), max_size=2)))),
        removals=tuple(scale * time for time in sorted(draw(st.lists(st.integers(0, 40), max_size=2)))),
        seed=draw(st.integers(0, 3)),
    )


class _Machine(NamedTuple):
    """A node (cores, GPUs, their type, pace) and how it is cut into workers."""

    node: tuple[int, int, DeviceType, float | None]
    cpu_workers: int
    gpu_parts: int


@st.composite
def _machines(draw: st.DrawFn) -> _Machine:
    cores, gpus = draw(st.integers(1, 4)), draw(st.integers(0, 2))
    return _Machine(
        (cores, gpus, draw(st.sampled_from(["k80", "v100"])), draw(st.sampled_from([None, None, 2.0]))),
        cpu_workers=draw(st.integers(0 if gpus else 1, min(cores, 2))),
        gpu_parts=draw(st.sampled_from([1, 1, 2])),
    )


@st.composite
def _experiments(draw: st.DrawFn, place: int, arrival_s: int, devices: Sequence[DeviceType]) -> Experiment:
    interval = draw(st.integers(1, 12))
    pbt = draw(st.sampled_from([True, True, False]))
    return make_experiment(
        place,
        population=draw(st.integers(1, 9)),
        stop_iterations=draw(st.integers(1, 4 * interval)),
        interval=interval if pbt else draw(st.sampled_from([interval, None])),
        pbt=pbt,
        model=draw(st.sampled_from(list(MODELS))),
        batch_sizes=draw(st.sampled_from([(32,), (32, 64)])),
        stop_score=draw(st.sampled_from([None, 0.8])),
        devices=draw(st.sampled_from([None, None, *((device,) for device in devices)])),
        arrival_s=arrival_s,
        metric=draw(st.sampled_from([DEFAULT, DEFAULT, Metric("loss", "min")])),
        evaluation_images=draw(st.sampled_from([100, 100, 100, 0])),
        search_space=draw(st.sampled_from([RATE, EVERY_KIND, {}])),
        iterations=draw(st.sampled_from(["own", "own", "lineage"])),
        searches_batch_size=draw(st.sampled_from([False, False, True])),
    )


@st.composite
def _absences(draw: st.DrawFn, workers: int, scale: int) -> Absence:
    start = draw(st.integers(0, 40))
    end = draw(st.none() | st.integers(start + 1, start + 30))
    return Absence(draw(st.integers(0, workers - 1)), scale * start, None if end is None else scale * end)


def _bearable(
    absences: Sequence[Absence], workers: Sequence[Worker], experiments: Sequence[Experiment]
) -> tuple[Absence, ...]:
    """The absences, without those for good that would leave an experiment without a usable
    worker."""
    gone: set[int] = set()
    borne = []
    for absence in absences:
        if absence.end is None:
            left = [w.device for place, w in enumerate(workers) if place not in gone | {absence.worker}]
            if absence.start == 0 or not all(any(map(e.may_use, left)) for e in experiments):
                continue
            gone.add(absence.worker)
        borne.append(absence)
    return tuple(borne)
