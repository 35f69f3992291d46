"""Choosing among learning models: what is held out is never seen, and constants that are known are
found again."""

from collections.abc import Sequence
from math import exp, log
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hetsched.domain.metric import Metric, Mode
from hetsched.domain.workload import TrialKind
from hetsched.errors import InputError
from hetsched.studies.fit_result import MEAN_CURVE, Errors, FitOrder, Fitted, Judged, Noise
from sim.learning.candidates import OF_BATCHES, OF_CHANGES, SGD, Fit, _law, _limits, _sgd
from sim.learning.cross_validation import Labelled, folds_of, held_out
from sim.learning.errors import errors_of, predictor, recorded_scores
from sim.learning.fit import fit, recordings_of
from sim.learning.least_squares import fitted_constants
from sim.learning.multi_power import MultiPowerLaw
from sim.learning.noise import noise_of
from sim.learning.recorded import Replay
from sim.learning.recordings import Evaluation, Recording, read_recordings
from sim.learning.sgd import SGDCurve

KIND = TrialKind("m", "d", 32)
TRUE = SGDCurve(scale=100.0, power=0.4, best=-2.5)


def recording(name: str, rates: Sequence[float], score: float = 0.5, seed: int = 0) -> Recording:
    """Evaluated every 25 iterations; after the untrained network a rate per evaluation."""
    same = {"recording": name, "model": "m", "dataset": "d", "batch_size": 32, "seed": seed, "evaluation_images": 100}
    lines = tuple(
        Evaluation.model_validate({**same, "iteration": 25 * place, "lr": rate, "momentum": 0.0, "accuracy": score})
        for place, rate in enumerate([rates[0], *rates])
    )
    return Recording(name, KIND, lines)


def simulated(name: str, rate: float) -> Recording:
    """What the true curve scores, without noise."""
    bare = recording(name, [rate] * 8)
    scores = [TRUE.chance, *predictor(TRUE)(bare)]
    lines = zip(bare.evaluations, scores, strict=True)
    return Recording(name, KIND, tuple(line.model_copy(update={"score": score}) for line, score in lines))


def test_a_fit_finds_the_constants_of_simulated_recordings() -> None:
    rates = np.exp(np.linspace(log(0.001), log(1.0), 8))
    recordings = [simulated(str(number), float(rate)) for number, rate in enumerate(rates)]
    found = fitted_constants(lambda **c: SGDCurve(**c), SGD, recordings, ["scale", "power", "best"], starts=2)
    assert found == pytest.approx({"scale": 100.0, "power": 0.4, "best": -2.5}, rel=0.05)


def memoriser(seen: Sequence[Recording]) -> Fit:
    """Knows by heart what it was fitted to, and predicts nought of all else."""
    scores = {each.configuration: [line.score for line in each.evaluations[1:]] for each in seen}
    return Fit(lambda asked: scores.get(asked.configuration, [0.0] * (len(asked.evaluations) - 1)))


def test_what_is_held_out_is_never_seen() -> None:
    """Nor are repetitions of it under other seeds."""
    some = [Labelled("f", recording(f"{n}", [0.01 * (n + 1)] * 4)) for n in range(7)]
    some += [Labelled("f", recording(f"again{n}", [0.5] * 4, seed=n)) for n in range(4)]
    folds = folds_of(some, 3, seed=0)
    assert sorted(each.recording.name for fold in folds for each in fold) == sorted(e.recording.name for e in some)
    predictions = held_out(memoriser, folds)
    assert len(predictions) == len(some)
    assert errors_of([each.pair for each in predictions]).mean_absolute_error == pytest.approx(0.5)
    leaking = [some, some]
    assert errors_of([each.pair for each in held_out(memoriser, leaking)]).mean_absolute_error == 0


def test_noise_by_images_and_by_seed_are_apart() -> None:
    alike = [recording("a", [0.1] * 4, 0.4, seed=0), recording("b", [0.1] * 4, 0.6, seed=1)]
    found = noise_of(alike, "accuracy")
    assert found.by_images == pytest.approx((0.24 / 100) ** 0.5)
    assert found.between_seeds == pytest.approx(0.02**0.5)
    assert found.by_seed == pytest.approx((0.02 - 0.0024) ** 0.5)
    assert noise_of(alike[:1], "accuracy").between_seeds is None


@pytest.mark.parametrize(("sign", "mode"), [(1.0, "min"), (-1.0, "max")])
def test_the_limit_of_a_loss_of_0_is_0(sign: float, mode: Mode) -> None:
    low, start, high = _limits(Metric("loss", mode), [sign * 4.0, 0.0])
    assert low < start < high and max(abs(low), abs(high)) < 1e-8


