"""Compare the measured scores of the first validation of examples/validate-accuracy with its learning
curve. Keeps the rows of a table of docs/validation.md.

    python -m benchmarks.accuracy_curve

The curve is asked for the score of every measured segment, from the hyperparameters and the copies
that the logs of the measured runs have. No noise is added.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from statistics import fmean, stdev
from typing import NamedTuple

from benchmarks.fidelity_page import ROOT
from benchmarks.kept_rows import MEASURED, Row, keep
from hetsched.core.events import SegmentEnded, TrialExploited
from hetsched.core.state import State
from hetsched.domain.learning import Weights
from hetsched.domain.workload import TrialId
from hetsched.studies.fidelity.recordings import Recording, read_recording, recorded

NAME, SEEDS = "validate-accuracy-", 10
"""Seeds below 10 were run in the first validation."""

MOST_RATE = 0.35
"""The rate from which on curves are off."""


class Scored(NamedTuple):
    """A measured segment: how often its weights had been copied, the
    iterations behind them, the rate lr / (1 - momentum), and the measured score less the curve's."""

    copies: int
    behind: int
    rate: float
    error: float


class Copied(NamedTuple):
    """An exploit: the error of the source's last score."""

    error: float


class Group(NamedTuple):
    """Segments that one row of the table is about."""

    words: str
    has: Callable[[Scored], bool]


GROUPS = (
    Group("weights never copied", lambda one: one.copies == 0),
    Group("copied once", lambda one: one.copies == 1),
    Group("copied twice", lambda one: one.copies == 2),
    Group("copied more often", lambda one: one.copies > 2),
    Group("up to 199 iterations behind the weights", lambda one: one.behind < 200),
    Group("200 to 399", lambda one: 200 <= one.behind < 400),
    Group("400 to 599", lambda one: 400 <= one.behind < 600),
    Group("600 and more", lambda one: one.behind >= 600),
    Group("lr / (1 - momentum) from 1/128 to 1/32", lambda one: 1 / 128 <= one.rate < 1 / 32),
    Group("from 1/32 to 1/8", lambda one: 1 / 32 <= one.rate < 1 / 8),
    Group("from 1/8 to 0.35", lambda one: 1 / 8 <= one.rate < MOST_RATE),
    Group("above 0.35", lambda one: one.rate >= MOST_RATE),
)


def main() -> None:
    names = [name for name in recorded(ROOT / "fidelity") if name.startswith(NAME) and int(name.split("-")[-1]) < SEEDS]
    runs = [[*scored(read_recording(ROOT / "fidelity", name))] for name in names]
    keep(MEASURED / "curve_errors.csv", [*_rows(runs)], ["segments"])


def scored(recording: Recording) -> Iterator[Scored | Copied]:
    """The segments of a run that were evaluated, and its exploits."""
    model, state = recording.setup.learning_model(), State()
    weights: dict[TrialId, Weights] = {}
    copies: dict[TrialId, int] = {}
    behind: dict[TrialId, int] = {}
    errors: dict[TrialId, float] = {}
    for event in recording.events:
        if isinstance(event, SegmentEnded):
            trial, name = state.trials[event.trial], event.trial
            before = weights[name] if name in weights else model.fresh(trial.kind)
            weights[name] = model.train(before, trial.kind, trial.hyperparameters, event.iterations)
            behind[name] = behind.get(name, 0) + event.iterations
            rate = trial.hyperparameters["lr"] / (1 - trial.hyperparameters["momentum"])
            foretold = model.score(weights[name], 0.0)
            if event.score is not None and foretold is not None:
                errors[name] = event.score - foretold
                yield Scored(copies.get(name, 0), behind[name], rate, errors[name])
        elif isinstance(event, TrialExploited):
            yield Copied(errors[event.source])
            weights[event.trial] = weights[event.source]
            copies[event.trial] = copies.get(event.source, 0) + 1
            behind[event.trial] = behind[event.source]
        state.apply(event)


def _rows(runs: Iterable[Iterable[Scored | Copied]]) -> Iterator[Row]:
    found = [one for run in runs for one in run]
    segments = [one for one in found if isinstance(one, Scored)]
    for group in (Group("all", lambda one: True), *GROUPS):
        yield _row(group.words, [one.error for one in segments if group.has(one)])
    yield _row("those whose score was copied", [one.error for one in found if isinstance(one, Copied)])


def _row(words: str, errors: Sequence[float]) -> Row:
    return {"segments": words, "number": len(errors), "error": fmean(errors), "deviation": stdev(errors)}


if __name__ == "__main__":
    main()
