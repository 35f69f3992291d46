"""Simulate how many workers one driver of a real run serves, by the length of segments. The figures
go into docs/measured.

python -m benchmarks.driver_reach
"""

from itertools import count
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

from benchmarks.kept_rows import MEASURED, keep
from hetsched.domain.registry import Strategy
from hetsched.scenario.scenario import Setup
from hetsched.studies.driver_load import DRIVER_S
from hetsched.studies.one_run import carry_out
from hetsched.testing.scenarios import make_setup, profile_row

SEGMENTS_S = (1.0, 5.0, 20.0)

GROWTH = 0.05
"""The share by which a run may take longer than with a driver that needs no time."""

SEEDS = (0,)

STEP = 1.25
"""The factor between the numbers of workers that are tried."""


def main() -> None:
    for segment_s in SEGMENTS_S:
        workers = reach(segment_s)
        row = {"segment_s": segment_s, "workers": workers, "load": workers * DRIVER_S / segment_s}
        keep(MEASURED / "driver_reach.csv", [row], ["segment_s"])
        print(row, flush=True)


def reach(segment_s: float) -> int:
    """The most workers, of the numbers that are tried, with which a run takes at most `GROWTH`
    longer."""
    served = 1
    for power in count():
        workers = round(0.05 * segment_s / DRIVER_S * STEP**power)
        if workers < 1:
            continue
        with_driver, without = (makespan_s(setup_of(workers, segment_s, each)) for each in (DRIVER_S, 0.0))
        if with_driver > (1 + GROWTH) * without:
            return served
        served = workers
    raise AssertionError("counting does not end")


def setup_of(workers: int, segment_s: float, dispatch_s: float) -> Setup:
    """Equal workers, three trials for every two workers, ten segments per trial. Steps vary by 10%
    per segment."""
    row = profile_row(
        seconds=segment_s / 100,
        noise_cv=1.0,
        evaluation_s_per_image=0.0,
        restore_s=0.0,
        start_up_s=0.0,
        checkpoint_s=0.0,
    )
    made = make_setup(
        [{"name": "n", "cores": workers}],
        [row],
        population=max(2, round(1.5 * workers)),
        stop_iterations=1000,
        pbt={"perturbation_interval": 100},
        overheads={"dispatch_s": dispatch_s},
    )
    return made.replace(allocation={"fusion": {"cores_per_worker": 1}})


def makespan_s(setup: Setup) -> float:
    found = []
    for seed in SEEDS:
        with TemporaryDirectory(prefix="hetsched-reach-") as folder:
            run, _ = carry_out("sim", setup, Strategy("fusion", "least-progress"), seed, Path(folder) / "run")
        found.append(run.metrics.makespan_s)
    return fmean(found)


if __name__ == "__main__":
    main()
