"""No code says accuracy where it means the metric: every place that says so is listed, with its
reason."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

LINES = {
    "hetsched/domain/metric.py": {
        'ACCURACY = "accuracy"': "the default metric: what the built-in networks are trained for",
        "name: str = ACCURACY": "the default metric",
        "self.name != ACCURACY": "the limits of the default metric",
        "An accuracy is a": "the limits of the default metric",
        'Metric("accuracy")': "an example",
    },
    "hetsched/domain/learning.py": {"that an accuracy is noisier": "the noise by images is of shares of right answers"},
    "hetsched/studies/assumed_scores.py": {
        "make an accuracy noisier": "only of the default metric",
        "The accuracy of right": "only of the default metric",
    },
    "hetsched/analysis/figures.py": {'Metric("accuracy", "max")': "an example"},
    "hetsched/analysis/bounds_intervals.py": {"Relative accuracy of the linear program": "no metric: of a computation"},
    "hetsched/cli/fit.py": {"validate-accuracy/recordings.csv": "the name of an example"},
    "hetsched/core/older_logs.py": {
        "all metrics are accuracies": "what logs of older formats are of",
        '{"stop_accuracy": target}': "the key of older formats",
        'key != "stop_accuracy"': "the key of older formats",
    },
    "hetsched/scenario/tables.py": {'"target_accuracy")': "the old key"},
    "hetsched/scenario/workload_tables.py": {
        '"stop_accuracy")': "the old key",
        "_is_an_accuracy": "the limits of the default metric",
        "expected an accuracy, 0 to 1": "the limits of the default metric",
    },
    "hetsched/studies/fit.py": {"expected an accuracy, from 0 to 1": "the limits of the default metric"},
    "hetsched/studies/measured.py": {'"stop_accuracy", "stop_score"': "the old key"},
    "hetsched/scenario/traces/jobs.py": {'"stop_accuracy")': "the old column", 'uracy"))': "the old column"},
    "sim/learning/multi_power.py": {
        "expected an accuracy, from 0 to 1": "the limits of the default metric",
        "0.02 of an accuracy, and 0 of another": "the default noise of the default metric",
    },
    "hetsched/scenario/scenario.py": {"expected an accuracy, above 0": "the limits of the default metric"},
    "hetsched/scenario/packaged/demo.toml": {"0.8 accuracy": "the default of HRFS, for a built-in network"},
    "real/training/training.py": {
        "Return the accuracy on the test images": "what the built-in networks report",
        "Then its accuracy is 0": "what the built-in networks report",
        '"accuracy": correct': "what the built-in networks report",
    },
    "real/tune/reported.py": {'such as {"accuracy": 0.93}': "an example"},
    "real/measuring/__init__.py": {"accuracies for learning models": "recordings of the built-in networks"},
}
"""By file: what the lines say that may say it, and why."""

BUILT_IN = {
    f"sim/learning/{name}.py"
    for name in ("sgd", "candidates", "recorded", "recordings", "noise", "spread", "least_squares")
}
"""Learning curves of the built-in networks: their scores are accuracies."""

WORD = re.compile("accura(cy|cies)|accurate", re.IGNORECASE)


def lines_that_say_it() -> list[tuple[str, int, str]]:
    files = [path for root in ("hetsched", "real", "sim") for path in sorted((ROOT / root).rglob("*"))]
    return [
        (name, number, line.strip())
        for path in files
        if path.suffix in (".py", ".toml", ".md") and (name := str(path.relative_to(ROOT))) not in BUILT_IN
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if WORD.search(line)
    ]


def test_what_is_meant_is_the_metric_unless_a_reason_says_otherwise() -> None:
    unexplained = [
        f"{name}:{number}: {line}"
        for name, number, line in lines_that_say_it()
        if not any(said in line for said in LINES.get(name, ()))
    ]
    assert not unexplained, "say score or the metric's name, or add the line to this list with the reason"


@pytest.mark.parametrize(("name", "said"), [(name, said) for name, allowed in LINES.items() for said in allowed])
def test_every_reason_is_still_needed(name: str, said: str) -> None:
    assert any(file == name and said in line for file, _, line in lines_that_say_it())
