"""A strategy that trains less is not said to be faster without a word, also where iterations are as
many and batch sizes are not."""

import re
from pathlib import Path

import numpy as np
import pytest

import hetsched
from hetsched.analysis.over_scenarios.aggregates import geometric_mean
from hetsched.report.suite_tables import remarks
from hetsched.scenario.profile_files import write_profile
from hetsched.studies.suite.suite import suite
from hetsched.studies.work import Work
from tests.conftest import profile_row

SIZES = (16, 64)
ROWS = [
    profile_row(cores=cores, seconds=seconds * size / 16, batch_size=size)
    for size in SIZES
    for cores, seconds in ((1, 0.4), (4, 0.1))
]


@pytest.mark.parametrize(
    ("mine", "said"),
    [
        ((100.0, 1600.0), None),
        ((101.0, 1616.0), None),
        ((70.0, 1120.0), "70% of the iterations"),
        ((100.0, 1280.0), "80% of the samples"),
        ((70.0, 1600.0), None),
        ((70.0, 800.0), "50% of the samples"),
    ],
)
def test_samples_are_compared_where_batch_sizes_differ(mine: tuple[float, float], said: str | None) -> None:
    share = Work(*mine).share_of(Work(100.0, 1600.0))
    assert (str(share) if share.differs else None) == said
    assert share.is_less is (said is not None)


def searched(folder: Path) -> hetsched.Scenario:
    """PBT changes batch sizes. A trial of the small one takes a quarter of the seconds."""
    write_profile(folder / "p.csv", ROWS)
    experiment = {
        "name": "e",
        "model": "resnet18",
        "dataset": "cifar10",
        "population": 8,
        "stop_iterations": 60,
        "evaluation_images": 100,
        "search_space": {
            "lr": {"low": 0.01, "high": 1.0, "scale": "log"},
            "batch_size": {"choices": list(SIZES)},
        },
        "pbt": {"perturbation_interval": 5},
    }
    return hetsched.Scenario.of(
        {
            "name": "searched",
            "strategies": ["uniform+fifo"],
            "cluster": {"nodes": [{"name": "a", "cores": 4}, {"name": "b", "cores": 1}]},
            "profile": {"sources": ["p.csv"]},
            "workload": {"experiments": [experiment]},
        },
        folder,
    )


def test_a_verdict_names_other_samples(tmp_path: Path) -> None:
    """`1.88x faster` was said of a strategy that trained 84% of the samples."""
    result = hetsched.compare(searched(tmp_path), ["uniform+fifo", "fusion+srtf", "fusion+lookahead"], seeds=3)
    baseline = result.comparisons["uniform+fifo"]
    others = [one for name, one in result.comparisons.items() if name != "uniform+fifo"]
    shares = {one.verdict: one.samples / baseline.samples for one in others}
    assert all(one.iterations == baseline.iterations == 480 for one in others)
    assert any(abs(share - 1) > 0.05 for share in shares.values())
    for words, share in shares.items():
        assert (f", with {share:.0%} of its samples" in words) is (abs(share - 1) > 0.02)


def test_a_suite_says_who_trained_other_work_and_ranks_by_makespan(tmp_path: Path) -> None:
    """It divided each makespan by the bound of what the run itself trained: the fastest of five policies
    was ranked fourth, and nothing said that it trained 28% fewer samples."""
    (tmp_path / "s.toml").write_text(searched(tmp_path).to_toml())
    found = suite([tmp_path / "s.toml"], ["fifo", "srtf", "las", "lookahead"], 3, tmp_path / "out", jobs=1)
    makespans = {name: [run.makespan_s or 0.0 for run in found.by_policy[name]["searched"]] for name in found.ranked}
    means = {name: geometric_mean(np.array(of_one)) for name, of_one in makespans.items()}
    assert list(means) == sorted(means, key=means.__getitem__)
    [line] = found.other_work["searched"]
    shares = [int(share) for share in re.findall(r"(\d+)%", line)]
    assert line.startswith("trained samples, of the fewest: ")
    samples = {name: sum(run.samples or 0 for run in found.by_policy[name]["searched"]) for name in found.ranked}
    assert shares == [round(100 * of_one / min(samples.values())) for of_one in samples.values()]
    assert max(shares) > 102
    assert f"searched: {line}" in remarks(found)
