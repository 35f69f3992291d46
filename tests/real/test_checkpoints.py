"""Which files of a run are kept, which one a trial goes on from, and what is seen to be damaged."""

import random
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from hetsched.core.events import (  # noqa: E402
    CheckpointLost,
    Event,
    ExperimentArrived,
    Parts,
    SegmentEnded,
    SegmentLost,
    TrialExploited,
)
from hetsched.domain.workload import TrialId  # noqa: E402
from real.checkpoints.generations import GENERATIONS, Checkpoints, Generation, damage  # noqa: E402
from real.checkpoints.snapshot import Copy  # noqa: E402
from real.cluster.matching import RayNodeId  # noqa: E402
from tests.conftest import make_setup  # noqa: E402

NOTHING = Parts(0, 0, 0, 0, 0, 0)
COPY = Copy("a reference", RayNodeId("r"))


def ended(trial: Any, score: float = 0.5) -> Event:
    return SegmentEnded(0.0, trial, "a/cpu0", 3, score, NOTHING)  # type: ignore[arg-type]


def exploited(trial: Any, source: Any) -> Event:
    return TrialExploited(0.0, trial, source, {})


def lost(trial: Any) -> Event:
    return CheckpointLost(0.0, trial, 0, None, "gone")


class Run:
    """Checkpoints whose files are written when segments end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.checkpoints = Checkpoints(folder)

    def follow(self, *events: Event) -> None:
        for event in events:
            self.checkpoints.follow(event)
            if isinstance(event, SegmentEnded):
                latest = self.checkpoints.latest(event.trial)
                assert latest is not None
                latest.touch()
            self.checkpoints.discard()

    @property
    def files(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}

    def latest(self, trial: Any) -> str | None:
        path = self.checkpoints.latest(trial)
        return None if path is None else path.name


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "checkpoints")


def test_two_generations_are_kept(run: Run) -> None:
    run.follow(ended("x", 0.1), ended("x", 0.2), ended("x", 0.3))
    assert run.files == {"x-6.pt", "x-9.pt"}
    assert run.latest("x") == "x-9.pt"
    assert run.checkpoints.before("x") == Generation(run.folder / "x-6.pt", 6, 0.2)  # type: ignore[arg-type]


def test_a_file_stays_while_any_trial_may_need_it(run: Run) -> None:
    """Of Tune's defects: there, the target's checkpoint is the source's, and goes when the source
    moves on."""
    run.follow(ended("x"), ended("source", 0.9), exploited("x", "source"))
    run.follow(*[ended("source")] * 5)
    assert run.latest("x") == "source-3.pt"
    assert run.files == {"x-3.pt", "source-3.pt", "source-15.pt", "source-18.pt"}
    run.follow(ended("x"))
    assert run.files == {"x-6.pt", "source-3.pt", "source-15.pt", "source-18.pt"}
    run.follow(ended("x"))
    assert run.files == {"x-6.pt", "x-9.pt", "source-15.pt", "source-18.pt"}


def test_a_trial_falls_back_to_what_it_was_before(run: Run) -> None:
    run.follow(ended("x", 0.1), ended("source", 0.9), exploited("x", "source"))
    assert run.checkpoints.before("x") == Generation(run.folder / "x-3.pt", 3, 0.1)  # type: ignore[arg-type]
    run.follow(lost("x"))
    assert run.latest("x") == "x-3.pt"
    assert run.checkpoints.before("x") is None  # type: ignore[arg-type]
    assert run.files == {"x-3.pt", "source-3.pt"}
    run.follow(lost("x"))
    assert run.latest("x") is None
    run.follow(ended("x"))
    assert run.latest("x") == "x-3.2.pt"


def test_a_trial_that_fell_back_leaves_alone_what_others_go_on_from(run: Run) -> None:
    run.follow(ended("source"), ended("source", 0.9), ended("x"), exploited("x", "source"), lost("source"))
    run.follow(ended("source"))
    assert run.latest("x") == "source-6.pt"
    assert run.latest("source") == "source-6.1.pt"
    assert run.files == {"x-3.pt", "source-3.pt", "source-6.pt", "source-6.1.pt"}


LINEAGE = ExperimentArrived(0.0, make_setup(pbt={"iterations": "lineage"}).workload.experiments[0])


def test_a_trial_that_takes_over_a_count_leaves_alone_what_others_go_on_from(run: Run) -> None:
    run.follow(LINEAGE, *[ended("x")] * 2, ended("source", 0.9), exploited("y", "x"), exploited("x", "source"))
    assert run.checkpoints.path(TrialId("x"), 6).name == "x-6.1.pt", "x comes to 6 again, and y goes on from x-6.pt"
    run.follow(ended("x", 0.7))
    assert run.latest("x") == "x-6.1.pt"
    assert run.latest("y") == "x-6.pt"
    assert run.checkpoints.before(TrialId("x")) == Generation(run.folder / "source-3.pt", 3, 0.9)
    assert run.files == {"x-6.1.pt", "x-6.pt", "source-3.pt"}
    run.follow(ended("y"))
    assert run.latest("y") == "y-9.1.pt"


def test_a_trial_falls_back_to_the_count_that_it_had_before_it_took_over_another(run: Run) -> None:
    run.follow(LINEAGE, *[ended("x", 0.1)] * 3, ended("source", 0.9), exploited("x", "source"))
    assert run.checkpoints.before(TrialId("x")) == Generation(run.folder / "x-9.pt", 9, 0.1)
    run.follow(lost("x"))
    assert run.checkpoints.path(TrialId("x"), 12).name == "x-12.2.pt"


def test_what_follows_from_a_log_is_the_same_again(run: Run) -> None:
    events = [ended("x", 0.1), ended("y", 0.2), exploited("x", "y"), ended("x", 0.3), ended("y"), lost("y")]
    run.follow(*events)
    again = Checkpoints(run.folder)
    for event in events:
        again.follow(event)
    for trial in ("x", "y"):
        assert again.latest(trial) == run.checkpoints.latest(trial)  # type: ignore[arg-type]
        assert again.before(trial) == run.checkpoints.before(trial)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(20))
def test_files_and_copies_are_those_that_trials_refer_to_whatever_happens(seed: int, tmp_path: Path) -> None:
    """Against a model that looks at every trial after every event."""
    rng = random.Random(seed)
    names = [f"t{number}" for number in range(rng.randint(1, 6))]
    checkpoints = Checkpoints(tmp_path, generations := rng.choice([1, GENERATIONS]))
    refers: dict[str, list[str]] = {name: [] for name in names}
    iterations: dict[str, list[int]] = {name: [] for name in names}
    for _ in range(200):
        trial: Any = rng.choice(names)
        others = [name for name in names if refers[name] and name != trial]
        kind = rng.choice(["end", "end", "exploit", "lose"])
        if kind == "end":
            done = (iterations[trial] or [0])[-1] + 3
            path = checkpoints.path(trial, done)
            path.touch()
            checkpoints.hold(path, COPY)
            checkpoints.follow(ended(trial))
            refers[trial], iterations[trial] = [*refers[trial], path.name], [*iterations[trial], done]
        elif kind == "exploit" and others and refers[trial]:
            source = rng.choice(others)
            checkpoints.follow(exploited(trial, source))
            refers[trial].append(refers[source][-1])
            iterations[trial].append(iterations[trial][-1])
        elif kind == "lose" and refers[trial]:
            checkpoints.follow(lost(trial))
            refers[trial].pop()
            iterations[trial].pop()
        refers = {name: paths[-generations:] for name, paths in refers.items()}
        iterations = {name: counts[-generations:] for name, counts in iterations.items()}
        checkpoints.discard()
        wanted = {path for paths in refers.values() for path in paths}
        assert {path.name for path in tmp_path.iterdir()} == wanted
        newest = {paths[-1] for paths in refers.values() if paths}
        assert {path for path in wanted if checkpoints.copy(tmp_path / path) is not None} <= newest
        for name in (name for name in names if refers[name]):
            assert checkpoints.latest(name) == tmp_path / refers[name][-1]  # type: ignore[arg-type]
    checkpoints.remove_leftovers()
    assert {path.name for path in tmp_path.iterdir()} == {path for paths in refers.values() for path in paths}


def test_a_copy_is_kept_while_some_trial_goes_on_from_it(run: Run) -> None:
    run.checkpoints.hold(run.folder / "source-3.pt", COPY)
    run.follow(ended("source"), ended("x"), exploited("x", "source"))
    run.checkpoints.hold(run.folder / "source-6.pt", COPY)
    run.follow(ended("source"))
    assert run.checkpoints.copy(run.folder / "source-3.pt") is COPY  # x goes on from there
    assert run.checkpoints.copy(run.folder / "source-6.pt") is COPY
    run.follow(ended("x"))
    assert run.checkpoints.copy(run.folder / "source-3.pt") is None
    run.follow(lost("source"))
    assert run.checkpoints.copy(run.folder / "source-6.pt") is None


def test_what_a_killed_process_left_half_written_goes(run: Run) -> None:
    run.follow(ended("x"), ended("x-1"))
    (run.folder / ".x-6.pt.77.unfinished").touch()
    (run.folder / ".x-1-6.pt.78.unfinished").touch()
    run.follow(SegmentLost(0.0, "x-1", "a/cpu0", "killed"))  # type: ignore[arg-type]
    assert run.files == {"x-3.pt", "x-1-3.pt", ".x-6.pt.77.unfinished"}
    run.checkpoints.keep_only("x")  # type: ignore[arg-type]
    assert run.files == {"x-3.pt"}


def test_what_somebody_else_put_beside_the_checkpoints_stays(run: Run) -> None:
    run.follow(ended("x"))
    (run.folder / "x-9.pt").touch()
    mine = {"notes.txt", "x-3.pt.mine", "best.pt", "copy of x-3.pt"}
    for name in mine:
        (run.folder / name).touch()
    run.checkpoints.remove_leftovers()
    assert run.files == mine | {"x-3.pt"}
    run.checkpoints.keep_only("y")  # type: ignore[arg-type]
    assert run.files == mine


def test_what_is_still_written_in_the_background_is_left_alone(run: Run) -> None:
    run.follow(ended("x"))
    (run.folder / ".x-3.pt.77.unfinished").touch()
    run.follow(SegmentLost(0.0, "x", "b/cpu0", "killed"))  # type: ignore[arg-type]
    assert run.files == {"x-3.pt", ".x-3.pt.77.unfinished"}


def test_damage_is_seen_though_torch_does_not_see_it(tmp_path: Path) -> None:
    file = tmp_path / "x.pt"
    torch.save({"weights": torch.zeros(10_000)}, file)
    assert damage(file) is None
    whole = file.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    file.write_bytes(flipped)
    assert torch.load(file, weights_only=True)["weights"].any()
    assert "checksum" in str(damage(file))
    for part in (whole[:-100], whole[: len(whole) // 2], b"", b"text"):
        file.write_bytes(part)
        assert "damaged" in str(damage(file))
    assert "No such file" in str(damage(tmp_path / "nowhere.pt"))