@pytest.mark.parametrize(("sign", "mode"), [(1.0, "min"), (-1.0, "max")])
def test_the_limit_of_scores_of_one_sign_has_this_sign(sign: float, mode: Mode) -> None:
    """The limit of a loss was -0.08, and the best simulated loss was below 0."""

    def falling(name: str, rate: float) -> Recording:
        lines = enumerate(recording(name, [rate] * 5).evaluations)
        return Recording(
            name,
            KIND,
            tuple(line.model_copy(update={"score": sign * 3 * (0.5 - rate) ** place}) for place, line in lines),
        )

    recordings = [falling(str(rate), rate) for rate in (0.1, 0.2, 0.3)]
    fitted = _law(Metric("loss", mode), recordings).learning
    assert fitted is not None and sign * fitted["options"]["limit"] >= 0


@pytest.mark.parametrize(("several", "changes"), [(False, False), (True, False), (False, True), (True, True)])
def test_constants_that_no_recording_decides_are_not_fitted(several: bool, changes: bool) -> None:
    """They kept a random start, were counted as fitted, and decided what PBT gains."""

    def one(number: int, rate: float) -> Recording:
        kind = TrialKind("m", "d", 32 * (1 + number % 2 * several))
        rates = [rate, rate, rate / (1 + changes), rate / (1 + changes)]
        return recording(str(number), rates, 0.1 + 0.2 * number)._replace(kind=kind)

    recordings = [one(number, rate) for number, rate in enumerate((0.1, 0.2, 0.3))]
    law, curve = _law(Metric("loss", "max"), recordings), _sgd(SGD, (), recordings)
    assert law.learning is not None and curve.learning is not None
    options = law.learning["options"].keys()
    assert ({*OF_BATCHES} <= options, {*OF_CHANGES} <= options) == (several, changes)
    assert law.constants == 9 - 2 * (not several) - 3 * (not changes)
    assert len(law.undecided) == (not several) + (not changes)
    assert ({*OF_BATCHES} <= curve.learning["options"].keys()) is several
    assert len(curve.undecided) == (not several)


def test_a_law_with_a_jump_is_that_of_the_paper() -> None:
    """Summed up over every iteration, as equation (2) of arXiv 2503.12811 is written."""
    law = MultiPowerLaw(scale=2.0, power=0.4, drop=0.3, drop_scale=1.5, drop_power=0.6, drop_rate=0.5)
    weights = law.train(law.fresh(KIND), KIND, {"lr": 0.2}, 50)
    weights = law.train(law.train(weights, KIND, {"lr": 0.02}, 10), KIND, {"lr": 0.02}, 20)
    rates = [0.2] * 50 + [0.02] * 30
    let_out = sum(
        (rates[k - 1] - rates[k]) * (1 - (1.5 * rates[k] ** -0.5 * sum(rates[k:]) + 1) ** -0.6)
        for k in range(1, len(rates))
    )
    share = (sum(rates) / 2.0 + 1) ** -0.4 + 0.3 * (0.2 - let_out)
    assert law.expected(weights) == pytest.approx(0.9 - 0.8 * share)


@pytest.mark.parametrize(
    ("metric", "start", "limit"), [("accuracy", 0.1, 0.9), ("accuracy", 0.0, 1.0), ("loss", 2.3, 0.01)]
)
def test_however_often_the_rate_falls_a_score_is_between_untrained_and_the_limit(
    metric: str, start: float, limit: float
) -> None:
    """Every fall of the rate lets out its part: after seven the law itself is beyond its limit."""
    law = MultiPowerLaw(metric=metric, start=start, limit=limit, drop=3.0)
    weights, scores = law.fresh(KIND), []
    for _ in range(8):
        weights = law.train(law.train(weights, KIND, {"lr": 0.2}, 20), KIND, {"lr": 0.001}, 2000)
        scores.append(law.expected(weights))
    assert all(min(start, limit) <= score <= max(start, limit) for score in scores)
    assert scores[-1] == limit


def test_the_law_of_an_accuracy_begins_and_ends_between_0_and_1() -> None:
    with pytest.raises(ValueError, match="start is -0.1: expected an accuracy, from 0 to 1"):
        MultiPowerLaw(start=-0.1)
    with pytest.raises(ValueError, match="limit is 1.5: expected an accuracy, from 0 to 1"):
        MultiPowerLaw(limit=1.5)
    assert MultiPowerLaw(metric="loss", start=-2.5, limit=1.5).limit == 1.5


