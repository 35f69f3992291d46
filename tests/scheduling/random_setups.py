"""Random scenarios of what trials cannot do: gangs, devices, batch sizes that a device lacks, nodes that leave."""

from random import Random
from typing import Any

from hetsched.domain.profiles import ProfileRow
from hetsched.scenario.scenario import Setup
from hetsched.scenario.tables import FaultsTable
from tests.conftest import ROWS, make_setup, profile_row

BATCHES = [32, 64, 128]


def random_setup(seed: int, *, gangs: bool, searched: bool) -> Setup:
    """A scenario of two to four nodes that takes some minutes. Up to two nodes leave for a while.

    `gangs`: some trials take two workers. `searched`: PBT changes batch sizes, and not every device
    has all of them. V100s have all.
    """
    draw = Random(seed)
    nodes = [_node(draw, number) for number in range(draw.randint(1, 3))]
    fast = {"cores": 2, "gpus": 1, "gpu_type": "v100"}
    nodes += [fast | {"name": f"v{number}"} for number in range(1 + gangs)]
    devices = ["cpu", *{node["gpu_type"]: None for node in nodes if "gpu_type" in node}]
    setup = make_setup(
        nodes,
        _rows(draw, searched),
        experiments=[_experiment(draw, f"e{n}", devices, gangs, searched) for n in range(draw.randint(1, 3))],
        overheads={"noise": draw.random() < 0.5},
    )
    leaving = draw.sample([node["name"] for node in nodes], draw.randint(0 if searched else 1, 2))
    times = [(name, draw.uniform(1.0, 40.0)) for name in leaving]
    planned = [{"node": name, "at_s": at, "back_s": at + draw.choice([5.0, 40.0])} for name, at in times]
    spot = {"mean_between_s": 60.0, "notice_s": 15.0, "away_s": 20.0} if draw.random() < 0.2 else None
    return setup.replace(faults=FaultsTable.model_validate({"planned": planned, "spot": spot}))


def _node(draw: Random, number: int) -> dict[str, Any]:
    gpus = draw.randint(0, 2)
    table = {"name": f"n{number}", "cores": max(gpus, draw.choice([1, 2, 4]))}
    return table | ({"gpus": gpus, "gpu_type": draw.choice(["k80", "v100"])} if gpus else {})


def _rows(draw: Random, searched: bool) -> list[ProfileRow]:
    pairs = [profile_row(gpu, seconds=seconds, gpu_share=2.0) for gpu, seconds in (("k80", 0.3), ("v100", 0.06))]
    rows = [row.model_copy(update={"batch_size": size}) for row in (*ROWS, *pairs) for size in BATCHES]
    lost = {("k80", size) for size in BATCHES if draw.random() < 0.4} | {("cpu", 128)} if searched else set()
    return [row for row in rows if (row.device, row.batch_size) not in lost]


def _experiment(draw: Random, name: str, devices: list[str], gangs: bool, searched: bool) -> dict[str, Any]:
    table: dict[str, Any] = {
        "name": name,
        "population": draw.randint(1, 5),
        "stop_iterations": draw.choice([20, 50]),
        "arrival_s": draw.choice([0.0, 0.0, 20.0]),
        "pbt": {"enabled": searched or draw.random() < 0.7, "perturbation_interval": draw.choice([5, 10])},
    }
    if gangs and draw.random() < 0.5:
        table["gang"] = 2
    if draw.random() < 0.3:
        table["devices"] = ["v100"] if "gang" in table or searched else ["v100", draw.choice(devices)]
    if searched and draw.random() < 0.8:
        table["search_space"] = {"lr": {"low": 0.001, "high": 0.5}, "batch_size": {"choices": BATCHES, "ordered": True}}
        table["pbt"]["quantile_fraction"] = 0.5
        table["batch_size"] = 512  # the default, as the search space says it
    else:
        table["batch_size"] = draw.choice([64, BATCHES])
    return table
