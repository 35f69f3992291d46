"""Write a table into docs/validation.md: the accuracies of the recorded runs of
examples/validate-accuracy, predicted again and measured.

python -m benchmarks.accuracy_page
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.fidelity_page import PAGE, ROOT, replaced
from hetsched.analysis.metrics import measure
from hetsched.analysis.scores_over_time import scores_over_time
from hetsched.studies.draws import PREDICTIONS, predict
from hetsched.studies.fidelity.recordings import read_recording, recorded
from hetsched.studies.score_agreement import Course, ScoreAgreement, ScoreError, score_agreement
from hetsched.studies.validation import Error, error

NAME = "validate-accuracy-"

HEADINGS = (
    "seeds",
    "strategy",
    "best at 45 s, predicted",
    "measured",
    "error",
    "best at the end, error",
    "largest error of the best",
    "largest error of the mean",
    "makespan, error",
    "time to 0.4 predicted [s]",
    "measured [s]",
    "error of the time",
    "simulations that reach 0.4",
)


class Compared(NamedTuple):
    """A strategy in one validation, predicted and measured."""

    seeds: list[int]
    strategy: str
    scores: ScoreAgreement
    makespan: Error

    def cells(self) -> Iterator[str]:
        *_, deadline, end = self.scores.moments
        yield f"{self.seeds[0]} to {self.seeds[-1]}"
        yield f"`{self.strategy}`"
        yield from (f"{deadline.best.predicted:.3f}", f"{deadline.best.measured:.3f}") if deadline.best else ("", "")
        yield from map(_signed, (deadline.best, end.best))
        yield from map(_signed, (_largest([each.best for each in self.scores.moments]), self._worst_mean))
        yield _percent(self.makespan)
        target = self.scores.target
        time = target.time_s if target else None
        yield from ("", "", "") if time is None else (f"{time.predicted:.1f}", f"{time.measured:.1f}", _percent(time))
        yield f"{target.draws_reached} of {target.draws}" if target else ""

    @property
    def _worst_mean(self) -> ScoreError | None:
        return _largest([each.mean for each in self.scores.moments])


def main() -> None:
    rows = [HEADINGS, ("---",) * len(HEADINGS), *(tuple(each.cells()) for each in compared(ROOT / "fidelity"))]
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    PAGE.write_text(replaced(PAGE.read_text(), table))


def compared(folder: Path) -> Iterator[Compared]:
    """Each strategy of each validation."""
    for names in groups(folder):
        yield _compared(folder, names)


def groups(folder: Path) -> Iterator[list[str]]:
    """The recordings of each strategy of each validation: seeds of one ten were run together."""
    found: defaultdict[tuple[int, str], list[str]] = defaultdict(list)
    for name in recorded(folder):
        if name.startswith(NAME):
            strategy, _, seed = name.removeprefix(NAME).rpartition("-seed-")
            found[int(seed) // 10, strategy].append(name)
    for _, names in sorted(found.items()):
        yield sorted(names)


def _compared(folder: Path, names: Sequence[str]) -> Compared:
    predicted, measured, foretold_s, seconds = [], [], [], []
    recordings = [read_recording(folder, name) for name in names]
    for each in recordings:
        with TemporaryDirectory(prefix="hetsched-accuracy-") as home:
            draws = predict(each.setup, each.strategy, each.seed, Path(home) / "run", PREDICTIONS)
            predicted.append(Course.mean([*map(Course.of, draws)]))
        foretold_s.append(fmean(draw.metrics.makespan_s for draw in draws))
        metrics = measure(each.events, each.setup)
        measured.append(Course(scores_over_time(each.events), [metrics.time_to_target_s]))
        seconds.append(metrics.makespan_s)
    deadline_s = recordings[0].setup.deadline_s
    assert deadline_s is not None, "the example has a deadline"
    return Compared(
        seeds=[each.seed for each in recordings],
        strategy=str(recordings[0].strategy),
        scores=score_agreement(predicted, measured, deadline_s, has_target=True),
        makespan=error(foretold_s, seconds),
    )


def _largest(errors: Sequence[ScoreError | None]) -> ScoreError | None:
    known = [each for each in errors if each is not None]
    return max(known, key=lambda each: abs(each.error), default=None)


def _signed(found: ScoreError | None) -> str:
    return "" if found is None else f"{found.error:+.3f}"


def _percent(found: Error) -> str:
    return "" if found.error_percent is None else f"{found.error_percent:+.1f}%"


if __name__ == "__main__":
    main()
