"""Recordings of one configuration, of which some lines have no score."""

from pathlib import Path

import pytest

from hetsched.domain.metric import Metric
from hetsched.domain.workload import TrialKind
from hetsched.errors import InputError
from sim.learning.cross_validation import Labelled, folds_of
from sim.learning.errors import course_of, recorded_scores, scores_on
from sim.learning.noise import noise_of
from sim.learning.recorded import Replay
from sim.learning.recordings import Recording, read_recordings
from sim.learning.sgd import SGDCurve

HEAD = "recording,model,dataset,batch_size,seed,evaluation_images,iteration,lr,accuracy\n"


def recordings(folder: Path, *rows: str) -> list[Recording]:
    (folder / "r.csv").write_text(HEAD + "".join(rows))
    return read_recordings(folder / "r.csv")


def rows(name: str, rates: list[float], scores: list[float | str], seed: int = 0) -> str:
    lines = zip([rates[0], *rates], [0.1, *scores], strict=True)
    return "".join(f"{name},m,d,32,{seed},100,{25 * place},{lr},{score}\n" for place, (lr, score) in enumerate(lines))


@pytest.mark.parametrize("blank", [0, 1, 2])
@pytest.mark.parametrize("rates", [[0.1, 0.1, 0.1], [0.1, 0.2, 0.2]])
def test_a_repeat_without_one_score_is_of_the_same_configuration(
    tmp_path: Path, blank: int, rates: list[float]
) -> None:
    scores: list[float | str] = [0.3, 0.4, 0.5]
    scores[blank] = ""
    whole, part = recordings(tmp_path, rows("a", rates, [0.3, 0.4, 0.5]), rows("b", rates, scores, seed=1))
    assert whole.configuration == part.configuration
    assert len(part.evaluations) == 3


def test_repeats_are_in_one_fold_and_tell_the_noise_of_seeds(tmp_path: Path) -> None:
    found = recordings(
        tmp_path,
        rows("a", [0.1] * 3, [0.3, 0.4, 0.5]),
        rows("b", [0.1] * 3, [0.32, 0.42, ""], seed=1),
        rows("c", [0.2] * 3, [0.1, 0.1, 0.1]),
    )
    folds = folds_of([Labelled("r.csv", recording) for recording in found], 5, 0)
    assert sorted(sorted(each.recording.name for each in fold) for fold in folds) == [["a", "b"], ["c"]]
    assert noise_of(found, "accuracy").between_seeds == pytest.approx(0.02 / 2**0.5)


def test_schedules_that_change_at_other_times_are_other_configurations(tmp_path: Path) -> None:
    early, late = recordings(
        tmp_path, rows("a", [0.1, 0.2, 0.2], [0.3, 0.4, 0.5]), rows("b", [0.1, 0.1, 0.2], [0.3, 0.4, 0.5])
    )
    assert early.configuration != late.configuration


def test_iterations_before_a_missing_score_keep_their_hyperparameters(tmp_path: Path) -> None:
    rates, scores = [0.1, 0.2, 0.1], [0.3, 0.31, 0.4]
    whole, part = recordings(tmp_path, rows("a", rates, [*scores]), rows("b", rates, [0.3, "", 0.4], seed=1))
    assert whole.has_schedule and part.has_schedule
    model = SGDCurve()
    of_whole, of_part = (scores_on(model, course_of(each)) for each in (whole, part))
    assert of_part == [of_whole[0], of_whole[2]]
    assert recorded_scores(part) == [0.3, 0.4]


def test_recordings_without_any_score_are_kept_apart(tmp_path: Path) -> None:
    scored, blank = recordings(
        tmp_path, rows("a", [0.1] * 3, [0.3, 0.4, 0.5]), rows("b", [9.0] * 3, ["", "", ""]).replace("0.1\n", "\n")
    )
    assert len(scored.evaluations) == 4
    assert blank.evaluations == () and len(blank.unscored) == 3


def test_a_replay_says_that_other_recordings_stand_in_for_those_without_a_score(tmp_path: Path) -> None:
    blank = rows("b", [9.0] * 3, ["", "", ""]).replace("0.1\n", "\n")
    replay = Replay(recordings(tmp_path, rows("a", [0.1] * 3, [0.3, 0.4, 0.5]), blank), Metric("accuracy", "max"))
    said = "the nearest other recordings in place of 1 recording without a score (b)"
    assert list(replay.assumed([TrialKind("m", "d", 32)])) == [said]
    with pytest.raises(InputError, match="no recording has a score"):
        Replay(recordings(tmp_path, blank), Metric("accuracy", "max"))
