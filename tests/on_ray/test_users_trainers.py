"""What is said of a trainer of a user's that fails: which error, in which line of the user's
file."""

from pathlib import Path

import pytest

from hetsched.errors import HetschedError, InputError
from tests.on_ray.conftest import HERE, carry_out, small_scenario

FOREIGN = (HERE / "foreign_training.py").read_text()
STAND_IN = (HERE / "stand_in.py").read_text()


@pytest.mark.parametrize(
    ("old", "new", "error", "message"),
    [
        (
            "start = time.perf_counter()",
            "self.nothing",
            HetschedError,
            ": AttributeError in mine.py:{line}: 'StandIn' object has no attribute 'noth",
        ),
        pytest.param(
            'return {"accuracy": 1.0 / (1.0 + loss) if np.isfinite(loss) else 0.0, "loss": loss}',
            "return 0.5",
            InputError,
            "the trainer of 'stand-in': evaluate returned 0.5: expected numbers by the names of their metrics, such as",
            marks=pytest.mark.exhaustive,  # tests/real/test_reported.py has it
        ),
        pytest.param(
            'return {"accuracy": 1.0 / (1.0 + loss) if np.isfinite(loss) else 0.0, "loss": loss}',
            'return {"acuracy": 0.5}',
            InputError,
            "its evaluation did not report 'accuracy', the metric of experiment 'e': did you mean 'acuracy'?",
            marks=pytest.mark.exhaustive,  # tests/real/test_reported.py has it
        ),
        (
            "self._iterations = 0\n        self._rate = 0.0",
            "int('much')",
            InputError,
            "the trainer of 'stand-in' refused its settings in mine.py:{line}: invalid literal for int",
        ),
    ],
)
def test_the_line_is_named(old: str, new: str, error: type[Exception], message: str, tmp_path: Path) -> None:
    assert STAND_IN.count(old) == 1
    source = STAND_IN.replace(old, new)
    line = next(number for number, text in enumerate(source.splitlines(), 1) if text.strip() == new)
    (tmp_path / "mine.py").write_text(source)
    with pytest.raises(error) as raised:
        carry_out(small_scenario(real={"model_file": str(tmp_path / "mine.py")}), tmp_path)
    assert message.format(line=line) in str(raised.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param(
            'np.save(folder / "weights.npy", self._weights)\n        (folder / "progress").mkdir()\n'
            '        (folder / "progress" / "iterations.json").write_text(json.dumps(self._iterations))',
            "pass",
            "mine.py:Downhill: save wrote no file into its folder: write there all that load needs",
            marks=pytest.mark.exhaustive,  # tests/real/test_folder_trainer.py has it
        ),
        (
            'hyperparameters["lr"]',
            'hyperparameters["rate"]',
            "mine.py:Downhill: start refused {{'lr': .*}} in mine.py:{line}: KeyError: 'rate'; mend it",
        ),
    ],
)
def test_what_a_training_does_wrong_ends_the_run_in_a_line(old: str, new: str, message: str, tmp_path: Path) -> None:
    assert FOREIGN.count(old) == 1
    source = FOREIGN.replace(old, new)
    line = next(number for number, text in enumerate(source.splitlines(), 1) if new in text)
    (tmp_path / "mine.py").write_text(source)
    setup = small_scenario(foreign=True).replace(training={"class": f"{tmp_path / 'mine.py'}:Downhill"})
    with pytest.raises(InputError, match=message.format(line=line)) as raised:
        carry_out(setup, tmp_path)
    assert "\n" not in str(raised.value)
