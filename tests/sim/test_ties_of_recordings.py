"""Rounding does not choose the recording that a trial follows, nor the point where it enters it."""

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from hetsched.domain.metric import Metric
from hetsched.domain.workload import TrialKind
from sim.learning.nearness import Nearness
from sim.learning.recorded import Replay
from sim.learning.recordings import Recording, read_recordings

KIND = TrialKind("m", "d", 32)
HEAD = "recording,model,dataset,batch_size,seed,iteration"


def of_values(folder: Path, columns: list[str], *rows: list[float]) -> list[Recording]:
    """Recordings with these hyperparameters, each of two equal scores."""
    lines = [
        ",".join(map(str, [number, "m,d,32", number, at, *row, 0.5]))
        for number, row in enumerate(rows)
        for at in (0, 10)
    ]
    (folder / "r.csv").write_text("\n".join([f"{HEAD},{','.join(columns)},accuracy", *lines]))
    return read_recordings(folder / "r.csv")


def nearest(recordings: list[Recording], **asked: Any) -> int:
    return Nearness(recordings).nearest(range(len(recordings)), KIND, asked)


@pytest.mark.parametrize("asked", [0.2, 0.25, 0.3, 0.7])
def test_of_equally_near_recordings_the_first_is_followed(asked: float, tmp_path: Path) -> None:
    """Each is apart by the same three numbers, in another order. The corners span the range."""
    names = ["a", "b", "c"]
    columns = [f"hyperparameters.{name}" for name in names]
    apart = [*permutations([0.1, 0.2, 0.15])]
    corners = [[-9.0] * 3, [11.0] * 3]
    for turned in range(len(apart)):
        order = [*apart[turned:], *apart[:turned]]
        rows = [[asked + part for part in parts] for parts in order]
        assert nearest(of_values(tmp_path, columns, *rows, *corners), **dict.fromkeys(names, asked)) == 0


def test_a_value_between_two_recorded_ones_follows_the_first(tmp_path: Path) -> None:
    for low, middle, high in [(0.1, 0.2, 0.3), (0.01, 0.1, 1.0), (0.3, 0.6, 0.9), (0.001, 0.03, 0.9)]:
        for ends in ([low, high], [high, low]):
            recordings = of_values(tmp_path, ["hyperparameters.width"], *([end] for end in ends))
            assert nearest(recordings, width=middle) == 0


def test_recorded_values_that_differ_by_rounding_are_one_value(tmp_path: Path) -> None:
    """A rate of 1 by two pairs of rate and momentum made the range of rates 2e-16: all other
    hyperparameters counted for nothing. Two decays of 0.3 had the whole range between them."""
    of_rate = of_values(tmp_path, ["lr", "momentum", "hyperparameters.width"], [0.1, 0.9, 1.0], [1.0, 0.0, 2.0])
    assert nearest(of_rate, lr=1.0, momentum=0.0, width=1.4) == 0
    of_decay = of_values(tmp_path, ["lr", "weight_decay"], [0.1, 0.1 + 0.2], [0.2, 0.3])
    assert "weight_decay" not in Nearness(of_decay).known
    assert nearest(of_decay, lr=0.11, weight_decay=0.3) == 0


def test_a_recording_of_the_very_values_is_followed_however_wide_the_range(tmp_path: Path) -> None:
    wide = of_values(tmp_path, ["lr", "hyperparameters.width"], [0.1, 0], [0.1, 1], [0.1, 2_000_000_000])
    assert [nearest(wide, lr=0.1, width=width) for width in (0, 1, 2_000_000_000)] == [0, 1, 2]
    decays = of_values(tmp_path, ["lr", "weight_decay"], [0.1, 0.0], [0.1, 1e-10], [0.1, 1.0])
    assert [nearest(decays, lr=0.1, weight_decay=decay) for decay in (0.0, 1e-10, 1.0)] == [0, 1, 2]


