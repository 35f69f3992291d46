"""Runs for pages: simulated ones with everything that can go wrong, and made-up ones of any
size."""

from pathlib import Path

from hetsched.report.page.document import Exploit, Lane, Page, PageRun, PageTrial, Segments
from hetsched.scenario.checks import parse_strategy
from hetsched.scenario.scenario import Setup
from hetsched.scenario.tables import FaultsTable
from sim.engine import simulate
from tests.conftest import make_setup

NODES = [
    {"name": "server", "cores": 2, "gpus": 1, "gpu_type": "k80"},
    {"name": "a", "cores": 2},
    {"name": "b", "cores": 2},
    {"name": "late", "cores": 2},
]

FAULTS = {
    "nodes": {"mean_between_s": 200.0, "mean_repair_s": 20.0},
    "trials": {"mean_between_s": 100.0},
    "stragglers": {"mean_between_s": 100.0, "mean_duration_s": 20.0, "factor": 2.0},
    "spot": {"mean_between_s": 90.0, "notice_s": 10.0, "away_s": 10.0, "nodes": ["a"]},
    "late": {"late": 30.0},
}


def faulty() -> Setup:
    """A population on four nodes that fail, are slow, are reclaimed, and join late."""
    setup = make_setup(nodes=NODES, population=8, stop_iterations=80)
    return setup.replace(faults=FaultsTable.model_validate(FAULTS))


def simulated(setup: Setup, folder: Path, strategy: str = "fusion+hrfs") -> Path:
    """The folder of a run of the setup."""
    folder = folder / "run"
    folder.mkdir()
    setup.save(folder)
    simulate(setup, parse_strategy(strategy), 0, folder)
    return folder


def page_of_size(segments: int, *, workers: int = 64, trials: int = 200) -> Page:
    """A page of one run with so many segments, back to back on all workers, of which every fifth ends in an exploit."""
    per_lane = segments // workers
    rows = [(turn, lane) for turn in range(per_lane) for lane in range(workers)]
    rows += [(per_lane, lane) for lane in range(segments - len(rows))]
    seconds = [20.0 + (lane * 7 + turn * 13) % 11 for turn, lane in rows]
    begun = [0.0] * workers
    starts = []
    for (_, lane), taken in zip(rows, seconds, strict=True):
        starts.append(begun[lane])
        begun[lane] += taken
    order = sorted(range(segments), key=starts.__getitem__)
    starts, seconds, lanes = [starts[i] for i in order], [seconds[i] for i in order], [rows[i][1] for i in order]
    ends = [start + taken for start, taken in zip(starts, seconds, strict=True)]
    columns = Segments(
        number=[*range(1, segments + 1)],
        lane=lanes,
        trial=[i % trials for i in range(segments)],
        start_s=starts,
        end_s=ends,
        train_from_s=[start + 1.234 for start in starts],
        train_to_s=[end - 2.345 for end in ends],
        iterations=[50] * segments,
        total=[50 * (1 + i // trials) for i in range(segments)],
        score=[round((i * 7919 % 10_000) / 10_000, 4) for i in range(segments)],
        state=[0] * segments,
    )
    exploits = [
        Exploit(ends[i], i % trials, (i * 31) % trials, {"lr": 0.1234 / (1 + i % 7), "momentum": 0.9})
        for i in range(0, segments, 5)
    ]
    run = PageRun(
        title="sized",
        strategy="fusion+fifo",
        seed=0,
        backend="sim",
        paced=False,
        end_s=max(ends),
        ended="all trials completed",
        bound_s=max(ends) / 2,
        metric=None,
        lanes=[Lane(f"node{lane // 4}/cpu{lane % 4}", f"node{lane // 4}", "cpu", 4, 0.0) for lane in range(workers)],
        trials=[
            PageTrial(f"cifar-{i:05}", "cifar", 0.0, {"lr": 0.1, "momentum": 0.9}, "completed", 500, 0.5, 0.5)
            for i in range(trials)
        ],
        segments=columns,
        exploits=exploits,
        marks=[],
    )
    return Page(title="sized", kind="run", complete=True, facts=[], remarks={}, runs=[run])
