"""How often chance alone would put a row of the table of accuracies outside what is asked.

Every measured run is replaced by one more simulation. So the simulator is right, and only chance is
left: each row is drawn many times, and is compared with its prediction as a real one is. Prints the
share of draws outside.

python -m benchmarks.accuracy_chance
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from benchmarks.accuracy_page import groups
from benchmarks.fidelity_page import PAGE, ROOT, replaced
from hetsched.domain.random_streams import stream
from hetsched.studies.draws import PREDICTIONS, predict
from hetsched.studies.fidelity.recordings import Recording, read_recording
from hetsched.studies.score_agreement import Course, score_agreement
from hetsched.studies.validation import error

SIMULATIONS = 60
"""Of each measured run: predictions and runs are drawn from them."""

DRAWS = 400
"""Of each row."""

HEADINGS = ("seeds", "strategy", "best at 45 s", "mean at 45 s", "makespan", "time to 0.4")


class Asked(NamedTuple):
    """By how much a prediction may be off: scores in their unit, times in percent."""

    best: float = 0.03
    mean: float = 0.05
    makespan: float = 5.0
    time: float = 10.0


class Drawn(NamedTuple):
    """One simulation of a measured run."""

    course: Course
    makespan_s: float


def main() -> None:
    rows = [HEADINGS, ("---",) * len(HEADINGS)]
    for names in groups(ROOT / "fidelity"):
        recordings = [read_recording(ROOT / "fidelity", name) for name in names]
        outside = np.mean([*_outside([_simulations(each) for each in recordings], recordings)], axis=0)
        seeds = f"{recordings[0].seed} to {recordings[-1].seed}"
        rows.append((seeds, f"`{recordings[0].strategy}`", *(f"{share:.0%}" for share in outside)))
    PAGE.write_text(replaced(PAGE.read_text(), "".join(f"| {' | '.join(row)} |\n" for row in rows)))


def _simulations(recording: Recording) -> list[Drawn]:
    with TemporaryDirectory(prefix="hetsched-chance-") as home:
        runs = predict(recording.setup, recording.strategy, recording.seed, Path(home) / "run", SIMULATIONS)
        return [Drawn(Course.of(run), run.metrics.makespan_s) for run in runs]


def _outside(simulations: Sequence[Sequence[Drawn]], recordings: Sequence[Recording]) -> Iterator[list[bool]]:
    """Of each draw of the row, whether best, mean, makespan and time to the target are outside what
    is asked."""
    chance, asked = stream(0, "accuracy-chance"), Asked()
    deadline_s = recordings[0].setup.deadline_s
    assert deadline_s is not None, "the example has a deadline"
    for _ in range(DRAWS):
        drawn = [_drawn(of_one, chance) for of_one in simulations]
        predicted = [Course.mean([each.course for each in foretold]) for foretold, _ in drawn]
        scores = score_agreement(predicted, [run.course for _, run in drawn], deadline_s, has_target=True)
        *_, at_deadline, _ = scores.moments
        makespan = error(
            [np.mean([each.makespan_s for each in foretold]).item() for foretold, _ in drawn],
            [run.makespan_s for _, run in drawn],
        )
        time = scores.target.time_s if scores.target else None
        yield [
            at_deadline.best is not None and abs(at_deadline.best.error) > asked.best,
            at_deadline.mean is not None and abs(at_deadline.mean.error) > asked.mean,
            abs(makespan.error_percent or 0.0) > asked.makespan,
            time is not None and abs(time.error_percent or 0.0) > asked.time,
        ]


def _drawn(of_one: Sequence[Drawn], chance: Generator) -> tuple[list[Drawn], Drawn]:
    """The simulations that predict the run, and the one that stands in for the run."""
    *foretold, run = chance.choice(len(of_one), PREDICTIONS + 1, replace=False)
    return [of_one[number] for number in foretold], of_one[run]


if __name__ == "__main__":
    main()
