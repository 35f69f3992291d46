"""Split the error of the time to the target into progress and scores, for the rows of the table of
accuracies.

When a measured run reached the target, its trials had trained so many iterations. "Progress" is how
much earlier the predicted runs have trained as many. "Scores" is the rest: the target is reached
with fewer iterations than in the measured run. Simulations that never reach the target have no
time. Prints the means over the rows, too.

python -m benchmarks.accuracy_parts
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

from benchmarks.accuracy_page import groups
from benchmarks.fidelity_page import PAGE, ROOT, replaced
from hetsched.analysis.metrics import measure
from hetsched.core.events import AnyEvent, SegmentEnded
from hetsched.core.log import read_log
from hetsched.studies.draws import PREDICTIONS, predict
from hetsched.studies.fidelity.recordings import Recording, read_recording

HEADINGS = ("seeds", "strategy", "time to 0.4, error", "progress", "scores")


def main() -> None:
    rows = [HEADINGS, ("---",) * len(HEADINGS)]
    found = []
    for names in groups(ROOT / "fidelity"):
        recordings = [read_recording(ROOT / "fidelity", name) for name in names]
        whole, progress = _errors(recordings)
        found.append((whole, progress, whole - progress))
        seeds = f"{recordings[0].seed} to {recordings[-1].seed}"
        rows.append((seeds, f"`{recordings[0].strategy}`", *map("{:+.1f}%".format, found[-1])))
    rows.append(("all", "mean", *(f"{fmean(column):+.1f}%" for column in zip(*found, strict=True))))
    PAGE.write_text(replaced(PAGE.read_text(), "".join(f"| {' | '.join(row)} |\n" for row in rows)))


def _errors(recordings: Sequence[Recording]) -> tuple[float, float]:
    """The error of the mean time to the target, and the part of it that is progress, in percent."""
    measured, predicted, as_far = zip(*map(_times, recordings), strict=True)
    return 100 * (fmean(predicted) / fmean(measured) - 1), 100 * (fmean(as_far) / fmean(measured) - 1)


def _times(recording: Recording) -> tuple[float, float, float]:
    """When the target was reached, when it was predicted, and when as many iterations as measured
    were predicted, in seconds."""
    reached_s = measure(recording.events, recording.setup).time_to_target_s
    assert reached_s is not None, "every run of the example reaches its target"
    iterations = sum(count for time, count in _trained(recording.events) if time <= reached_s)
    with TemporaryDirectory(prefix="hetsched-parts-") as home:
        draws = predict(recording.setup, recording.strategy, recording.seed, Path(home) / "run", PREDICTIONS)
        predicted = [run.metrics.time_to_target_s for run in draws if run.metrics.time_to_target_s is not None]
        as_far = [_time_of(iterations, _trained(read_log(run.log))) for run in draws]
    return reached_s, fmean(predicted), fmean(as_far)


def _trained(events: Iterable[AnyEvent]) -> Iterator[tuple[float, int]]:
    """The end of each segment, in seconds, and its iterations."""
    return ((event.time, event.iterations) for event in events if isinstance(event, SegmentEnded))


def _time_of(iterations: int, trained: Iterable[tuple[float, int]]) -> float:
    """When so many iterations had been trained, in seconds."""
    done = 0
    for time, count in trained:
        done += count
        if done >= iterations:
            return time
    raise ValueError(f"only {done} iterations were trained, expected {iterations}")


if __name__ == "__main__":
    main()
