"""What the input pipeline of HRFS, the predecessor, costs per batch: its steps written anew, and
timed on this machine.

    python -m benchmarks.hrfs_pipeline                            # synthetic images of the size and type of CIFAR-10
    HETSCHED_CIFAR10=DIR python -m benchmarks.hrfs_pipeline       # CIFAR-10 itself, from parquet
    python -m benchmarks.hrfs_pipeline --threads 1 2 4            # with more threads of torch

HRFS makes a new iterator of a shuffling DataLoader at every iteration, and takes one batch from it.
There are no worker processes. So the process that trains permutes 50,000 indices, and then takes
512 images one by one through PIL, to float32 and to mean 0. The evaluation takes 10,000 images the
same way, in order. `benchmarks.hrfs_speed_up` charges what this module measures to every iteration.

Seconds are those of this process's CPU time, and of the clock. Other load adds to the clock, and
less to CPU time. Every figure is the median over batches.
"""

import argparse
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table
from torch.utils.data import DataLoader, Dataset, RandomSampler
from torchvision.transforms import Compose, Normalize, ToTensor

from real.training.data import load

BATCH_SIZE = 512
TRAIN_IMAGES, TEST_IMAGES = 50_000, 10_000
TRANSFORM = Compose([ToTensor(), Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))])


class Pictures(Dataset[tuple[torch.Tensor, int]]):
    """Images (N, 32, 32, 3) uint8 in memory. Each goes through PIL when it is requested."""

    def __init__(self, images: NDArray[np.uint8]) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return TRANSFORM(Image.fromarray(self._images[index])), 0


class Seconds(NamedTuple):
    """The seconds of something: CPU time of this process, and time by the clock."""

    cpu: float
    wall: float


class Cost(NamedTuple):
    """The cost of the pipeline with that many threads of torch: per batch, the part of the
    permutation in it, and per image of an evaluation."""

    threads: int
    batch: Seconds
    permutation: Seconds
    evaluation_image: Seconds


def pictures() -> tuple[str, Pictures, Pictures]:
    """Their name, the images for training, and the images for evaluation: CIFAR-10 of
    HETSCHED_CIFAR10, or random images."""
    if folder := os.environ.get("HETSCHED_CIFAR10"):
        found = load("cifar10", Path(folder))
        both = [each.permute(0, 2, 3, 1).contiguous().numpy() for each in (found.train_images, found.test_images)]
        return "CIFAR-10", Pictures(both[0]), Pictures(both[1])
    luck = np.random.default_rng(0)
    made = (luck.integers(0, 256, (number, 32, 32, 3), np.uint8) for number in (TRAIN_IMAGES, TEST_IMAGES))
    return "random images", Pictures(next(made)), Pictures(next(made))


def timed(action: Callable[[], object], times: int) -> Seconds:
    """The medians over that many calls. A first call does not count."""
    action()
    cpu, wall = [], []
    for _ in range(times):
        cpu_start, wall_start = process_time(), perf_counter()
        action()
        cpu.append(process_time() - cpu_start)
        wall.append(perf_counter() - wall_start)
    return Seconds(median(cpu), median(wall))


def measure(threads: int, batches: int, train: Pictures, test: Pictures) -> Cost:
    """The cost with that many threads, over that many batches of each kind. Torch keeps these
    threads afterwards."""
    torch.set_num_threads(threads)
    shuffled = DataLoader(train, batch_size=BATCH_SIZE, shuffle=True)
    in_order: Iterator[object] = iter(DataLoader(test, batch_size=BATCH_SIZE))

    def next_in_order() -> None:
        nonlocal in_order
        if next(in_order, None) is None:
            in_order = iter(DataLoader(test, batch_size=BATCH_SIZE))

    evaluation = timed(next_in_order, min(batches, len(test) // BATCH_SIZE - 1))
    return Cost(
        threads,
        timed(lambda: next(iter(shuffled)), batches),
        timed(lambda: next(iter(RandomSampler(train))), batches),
        Seconds(*(each / BATCH_SIZE for each in evaluation)),
    )


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--batches", type=int, default=100)
    options = parser.parse_args()
    what, train, test = pictures()
    table = Table(
        "threads",
        "batch, CPU [ms]",
        "batch, clock [ms]",
        "of it permutation [ms]",
        "10,000 images, CPU [s]",
        "clock [s]",
        title=f"{what}, batches of {BATCH_SIZE}, medians of {options.batches}",
    )
    for threads in options.threads:
        cost = measure(threads, options.batches, train, test)
        whole = [TEST_IMAGES * each for each in cost.evaluation_image]
        milliseconds = [1e3 * each for each in (*cost.batch, cost.permutation.cpu)]
        table.add_row(str(threads), *(f"{each:.1f}" for each in milliseconds), *(f"{each:.2f}" for each in whole))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
