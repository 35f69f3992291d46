"""How noisy the scores of a simulation are: by default, and where few images are evaluated. Studies
say what nobody has set."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import hetsched
from hetsched.domain import learning
from hetsched.domain.workload import TrialKind
from hetsched.errors import HetschedError, InputError
from hetsched.scenario.profile_files import write_profile
from hetsched.studies.assumed_scores import scores
from sim.learning import recordings
from sim.learning.multi_power import MultiPowerLaw
from sim.learning.recorded import Tabular
from tests.conftest import ROWS
from tests.sim.test_learning import LOSSES
from tests.test_front_door import TABLES

KIND = TrialKind("resnet18", "cifar10", 32)
UNSET = "as learning.options.noise is not set"


@pytest.fixture
def losses(tmp_path: Path) -> str:
    file = tmp_path / "losses.csv"
    file.write_text(LOSSES)
    return str(file)


def test_another_metric_than_accuracy_has_no_noise_by_default(losses: str) -> None:
    """0.02, the noise of an accuracy, is 70 times the error of a curve of small losses. PBT then
    copied at random, and losses were below 0."""
    tabular = Tabular(losses, metric="loss", mode="min")
    law = MultiPowerLaw(metric="mse", start=0.01, limit=0.0002)
    for model in (tabular, law):
        assert model.score_noise() == 0
        assert f"no noise, {UNSET}" in list(model.assumed([KIND]))
    assert law.score(law.fresh(KIND), -3.0) == 0.01
    for model in (Tabular(), MultiPowerLaw()):
        assert model.score_noise() == 0.02
        assert f"a noise of 0.02, {UNSET}" in list(model.assumed([KIND]))


def test_a_noise_that_is_set_is_no_assumption(losses: str) -> None:
    for model in (Tabular(losses, noise=0.3, metric="loss", mode="min"), MultiPowerLaw(noise=0.3)):
        assert model.score_noise() == 0.3
        assert not any("noise" in line for line in model.assumed([KIND]))
    for wrong in (lambda: Tabular(noise=-1.0), lambda: MultiPowerLaw(noise=-1.0)):
        with pytest.raises(ValueError, match=r"noise is -1\.0: expected at least 0"):
            wrong()


def test_a_noise_that_exceeds_the_least_loss_is_said(losses: str) -> None:
    """Mean squared errors were below 0, and the first evaluation reached the target."""
    for model in (
        Tabular(losses, noise=9.0, metric="loss", mode="min"),
        MultiPowerLaw(metric="mse", start=30.0, limit=0.01, noise=9.0),
    ):
        [line] = [line for line in model.assumed([KIND]) if "noise" in line]
        assert line.startswith("learning.options.noise = 9, which is more than the least ")
    for other in (
        Tabular(losses, noise=9.0, metric="loss", mode="max"),
        MultiPowerLaw(metric="reward", start=-30.0, limit=0.01, noise=9.0),
    ):
        assert not any("noise" in line for line in other.assumed([KIND]))


def of(tmp_path: Path, learning: dict[str, Any], **experiment: Any) -> hetsched.Scenario:
    write_profile(tmp_path / "p.csv", ROWS)
    tables = TABLES | {"profile": {"sources": [str(tmp_path / "p.csv")]}, "learning": learning}
    [table] = TABLES["workload"]["experiments"]
    tables["workload"] = {"experiments": [table | experiment]}
    return hetsched.Scenario(**tables)


def said(tmp_path: Path, learning: dict[str, Any], **experiment: Any) -> Iterator[str]:
    return (line for line in scores(of(tmp_path, learning, **experiment).resolve()) if "evaluation images" in line)


@pytest.mark.parametrize(
    ("noise", "images", "line"),
    [
        (None, 297, "accuracy: a noise of 0.029 for e, though 297 evaluation images alone give up to 0.029"),
        (None, 298, None),
        (0.05, 99, "accuracy: a noise of 0.05 for e, though 99 evaluation images alone give up to 0.05"),
        (0.05, 101, None),
        (0.0, 1, None),
        (None, 0, None),
    ],
)
def test_so_few_images_that_an_accuracy_is_noisier_are_named(
    noise: float | None, images: int, line: str | None, tmp_path: Path
) -> None:
    """An accuracy of 10 images was as exact as one of 10,000: by the binomial law of 1/2 the noise is
    sqrt(1/4 / images)."""
    learning = {"model": "sgd", "options": {} if noise is None else {"noise": noise}}
    found = list(said(tmp_path, learning, evaluation_images=images))
    assert found == ([f"{line}; set learning.options.noise"] if line else [])


def test_recordings_are_read_once_until_they_change(losses: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every run of a study makes its own learning model. Each read 33,600 lines for 3 s."""
    read, reads = recordings.read_recordings, []

    def counted(path: Path, *rest: Any) -> Any:
        reads.append(path)
        return read(path, *rest)

    monkeypatch.setattr(recordings, "read_recordings", counted)
    for _ in range(3):
        Tabular(losses, metric="loss", mode="min")
    assert len(reads) == 1
    Path(losses).write_text(LOSSES.replace("low,", "lower,"))
    assert Tabular(losses, metric="loss", mode="min").fresh(TrialKind("m", "d", 32)).score == 4.0
    assert len(reads) == 2