def test_a_recording_of_the_very_values_is_followed_however_small_they_are(tmp_path: Path) -> None:
    tiny = of_values(tmp_path, ["lr", "hyperparameters.eps"], [0.1, 1e-20], [0.1, 1e-12], [0.1, 1e-6])
    assert [nearest(tiny, lr=0.1, eps=eps) for eps in (1e-20, 1e-12, 1e-6)] == [0, 1, 2]
    assert [nearest(tiny, lr=0.1, eps=eps) for eps in (0.0, 1.1e-20, 1e-15, 1e-7)] == [0, 0, 1, 2]


def test_values_are_the_same_as_in_python_and_up_to_rounding(tmp_path: Path) -> None:
    """A column of 0 and 1 is one of false and true. Lists are the same if their values are."""
    of_truth = of_values(tmp_path, ["lr", "hyperparameters.nesterov"], [0.1, 0], [0.1, 1])
    assert [nearest(of_truth, lr=0.1, nesterov=truth) for truth in (False, True)] == [0, 1]
    rows = [[0.1, '"[0.5, 0.95]"'], [0.1, '"[0.3, 0.95]"']]
    of_lists = of_values(tmp_path, ["lr", "hyperparameters.betas"], *rows)  # type: ignore[arg-type]
    assert nearest(of_lists, lr=0.1, betas=[0.1 * 3, 0.95]) == 1


@pytest.mark.parametrize(("rate", "momentum"), [(0.01, 0.9), (0.04, 0.9), (0.05, 0.5), (0.001, 0.99)])
def test_of_equal_effective_rates_the_one_of_the_very_values_is_followed(
    rate: float, momentum: float, tmp_path: Path
) -> None:
    plain = float(f"{rate / (1 - momentum):.6g}")
    for rows in ([[rate, momentum], [plain, 0.0]], [[plain, 0.0], [rate, momentum]]):
        recordings = of_values(tmp_path, ["lr", "momentum"], *rows)
        assert [nearest(recordings, lr=lr, momentum=of) for lr, of in rows] == [0, 1]
        assert nearest(recordings, lr=plain / 4, momentum=0.75) == 0


@pytest.mark.parametrize("apart", [1e-8, 1e-5, 1e-3])
def test_rates_that_hardly_differ_leave_the_others_their_weight(apart: float, tmp_path: Path) -> None:
    rows = [[0.1, 1.0], [0.1 * (1 + apart), 2.0], [0.1, 3.0]]
    recordings = of_values(tmp_path, ["lr", "hyperparameters.width"], *rows)
    assert [nearest(recordings, lr=0.1, width=width) for width in (1.1, 2.9)] == [0, 2]


def replay_of(folder: Path, *curves: list[float]) -> Replay:
    lines = [
        f"{n},m,d,32,{n},{10 * place},{n + 1},{score}"
        for n, scores in enumerate(curves)
        for place, score in enumerate(scores)
    ]
    (folder / "r.csv").write_text("\n".join([f"{HEAD},lr,accuracy", *lines]))
    return Replay(read_recordings(folder / "r.csv"), Metric("accuracy"))


def test_a_trial_has_the_recorded_scores_however_its_training_is_cut(tmp_path: Path) -> None:
    """0.06 + (0.57 - 0.06) is less than 0.57: a target of 0.57 was missed."""
    scores = [0.06, 0.57, 0.05, 0.22, 0.06, 0.86, 0.06, 0.63]
    replay = replay_of(tmp_path, [*scores, 0.9])
    for cut in (1, 2, 5, 10):
        weights = replay.fresh(KIND)
        for score in scores[1:]:
            for _ in range(10 // cut):
                weights = replay.train(weights, KIND, {"lr": 1.0}, cut)
            assert weights.score == score


def test_a_trial_enters_a_recording_where_the_score_is_the_same_apart_from_rounding(tmp_path: Path) -> None:
    """Half way from 0.1 to 0.3 is above 0.2 by rounding: the trial went on from the end."""
    replay = replay_of(tmp_path, [0.1, 0.1 + 0.2, 0.9], [0.1, 0.3, 0.25, 0.2])
    weights = replay.train(replay.fresh(KIND), KIND, {"lr": 1.0}, 10)
    assert replay.train(weights, KIND, {"lr": 2.0}, 0).iteration == 10.0
