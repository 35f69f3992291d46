"""Write the common files of the packaged scenarios of published clusters: a profile of their GPU
types, and two lists of jobs.

`python -m benchmarks.draw_clusters FOLDER`. Every call writes the same files.
"""

import csv
import sys
from collections.abc import Iterator
from math import log
from pathlib import Path
from typing import NamedTuple

from hetsched.domain.profiles import ProfileRow, StepTimes
from hetsched.domain.random_streams import stream
from hetsched.scenario.profile_files import read_sources, write_profile

MODELS = [("ResNet-18", 128), ("ResNet-50", 64), ("Transformer", 64), ("LM", 80)]
"""Models of Gavel's profile. Each has a batch size that the profile has on gangs of 1, 2, 4 and
8."""

V100_GB_PER_S = 900
GB_PER_S = {
    "t4": 320,
    "rtx2080ti": 616,
    "quadro-rtx6000": 672,
    "a10": 600,
    "a100": 1555,
    "a100-80g": 2039,
    "a800-80g": 2039,
    "h800": 3350,
}
"""Memory bandwidths in GB per second, from NVIDIA's data sheets."""

LIKE = {
    "v100m16": ("v100", "a V100 of 16 GiB"),
    "v100m32": ("v100", "a V100 of 32 GiB"),
    "g2": ("v100", "the type behind this alias is not published"),
    "g3": ("a100", "the type behind this alias is not published"),
    "gpu-series-1": ("a10", "the type behind this alias is not published"),
    "gpu-series-2": ("a100", "the type behind this alias is not published"),
}
"""Types that are declared to be as fast as another type."""

GANGS, GANG_SHARES = [1, 2, 4, 8], [0.7, 0.1, 0.15, 0.05]
CHECKPOINT_S = 1800.0


def rows() -> Iterator[ProfileRow]:
    """Gavel's published times of K80, P100 and V100, and declared ones for the other types."""
    published = [row for row in read_sources(["gavel-osdi20-jobs"], Path()) if (row.model, row.batch_size) in MODELS]
    yield from published
    on_v100 = [row for row in published if row.device == "v100"]
    for device in [*GB_PER_S, *LIKE]:
        like, why = LIKE.get(device, (device, ""))
        bandwidth = GB_PER_S.get(like, V100_GB_PER_S)
        says = f"declared: the published time on a V100 x {V100_GB_PER_S} / {bandwidth} (memory bandwidths in GB/s)"
        if why:
            says += f"; declared as fast as a {like}: {why}"
        for row in on_v100:
            seconds = row.seconds_per_iteration * V100_GB_PER_S / bandwidth
            changes = {"device": device, "seconds_per_iteration": round(seconds, 9), "provenance": says}
            yield row.model_copy(update=changes)


class Job(NamedTuple):
    job_id: int
    model: str
    batch_size: int
    num_gpus: int
    iterations: int
    arrival_s: float
    checkpoint_steps: int


def jobs(count: int, mean_gap_s: float, median_h: float, seed: int) -> Iterator[Job]:
    """Jobs that arrive as a Poisson process. A job takes 1, 2, 4 or 8 GPUs (70, 10, 15 and 5% of
    jobs). Its duration on V100s is lognormal (sigma 1.0). On V100s each saves a checkpoint every 30
    minutes."""
    rng, arrival_s = stream(seed, "cluster-jobs", count), 0.0
    times = StepTimes(read_sources(["gavel-osdi20-jobs"], Path()))
    v100 = {(row.model, row.batch_size, row.gpu_share): row for row in times.rows if row.device == "v100"}
    for number in range(count):
        model, batch_size = MODELS[int(rng.integers(len(MODELS)))]
        gang = int(rng.choice(GANGS, p=GANG_SHARES))
        seconds = float(rng.lognormal(log(median_h * 3600), 1.0))
        step_s = v100[model, batch_size, gang].seconds_per_iteration
        iterations, interval = (max(1, round(span / step_s)) for span in (seconds, CHECKPOINT_S))
        yield Job(number, model, batch_size, gang, iterations, round(arrival_s, 1), min(iterations, interval))
        arrival_s += float(rng.exponential(mean_gap_s))


def write_jobs(path: Path, drawn: Iterator[Job]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Job._fields)
        writer.writerows(drawn)


def main(folder: Path) -> None:
    write_profile(folder / "cluster-speeds.csv", rows())
    write_jobs(folder / "testbed-jobs.csv", jobs(160, mean_gap_s=180.0, median_h=0.5, seed=0))
    write_jobs(folder / "cluster-jobs.csv", jobs(1000, mean_gap_s=1.0, median_h=0.5, seed=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
