"""Fits the `sgd` model to recordings and says how well it predicts those that it has not seen.

python -m sim.learning.fit [FILE.csv ...]     # the fitted options, and the errors on held-out recordings
python -m sim.learning.fit --plot FILE.png    # and a picture (needs matplotlib)
python -m sim.learning.fit --lots 20          # and the errors when others are held out
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.optimize import least_squares
from scipy.stats import spearmanr

from sim.learning.recordings import SHIPPED, Recording, mean_curve, read_recordings, split
from sim.learning.sgd import SGDCurve

BOUNDS: dict[str, tuple[float, float, float]] = {
    "scale": (20.0, 200.0, 5000.0),
    "power": (0.1, 0.5, 2.0),
    "best": (-6.0, -3.0, 0.0),
    "width_below": (0.3, 2.0, 5.0),
    "width_above": (0.3, 2.0, 5.0),
    "batch_rate": (-0.5, 0.5, 1.5),
    "batch_gain": (0.0, 0.5, 1.5),
    "most_held": (0.0, 0.5, 1.0),
    "held_at": (-5.0, -1.0, 3.0),
    "held_over": (0.2, 0.7, 3.0),
    "settling": (2.0, 25.0, 300.0),
}
"""Least value, start and greatest value of each constant that is fitted. The others are assumed (docs/learning.md)."""

Array = NDArray[np.float64]
Predict = Callable[[Recording], list[float]]


class Errors(NamedTuple):
    """How a predictor does on some recordings: the mean absolute error over all evaluations but the untrained ones, and
    Spearman's rank correlation of final accuracies (nan: it predicts the same for all)."""

    recordings: int
    mean_absolute_error: float
    spearman: float


def predicted(model: SGDCurve, recording: Recording) -> list[float]:
    """The model's accuracy at every evaluation but the first."""
    weights = model.fresh(recording.kind)
    accuracies = []
    for before, line in pairwise(recording.evaluations):
        weights = model.train(weights, recording.kind, line.hyperparameters, line.iteration - before.iteration)
        accuracies.append(model.accuracy(weights))
    return accuracies


def fit(recordings: Sequence[Recording]) -> dict[str, float]:
    """The constants of `sgd` that predict these recordings best (least squares, a robust loss)."""
    low, start, high = np.array(list(BOUNDS.values())).T
    recorded = np.concatenate([[line.accuracy for line in r.evaluations[1:]] for r in recordings])

    def residuals(point: Array) -> Array:
        model = SGDCurve(**dict(zip(BOUNDS, point.tolist(), strict=True)))
        misses: Array = np.concatenate([predicted(model, recording) for recording in recordings]) - recorded
        return misses

    rng = np.random.default_rng(0)
    starts = [start, *(rng.uniform(low, high) for _ in range(7))]
    found = [
        least_squares(residuals, s, bounds=(low, high), loss="soft_l1", f_scale=0.05, x_scale=high - low)
        for s in starts
    ]
    best = min(found, key=lambda solution: float(solution.cost))
    constants = {name: float(f"{value:.4g}") for name, value in zip(BOUNDS, best.x.tolist(), strict=True)}
    return constants | {"noise": float(f"{np.std(residuals(best.x)):.2g}")}


def errors(predict: Predict, recordings: Sequence[Recording]) -> Errors:
    pairs = [(predict(r), [line.accuracy for line in r.evaluations[1:]]) for r in recordings]
    misses = np.concatenate([np.abs(np.array(p) - np.array(a)) for p, a in pairs])
    finals = np.array([(p[-1], a[-1]) for p, a in pairs])
    constant = np.ptp(finals[:, 0]) == 0
    rho = float("nan") if constant else float(spearmanr(finals[:, 0], finals[:, 1]).statistic)
    return Errors(len(recordings), float(misses.mean()), rho)


def errors_held_out(recordings: Sequence[Recording], lot: int) -> Errors:
    """The errors on the recordings that this lot holds out, of the model fitted to the others."""
    to_fit, held_out = split(recordings, lot)
    model = SGDCurve(**fit(to_fit))
    return errors(lambda recording: predicted(model, recording), held_out)


def curve_of(mean: Mapping[int, float]) -> Predict:
    """A predictor that knows nothing but the mean curve."""
    return lambda recording: [mean[line.iteration] for line in recording.evaluations[1:]]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE.csv", help="default: the shipped recordings")
    parser.add_argument("--plot", type=Path, metavar="FILE.png")
    parser.add_argument("--lots", type=int, default=1, metavar="N", help="hold out N times, by lot, and fit each time")
    options = parser.parse_args(arguments)
    recordings = [r for path in options.files or sorted(SHIPPED.glob("*.csv")) for r in read_recordings(path)]
    to_fit, held_out = split(recordings)
    constants = fit(to_fit)
    model = SGDCurve(**constants)
    console = Console()
    console.print(
        "[learning.options]" + "".join(f"\n{key} = {value}" for key, value in constants.items()), markup=False
    )
    table = Table("predictor", "recordings", "mean absolute error", "Spearman of final accuracies")
    mean = curve_of(mean_curve(to_fit))
    predictors: list[tuple[str, Predict]] = [("sgd", lambda r: predicted(model, r)), ("mean curve", mean)]
    for name, predict in predictors:
        for which, some in (("fitted", to_fit), ("held out", held_out)):
            found = errors(predict, some)
            table.add_row(
                f"{name}, {which}", str(found.recordings), f"{found.mean_absolute_error:.4f}", f"{found.spearman:.3f}"
            )
    console.print(table)
    if options.lots > 1:
        by_lot = [errors_held_out(recordings, lot) for lot in range(options.lots)]
        for name, values in (
            ("mean absolute error", [each.mean_absolute_error for each in by_lot]),
            ("Spearman", [each.spearman for each in by_lot]),
        ):
            low, middle, high = np.quantile(values, (0, 0.5, 1))
            console.print(f"sgd, held out, {options.lots} lots: {name} {middle:.3f} ({low:.3f} .. {high:.3f})")
    if options.plot is not None:
        plot(model, held_out, options.plot)


def plot(model: SGDCurve, held_out: Sequence[Recording], path: Path) -> None:
    """The held-out recordings, recorded (dots) and predicted (lines), and their final accuracies."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.5), layout="constrained")
    curves, finals = figure.subplots(1, 2)
    for number, recording in enumerate(held_out):
        lines = recording.evaluations[1:]
        colour = f"C{number % 10}"
        steps = [line.iteration for line in lines]
        curves.plot(steps, [line.accuracy for line in lines], ".", color=colour)
        curves.plot(steps, predicted(model, recording), "-", color=colour, linewidth=1)
        finals.plot(predicted(model, recording)[-1], recording.final_accuracy, "s" if recording.has_schedule else "o")
    curves.set(xlabel="iterations", ylabel="accuracy", title="held-out recordings: recorded and predicted")
    finals.axline((0.2, 0.2), slope=1, color="grey", linewidth=1)
    finals.set(xlabel="predicted", ylabel="recorded", title="final accuracy (squares: changing rates)")
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
