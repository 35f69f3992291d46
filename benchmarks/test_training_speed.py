"""The cost of an iteration on this machine's GPU, or else on its CPU. It is measured plain, which
is the baseline, and with each speed-up of a scenario's `[real]`. The cost of the input is measured,
too: choosing, cropping and mirroring a batch."""

from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import get_args

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

torch = pytest.importorskip("torch")

from hetsched.cores import available_cores  # noqa: E402
from hetsched.domain.workload import SpeedUp  # noqa: E402
from real.training.trainer import Settings  # noqa: E402
from real.training.training import Training, _normalised  # noqa: E402

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
BATCH = 512 if DEVICE == "cuda" else 64
ITERATIONS = 20 if DEVICE == "cuda" else 2
ROUNDS = 7
ALL = get_args(SpeedUp)
VARIANTS: dict[str, tuple[SpeedUp, ...]] = {"plain": ()} | {name: (name,) for name in ALL} | {"all": ALL}


def seconds(action: Callable[[], object]) -> float:
    """The seconds until the device has finished."""
    start = perf_counter()
    action()
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return perf_counter() - start


def a_training(model: str, speed_ups: tuple[SpeedUp, ...], augment: bool = False) -> Training:
    settings = Settings(
        model, "synthetic", BATCH, train_images=4 * BATCH, evaluation_images=10, augment=augment, speed_ups=speed_ups
    )
    training = Training(settings, device=DEVICE, threads=len(available_cores()))
    training.reset({"lr": 0.01, "momentum": 0.9}, seed=0)
    training.train(2)  # warm
    return training


@pytest.mark.benchmark(group="seconds an iteration")
@pytest.mark.parametrize("model", ["resnet18", "resnet50"])
def test_speed_ups(benchmark: BenchmarkFixture, model: str) -> None:
    trainings = {name: a_training(model, speed_ups) for name, speed_ups in VARIANTS.items()}
    rounds: list[dict[str, float]] = []

    def one_of_each() -> None:
        rounds.append({name: seconds(lambda t=t: t.train(ITERATIONS)) for name, t in trainings.items()})  # type: ignore[misc]

    benchmark.pedantic(one_of_each, rounds=ROUNDS)
    plain = median(each["plain"] for each in rounds)
    benchmark.extra_info["plain [ms]"] = 1000 * plain / ITERATIONS
    for name in VARIANTS:
        benchmark.extra_info[f"speed-up of {name}"] = plain / median(each[name] for each in rounds)


@pytest.mark.benchmark(group="share of the input")
@pytest.mark.parametrize("augment", [False, True], ids=["as they are", "augmented"])
def test_input_share(benchmark: BenchmarkFixture, augment: bool) -> None:
    training = a_training("resnet18", (), augment)

    def inputs() -> None:
        for iteration in range(ITERATIONS):
            _normalised(training._batch(iteration, BATCH)[0])

    rounds: list[tuple[float, float]] = []
    benchmark.pedantic(
        lambda: rounds.append((seconds(inputs), seconds(lambda: training.train(ITERATIONS)))), rounds=ROUNDS
    )
    benchmark.extra_info["input [ms]"] = 1000 * median(inputs for inputs, _ in rounds) / ITERATIONS
    benchmark.extra_info["share of the iteration [%]"] = 100 * median(inputs / whole for inputs, whole in rounds)
