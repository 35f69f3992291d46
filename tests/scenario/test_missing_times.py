"""What an error says where the profile has no step time: what is missing, and what would help."""

from pathlib import Path

import pytest

from hetsched.cli.main import main
from hetsched.domain.cluster import CPU, WorkerType
from hetsched.domain.missing_times import why_missing
from hetsched.domain.profiles import ProfileRow, StepTimes
from hetsched.domain.workload import TrialKind
from hetsched.scenario.profile_files import write_profile
from tests.conftest import profile_row

KIND = TrialKind("resnet18", "cifar10", 32)
EXTRAPOLATE = "or set profile.extrapolate = true"


def cpu(cores: int, seconds: float = 1.0, batch_size: int = 32) -> ProfileRow:
    return profile_row(batch_size=batch_size, device=CPU, cores=cores, gpu_share=0.0, seconds_per_iteration=seconds)


def gpu(device: str = "a100", share: float = 1.0, batch_size: int = 32, seconds: float = 1.0) -> ProfileRow:
    return profile_row(batch_size=batch_size, device=device, cores=0, gpu_share=share, seconds_per_iteration=seconds)


SIXTY = WorkerType(CPU, 60, 0.0)
CASES: dict[str, tuple[list[ProfileRow], TrialKind, WorkerType, str]] = {
    "one core count": ([cpu(32)], KIND, SIXTY, "two core counts are needed, and the profile has only one: 32"),
    "one core count at each of two batch sizes": (
        [cpu(32), cpu(32, batch_size=64)],
        KIND,
        SIXTY,
        "two core counts are needed, and the profile has only one: 32",
    ),
    "two core counts": ([cpu(1, 4.0), cpu(2, 2.5)], KIND, SIXTY, EXTRAPOLATE),
    "a line that ends below 0": ([cpu(1, 4.0), cpu(2, 1.0)], KIND, SIXTY, "comes to 0 s or less there"),
    "one batch size": (
        [gpu()],
        KIND._replace(batch_size=48),
        WorkerType("a100", 0, 1.0),
        "two batch sizes are needed, and the profile has only one for this worker: 32",
    ),
    "two batch sizes": (
        [gpu(), gpu(batch_size=64, seconds=1.5)],
        KIND._replace(batch_size=128),
        WorkerType("a100", 0, 1.0),
        EXTRAPOLATE,
    ),
    "a device in other letters": ([gpu()], KIND, WorkerType("A100", 0, 1.0), "no device 'A100': did you mean 'a100'?"),
    "a model in other letters": (
        [gpu()],
        KIND._replace(model="ResNet18"),
        WorkerType("a100", 0, 1.0),
        "no model 'ResNet18': did you mean 'resnet18'?",
    ),
    "a data set that is none": ([gpu()], KIND._replace(dataset="zzz"), WorkerType("a100", 0, 1.0), "it has cifar10"),
    "a share": ([gpu()], KIND, WorkerType("a100", 0, 0.5), "with a gpu_share of 0.5, only of 1, and one share says"),
    "a gang": ([gpu()], KIND, WorkerType("a100", 0, 2.0), "with a gpu_share of 2, only of 1"),
    "no rows": ([], KIND, SIXTY, "the scenario has no profile: measure one on the cluster with 'hetsched plan'"),
}


@pytest.mark.parametrize("name", CASES)
def test_it_says_what_would_help(name: str) -> None:
    rows, kind, worker, message = CASES[name]
    assert StepTimes(rows).seconds_per_iteration(kind, worker) is None
    why = why_missing(StepTimes(rows), kind, worker)
    assert message in why
    helps = StepTimes(rows, extrapolate=True).seconds_per_iteration(kind, worker) is not None
    assert (EXTRAPOLATE in why) == helps, "the advice is given where it helps, and nowhere else"


@pytest.mark.parametrize(
    "command", [["simulate", "--strategy", "cpu-only+fifo"], ["compare", "--strategies", "fusion+fifo"]]
)
def test_a_command_does_not_advise_what_cannot_help(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_profile(tmp_path / "p.csv", [cpu(32), gpu()])
    for extrapolate in ("false", "true"):
        (tmp_path / "s.toml").write_text(
            f"""
name = "s"
strategies = ["fusion+fifo"]
profile = {{ sources = ["p.csv"], extrapolate = {extrapolate} }}
cluster.nodes = [{{ name = "box", cores = 60 }}]
workload.experiments = [{{ name = "e", batch_size = 32, population = 2, stop_iterations = 10 }}]
"""
        )
        assert main([command[0], "s.toml", *command[1:]]) == 2
        said = capsys.readouterr().err
        assert "two core counts are needed" in said and EXTRAPOLATE not in said
