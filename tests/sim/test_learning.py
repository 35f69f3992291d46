"""Learning-curve models: the fitted one, the replayed one, and one of a user's own."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetsched.cli.main import main
from hetsched.domain.workload import TrialKind
from hetsched.errors import InputError
from sim.learning.candidates import SGD
from sim.learning.errors import Predict, errors, predictor
from sim.learning.least_squares import fitted_constants
from sim.learning.recorded import Tabular
from sim.learning.recordings import SHIPPED, Recording, mean_curve, read_recordings, split
from sim.learning.sgd import FITTED_TO, RECORDED, SGDCurve

KIND = TrialKind("resnet18", "cifar10", 32)
CURVE = SGDCurve()
REPLAY = Tabular()
DEMO = Path(__file__).parents[2] / "examples" / "demo.toml"
RECORDINGS = read_recordings(SHIPPED / "resnet18-cifar10-cpu.csv")
MODELS: list[Any] = [CURVE, REPLAY]


def trained(lr: float, momentum: float = 0.0, iterations: int = 300, batch_size: int = 32) -> float:
    kind = KIND._replace(batch_size=batch_size)
    hyperparameters = {"lr": lr, "momentum": momentum}
    return CURVE.accuracy(CURVE.train(CURVE.fresh(kind), kind, hyperparameters, iterations))


@pytest.mark.parametrize(
    ("file", "number", "batch_sizes", "iterations"),
    [
        ("resnet18-cifar10-cpu", 52, {16, 32, 64}, 300),
        ("resnet18-cifar10-h200", 33, {512}, 1000),
        ("resnet18-cifar-cifar10-h200", 8, {128}, 1000),
        ("resnet50-cifar10-h200", 3, {512}, 1000),
    ],
)
def test_the_shipped_recordings_are_what_the_docs_say(
    file: str, number: int, batch_sizes: set[int], iterations: int
) -> None:
    recordings = read_recordings(SHIPPED / f"{file}.csv")
    assert len(recordings) == number
    assert {recording.kind.batch_size for recording in recordings} == batch_sizes
    assert {recording.kind.model for recording in recordings} == {file.partition("-cifar10")[0]}
    assert all(recording.evaluations[-1].iteration == iterations for recording in recordings)
    assert sum(recording.has_schedule for recording in recordings) >= number / 5


def curve_of(to_fit: list[Recording]) -> Predict:
    """The mean curve of recordings that are all evaluated at the same iterations."""
    curve = mean_curve(to_fit)
    return lambda recording: [curve[line.iteration] for line in recording.evaluations[1:]]


PARTS = [split(read_recordings(SHIPPED / f"{name}.csv")) for name in ("resnet18-cifar10-cpu", "resnet18-cifar10-h200")]
"""Of each file, what the shipped constants are fitted to, and what they are judged by."""


def test_the_shipped_curve_predicts_what_it_was_not_fitted_to() -> None:
    """The CPU's recordings and the GPU's: within the thresholds, and much better than the mean
    curve."""
    for to_fit, held_out in PARTS:
        shipped = errors(predictor(CURVE), held_out)
        assert shipped.mean_absolute_error <= 0.05
        assert shipped.spearman is not None and shipped.spearman >= 0.8  # of this lot; some others miss it
        trivial = errors(curve_of(to_fit), held_out)
        assert shipped.mean_absolute_error < trivial.mean_absolute_error / 1.5


@pytest.mark.exhaustive
def test_a_fit_to_three_quarters_predicts_the_rest() -> None:
    """The constants that are shipped are this fit."""
    constants = fitted_constants(SGDCurve, SGD, [each for to_fit, _ in PARTS for each in to_fit], starts=8)
    for to_fit, held_out in PARTS:
        assert len(held_out) == pytest.approx((len(to_fit) + len(held_out)) / 4, abs=1)
        fitted = errors(predictor(SGDCurve(**constants)), held_out)
        assert fitted.mean_absolute_error <= 0.05
        shipped = errors(predictor(CURVE), held_out)
        same = pytest.approx(fitted.mean_absolute_error, abs=0.002)
        assert shipped.mean_absolute_error == same  # the defaults are this fit


def test_a_network_with_few_recordings_is_fitted_in_a_few_constants() -> None:
    """And the demo has what comes out of it."""
    to_fit, _ = split(read_recordings(SHIPPED / "resnet18-cifar-cifar10-h200.csv"))
    found = fitted_constants(SGDCurve, SGD, to_fit, ["scale", "power"])
    assert found == pytest.approx(tomllib.loads(DEMO.read_text())["learning"]["options"], rel=0.02)


def test_accuracy_depends_on_rate_momentum_and_batch_size() -> None:
    best = trained(0.04)
    assert best > trained(0.004) > trained(0.0004) > 0.1
    assert best > trained(0.4) > trained(4.0)
    assert trained(0.004, momentum=0.9) == pytest.approx(best)  # the same effective rate
    assert trained(0.1, batch_size=64) > trained(0.1, batch_size=16)  # larger batches bear larger rates, and gain more


def test_lowering_the_rate_late_helps() -> None:
    high, low = {"lr": 0.3, "momentum": 0.0}, {"lr": 0.03, "momentum": 0.0}
    early = CURVE.train(CURVE.fresh(KIND), KIND, high, 250)
    assert CURVE.accuracy(CURVE.train(early, KIND, low, 50)) > CURVE.accuracy(CURVE.train(early, KIND, high, 50)) + 0.03


def test_a_diverging_trial_is_at_chance_until_it_gets_other_weights() -> None:
    broken = CURVE.train(CURVE.fresh(KIND), KIND, {"lr": 1.0, "momentum": 0.97}, 10)
    assert CURVE.accuracy(broken) == 0.1
    assert CURVE.accuracy(CURVE.train(broken, KIND, {"lr": 0.05, "momentum": 0.0}, 1000)) == 0.1
    assert trained(0.1, momentum=1.1) == trained(0.1, momentum=1.0) == 0.1


@given(lr=st.floats(1e-6, 10), momentum=st.floats(0, 1.2), parts=st.lists(st.integers(1, 200), min_size=1, max_size=6))
def test_training_is_the_same_in_one_segment_or_several(lr: float, momentum: float, parts: list[int]) -> None:
    hyperparameters = {"lr": lr, "momentum": momentum}
    for model in MODELS:
        weights = model.fresh(KIND)
        for iterations in parts:
            weights = model.train(weights, KIND, hyperparameters, iterations)
        whole = model.train(model.fresh(KIND), KIND, hyperparameters, sum(parts))
        assert model.score(weights, 0.0) == pytest.approx(model.score(whole, 0.0))


@given(normal=st.floats(-100, 100), iterations=st.integers(0, 10**6))
def test_scores_stay_between_0_and_1(normal: float, iterations: int) -> None:
    for model in MODELS:
        weights = model.train(model.fresh(KIND), KIND, {"lr": 0.05, "momentum": 0.5}, iterations)
        assert 0 <= model.score(weights, normal) <= 1


def test_a_replayed_recording_scores_what_was_recorded() -> None:
    steady = [recording for recording in RECORDINGS if not recording.has_schedule]
    model, exact = Tabular(noise=0.0), 0
    for recording in steady:
        line = recording.evaluations[-1]
        weights = model.train(model.fresh(recording.kind), recording.kind, line.hyperparameters, 300)
        exact += model.score(weights, 0.0) == pytest.approx(line.score, abs=0.03)
    assert exact >= len(steady) - 4  # the repeats of one configuration all follow the first of them


def test_a_replayed_trial_goes_on_from_where_it_is_when_its_hyperparameters_change() -> None:
    model = Tabular(noise=0.0)
    weights = model.train(model.fresh(KIND), KIND, {"lr": 0.0003, "momentum": 0.0}, 300)
    before = model.score(weights, 0.0)
    better = model.train(weights, KIND, {"lr": 0.02, "momentum": 0.5}, 25)
    assert before < model.score(better, 0.0) < before + 0.2


def test_a_recording_that_begins_late_is_replayed_from_chance_not_from_its_first_line(tmp_path: Path) -> None:
    columns = "recording,model,dataset,batch_size,seed,iteration,lr,momentum,accuracy"
    lines = [f"1,{KIND.model},{KIND.dataset},32,0,{after},0.1,0.9,{accuracy}" for after, accuracy in LATE.items()]
    (tmp_path / "late.csv").write_text("\n".join([columns, *lines, ""]))
    model = Tabular(str(tmp_path / "late.csv"), noise=0.0, chance=0.1)
    weights = model.fresh(KIND)
    assert weights.score == 0.1
    for after, expected in ((39, 0.135), (390, 0.45), (780, 0.60), (5000, 0.60)):
        one = model.train(weights, KIND, {"lr": 0.1, "momentum": 0.9}, after)
        assert one.score == pytest.approx(expected)


LATE = {390: 0.45, 780: 0.60}
"""Iterations and accuracies of a recording that begins after an epoch."""


LOSSES = """recording,model,dataset,batch_size,seed,iteration,lr,momentum,loss,perplexity
low,m,d,32,0,0,0.01,0.0,4.0,55
low,m,d,32,0,100,0.01,0.0,3.0,20
high,m,d,32,0,0,1.0,0.0,4.0,55
high,m,d,32,0,100,1.0,0.0,1.0,3
"""


def test_recordings_may_be_of_any_metric_and_go_either_way(tmp_path: Path) -> None:
    file = tmp_path / "losses.csv"
    file.write_text(LOSSES)
    kind = TrialKind("m", "d", 32)
    model = Tabular(str(file), noise=0.0, metric="loss", mode="min")
    weights = model.train(model.fresh(kind), kind, {"lr": 0.01}, 60)
    assert model.score(weights, 0.0) == pytest.approx(3.4)
    # The other recording had a loss of 3.4 after 20 iterations, and falls by 0.03 per iteration.
    better = model.train(weights, kind, {"lr": 1.0}, 30)
    assert model.score(better, 0.0) == pytest.approx(3.4 - 0.9)
    # Back on the first, which was never as good, it stays where it is.
    assert model.score(model.train(better, kind, {"lr": 0.01}, 30), 0.0) == pytest.approx(2.5)
    assert model.beyond(kind, 200) == "a trial keeps its loss beyond the end of its recording, after 100 iterations"
    noisy = Tabular(str(file), noise=100.0, metric="loss", mode="min")
    assert [noisy.score(noisy.fresh(kind), luck) for luck in (-1.0, 1.0)] == [1.0, 4.0]
    perplexity = Tabular(str(file), metric="perplexity", mode="min")
    assert (perplexity.metric, perplexity.fresh(kind).score) == ("perplexity", 55.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": "loss"}, "the shipped recordings are of accuracies: name a file with 'loss' in options.file"),
        ({"mode": "least"}, "mode is 'least': expected 'max' or 'min'"),
        ({"chance": 2.0}, "chance is 2.0: expected an accuracy"),
    ],
)
def test_recordings_of_what_is_not_there_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Tabular(**options)


def test_a_file_without_the_metric_is_refused(tmp_path: Path) -> None:
    (tmp_path / "losses.csv").write_text(LOSSES)
    with pytest.raises(InputError, match="losses.csv: has no column 'f1', and has 'loss', 'perplexity'"):
        Tabular(str(tmp_path / "losses.csv"), metric="f1")
    (tmp_path / "losses.csv").write_text("\n" + LOSSES)
    with pytest.raises(InputError, match="losses.csv: has no column 'f1', and has 'loss', 'perplexity'"):
        Tabular(str(tmp_path / "losses.csv"), metric="f1")


def test_what_was_not_recorded_cannot_be_replayed() -> None:
    with pytest.raises(
        InputError, match="no recording of resnet50 on cifar100.*resnet18 on cifar10.*resnet50 on cifar10"
    ):
        Tabular().fresh(TrialKind("resnet50", "cifar100", 32))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("recording,model\n1,resnet18\n", "not a recording file: columns 'dataset', .* are missing"),
        (
            "recording,model,dataset,batch_size,seed,iteration,lr,momentum,accuracy\n1,m,d,8,0,25,0.1,0,0.2\n"
            "1,m,d,8,0,0,0.1,0,0.1\n",
            "recording '1': its lines must be in the order of iterations",
        ),
        (
            "recording,model,dataset,batch_size,seed,iteration,lr,momentum,accuracy\n1,m,d,8,0,390,0.1,0,0.45\n",
            "recording '1' begins at iteration 390, .*: add a line of iteration 0 .* learning.options.chance = 0.1",
        ),
    ],
)
def test_a_bad_recording_file_is_one_line_that_says_why(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "r.csv"
    file.write_text(text)
    with pytest.raises(InputError, match=message):
        read_recordings(file)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("scale = 0.0", "'sgd': scale is 0.0: expected more than 0"),
        ("batch_gain = -10.5", "'sgd': batch_gain is -10.5: expected -10 to 10"),
        ("width_above = 1e-300", "'sgd': width_above is 1e-300: expected at least 1e-06"),
        ("settling = 0", "'sgd': settling is 0: expected more than 0"),
        ("noise = -0.1", "'sgd': noise is -0.1: expected at least 0"),
        ("best_accuracy = 93.0", "'sgd': chance is 0.1 and best_accuracy 93.0: expected 0 to 1, in this order"),
        ("most_held = 1.5", "'sgd': most_held is 1.5: expected 0 to 1"),
        ('chance = 10.0\n[learning]\nmodel = "tabular"', "chance is 10.0: expected an accuracy, from 0 to 1"),
        ('file = "none.csv"\n[learning]\nmodel = "tabular"', "none.csv: no such file"),
    ],
)
def test_options_that_cannot_be_are_one_line_that_says_why(
    options: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario = tmp_path / "s.toml"
    scenario.write_text(DEMO.read_text().partition("[learning.options]")[0] + "[learning.options]\n" + options)
    assert main(["simulate", str(scenario), "--strategy", "fusion+fifo", "--out", str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err


OWN_MODEL = '''
from hetsched.domain.learning import register

@register("a-tenth-an-interval")
class Own:
    """Accuracy rises by a tenth every 50 iterations."""

    def __init__(self, start: float = 0.0) -> None:
        self.start = start

    def fresh(self, kind):
        return self.start

    def train(self, weights, kind, hyperparameters, iterations):
        return weights + iterations / 500

    def score(self, weights, normal):
        return min(1.0, weights)
'''


def test_a_model_of_ones_own_comes_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, scenario = tmp_path / "own.py", tmp_path / "s.toml"
    model.write_text(OWN_MODEL)
    demo = (Path(__file__).parents[2] / "examples" / "demo.toml").read_text()
    head, _, _ = demo.partition("[learning.options]")
    scenario.write_text(f'{head}\n[learning]\nmodel = "a-tenth-an-interval"\noptions.start = 0.25\n')
    arguments = ["simulate", str(scenario), "--strategy", "fusion+fifo", "--policy-file", str(model), "--json"]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 0
    best = json.loads(capsys.readouterr().out)["runs"][0]["best_score"]
    assert best == pytest.approx(0.85)  # 0.25 and six tenths: the first multiple beyond 0.8
    scenario.write_text(f'{head}\n[learning]\nmodel = "sdg"\n')
    assert main([*arguments[:4], "--out", str(tmp_path / "out2")]) == 2
    assert "unknown learning model 'sdg': did you mean 'sgd'?" in capsys.readouterr().err


def test_the_limits_of_the_shipped_curve_are_those_of_its_recordings() -> None:
    of_all = [each for path in SHIPPED.glob("*.csv") for each in read_recordings(path)]
    found = [each for each in of_all if (each.kind.model, each.kind.dataset) == FITTED_TO]
    batches = [each.kind.batch_size for each in found]
    last = max(each.evaluations[-1].iteration for each in found)
    lines = [line for each in found for line in each.evaluations]
    lr = [line.hyperparameters["lr"] for line in lines]
    momentum = [line.hyperparameters.get("momentum", 0.0) for line in lines]
    decay = [line.hyperparameters["weight_decay"] for line in lines]
    spans = [(min(values), max(values)) for values in (lr, momentum, decay)]
    assert ((min(batches), max(batches)), last, *spans) == RECORDED
