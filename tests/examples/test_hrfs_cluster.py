"""The cluster of HRFS is what is known of it, and docs/from-hrfs.md says of it what its commands
give."""

import re
import shlex
import sys
from pathlib import Path

import pytest

import hetsched
from benchmarks import hrfs_profile, hrfs_speed_up
from hetsched.domain.registry import Strategy

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "hrfs-cluster"
PAGE = (ROOT / "docs" / "from-hrfs.md").read_text()
COMMANDS = PAGE.replace("\\\n", " ").splitlines()
GPU_ROWS = [line for line in PAGE.splitlines() if re.match(r"\| \d+ \| \d", line)]
"""A row per step of the GPU: of each network without the pipeline, beside it, and in turn with
it."""


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("| ").split("|")]


def profile_command(makes: str) -> list[str]:
    """The arguments of the command on the page that makes a profile."""
    [line] = [line for line in COMMANDS if "benchmarks.hrfs_profile" in line and makes in line]
    return shlex.split(line)[3:]


def make_profile(arguments: list[str], out: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "argv", ["hrfs_profile", *arguments[: arguments.index("--out")], "--out", str(out)])
    hrfs_profile.main()
    return out


@pytest.mark.parametrize("scenario", [*sorted(EXAMPLE.glob("*.toml")), "hrfs-cluster"], ids=lambda it: Path(it).name)
def test_there_are_eight_machines_and_the_gpu_is_in_the_second(scenario: Path | str) -> None:
    setup = hetsched.load_scenario(scenario).resolve()
    assert [node.cores for node in setup.cluster] == [16, 12, 4, 4, 4, 20, 12, 12]
    assert [node.gpus for node in setup.cluster] == [0, 1, 0, 0, 0, 0, 0, 0]
    workers = setup.workers(Strategy("fusion", "hrfs"))
    assert [worker.cores for worker in workers if worker.device == "cpu"] == [16, 11, 4, 4, 4, 20, 12, 12]
    assert [worker.node for worker in workers if worker.device != "cpu"] == [setup.cluster.nodes[1].id]


@pytest.mark.parametrize("name", ["with-pipeline.csv", "with-pipeline-paced.csv"])
def test_the_profiles_are_what_their_commands_make(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_profile(profile_command(name), tmp_path / name, monkeypatch)
    assert made.read_text() == (EXAMPLE / name).read_text()


def test_a_speed_up_of_every_strategy_is_on_the_page() -> None:
    found = hrfs_speed_up.row(hetsched.load_scenario(hrfs_speed_up.SCENARIO), "resnet18", 20, False, seeds=3)
    for name, speed_up in zip(hrfs_speed_up.STRATEGIES, found.strategies, strict=True):
        assert f"\n| {name} | {speed_up:.2f} |\n" in PAGE
    assert f"which stops at 2,000 iterations | {found.over_2000:.2f} |\n" in PAGE
    [row] = [cells(line) for line in GPU_ROWS if cells(line)[0] == "20"]
    assert row[2] == f"{found.strategies[0]:.2f}"


@pytest.mark.exhaustive
@pytest.mark.parametrize("step_ms", hrfs_profile.GPU_STEPS_MS)
def test_every_speed_up_of_hrfs_is_on_the_page(step_ms: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = hetsched.load_scenario(hrfs_speed_up.SCENARIO)
    file = make_profile(profile_command("FILE.csv"), tmp_path / "without.csv", monkeypatch)
    without = given.replace(profile={"sources": [str(file)], "extrapolate": True})
    expected = [str(step_ms)]
    for model in hrfs_profile.MODELS:
        for profile, in_turn in ((without, False), (given, False), (given, True)):
            found = hrfs_speed_up.row(profile, model, step_ms, in_turn, seeds=3)
            expected.append(f"{found.strategies[0]:.2f}")
    assert expected in [cells(line) for line in GPU_ROWS]


def test_what_hrfs_gains_by_other_step_times_is_on_the_page() -> None:
    strategies = ("fusion+hrfs", "fusion+lookahead", "sliced+lookahead")
    found = hetsched.compare(hetsched.load_scenario(EXAMPLE / "hrfs-cluster.toml"), strategies, seeds=1).comparisons
    for name in strategies:
        assert f"\n| {name} | {found[name].speedup_vs_baseline:.2f} |\n" in PAGE


class TestPipeline:
    """The benchmark of the input pipeline."""

    def test_it_gives_what_hrfs_trains_on(self) -> None:
        pipeline = pytest.importorskip("benchmarks.hrfs_pipeline", reason="needs hetsched[real]")
        numpy = pytest.importorskip("numpy")
        images = numpy.zeros((3, 32, 32, 3), numpy.uint8)
        images[1] = 255
        pictures = pipeline.Pictures(images)
        image, _ = pictures[1]
        assert len(pictures) == 3
        assert image.shape == (3, 32, 32)
        assert image.min() == image.max() == 1.0
        assert pictures[0][0].max() == -1.0

    def test_it_runs(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        torch = pytest.importorskip("torch", reason="needs hetsched[real]")
        pipeline = pytest.importorskip("benchmarks.hrfs_pipeline", reason="needs hetsched[real]")
        monkeypatch.delenv("HETSCHED_CIFAR10", raising=False)
        monkeypatch.setattr(sys, "argv", ["hrfs_pipeline", "--batches", "2", "--threads", "1"])
        threads = torch.get_num_threads()
        try:
            pipeline.main()
        finally:
            torch.set_num_threads(threads)
        row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("│ 1 "))
        cpu_ms, clock_ms, permutation_ms, *evaluations_s = (float(cell) for cell in row.split("│")[2:-1])
        assert 0 < permutation_ms < cpu_ms
        assert clock_ms > 0
        assert all(seconds > 0 for seconds in evaluations_s)