def test_a_low_rate_leads_to_a_lower_ceiling_and_by_default_does_not() -> None:
    def share(rate: float, model: SGDCurve) -> float:
        return model.accuracy(model.train(model.fresh(KIND), KIND, {"lr": rate}, 100)) - model.chance

    lossy = SGDCurve(most_lost=0.5, lost_at=-3.0, lost_over=1.0)
    assert share(exp(-3), lossy) == pytest.approx(0.75 * share(exp(-3), SGDCurve()))
    split_up = lossy.train(lossy.train(lossy.fresh(KIND), KIND, {"lr": 0.1}, 30), KIND, {"lr": 0.1}, 70)
    whole = lossy.train(lossy.fresh(KIND), KIND, {"lr": 0.1}, 100)
    assert lossy.accuracy(split_up) == pytest.approx(lossy.accuracy(whole))


@pytest.mark.parametrize(
    ("asked", "message"),
    [({"momentum": 0.5}, "was recorded over 'lr', which"), ({"lr": "high"}, "was recorded over numbers, found")],
)
def test_what_a_replay_cannot_compare_is_refused(asked: dict[str, Any], message: str) -> None:
    replay = Replay([recording("a", [0.1] * 4)], Metric("accuracy"), source="r.csv")
    with pytest.raises(InputError, match=message):
        replay.train(replay.fresh(KIND), KIND, asked, 10)


def test_the_shipped_recordings_can_be_asked_for() -> None:
    kept, left_out = recordings_of(FitOrder(network="resnet50"))
    assert (len(kept), left_out) == (3, ())


OF_SGD = "recording,model,dataset,batch_size,seed,iteration,lr,momentum,weight_decay,accuracy\n"
OWN = "recording,model,dataset,batch_size,seed,iteration,momentum,hyperparameters.layers,accuracy\n"


@pytest.mark.parametrize(("head", "rest", "key"), [(OF_SGD, "0.1,0.9,{}", "weight_decay"), (OWN, "{},2", "momentum")])
def test_every_column_of_sgd_is_a_hyperparameter(head: str, rest: str, key: str, tmp_path: Path) -> None:
    """Weight decay was dropped, and a momentum without a rate: noise by seed was what they did."""
    (tmp_path / "r.csv").write_text(
        head + "".join(f"{v},m,d,32,0,{i},{rest.format(v)},{0.1 + i * v}\n" for v in (0, 0.1, 0.2) for i in (0, 1, 2))
    )
    found = read_recordings(tmp_path / "r.csv")
    assert len({each.configuration for each in found}) == 3
    assert noise_of(found, "accuracy").between_seeds is None
    replay = Replay(found, Metric("accuracy"))
    assert key in replay.known_hyperparameters and "layers" not in replay.known_hyperparameters
    asked = {"lr": 0.1, "layers": 2}
    follows = [replay.train(replay.fresh(KIND), KIND, {**asked, key: value}, 2).score for value in (0, 0.09, 0.3)]
    assert follows == pytest.approx([0.1, 0.3, 0.5])
    assert replay.train(replay.fresh(KIND), KIND, asked, 2).score == pytest.approx(0.1)
    [same] = {*Replay(found[:1], Metric("accuracy")).known_hyperparameters} - {"lr", "momentum"}
    assert same == "batch_size"


def test_what_differs_by_rounding_is_no_better(tmp_path: Path) -> None:
    """The mean of equal curves is another number by rounding: `tabular` was called better than it."""
    (tmp_path / "r.csv").write_text(
        OWN + "".join(f"{n},m,d,32,{n},{i},0,{n},{0.1 + 0.1 * i}\n" for n in range(12) for i in range(5))
    )
    found = fit(FitOrder(files=(tmp_path / "r.csv",)), lambda name: None)
    assert [(each.name, each.held_out.mean_absolute_error) for each in found.judged] == [
        ("tabular", 0.0),
        ("mean curve", 0.0),
    ]
    assert found.best is None
    curves = [simulated(str(n), 0.1) for n in range(3)]
    nearly = [(np.nextafter(predictor(TRUE)(each), n).tolist(), recorded_scores(each)) for n, each in enumerate(curves)]
    assert errors_of(nearly).spearman is None

    def judged(*errors: float) -> Fitted:
        names = ["tabular", MEAN_CURVE]
        both = [Judged(n, 0, Errors(3, e, None), {}, {"model": n}) for n, e in zip(names, errors, strict=True)]
        return Fitted("m", "loss", {}, 2, tuple(both), {}, Noise(None, None, 0))

    assert judged(0.3, 0.1 + 0.2).best is None and judged(0.3, 0.4).best is not None