@pytest.mark.parametrize(
    "study", [hetsched.compare, partial(hetsched.simulate, strategy="uniform+fifo"), hetsched.plan, hetsched.validate]
)
def test_a_search_space_that_the_recordings_do_not_fit_is_refused_before_anything_begins(
    study: Any, tmp_path: Path
) -> None:
    """A comparison had begun, and a plan had measured, when the first trial failed."""
    space = {"learning_rate": {"low": 0.01, "high": 0.1}}
    scenario = of(tmp_path, {"model": "tabular"}, search_space=space)
    with pytest.raises(InputError, match="was recorded over 'lr', which workload.experiments.search_space lacks"):
        study(scenario, folder=tmp_path / "out")
    losses = tmp_path / "losses.csv"
    losses.write_text(LOSSES)
    options = {"file": str(losses), "metric": "loss", "mode": "min"}
    of_loss = of(tmp_path, {"model": "tabular", "options": options}, metric={"name": "loss", "mode": "min"})
    with pytest.raises(InputError, match="have no recording of resnet18 on cifar10"):
        study(of_loss, folder=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"mode": "cosine", "spread": None}, None),  # its own names
        ({"score_noise": lambda self: 1 / 0}, "score_noise raised ZeroDivisionError"),
        (
            {"check_hyperparameters": lambda self, *asked: dict[str, int]()["warmup"]},
            "check_hyperparameters raised KeyError",
        ),
        ({"score_noise": lambda self: "much"}, "score_noise raised ValueError"),
        ({"unlike_recorded": lambda self, *asked: "one text"}, "unlike_recorded: expected a list of texts, found 'one"),
    ],
)
def test_members_of_ones_own_model_are_its_own_or_are_checked(
    members: dict[str, Any], said: str | None, tmp_path: Path
) -> None:
    """They ended a study with a traceback, or were printed letter by letter."""
    learning.register("mine")(type("Mine", (Own,), members))
    scenario = of(tmp_path, {"model": "mine"})
    if said is None:
        assert hetsched.simulate(scenario, "uniform+fifo").runs
        return
    with pytest.raises(HetschedError, match=said):
        hetsched.simulate(scenario, "uniform+fifo")


class Own:
    def fresh(self, kind: TrialKind) -> float:
        return 0.1

    def train(self, weights: float, kind: TrialKind, hyperparameters: Any, iterations: int) -> float:
        return weights

    def score(self, weights: float, normal: float) -> float:
        return weights
