"""Fits the `sgd` model to recordings and says how well it predicts those that it has not seen.

python -m sim.learning.fit [FILE.csv ...]     # the fitted options, and the errors on held-out recordings
python -m sim.learning.fit --plot FILE.png    # and a picture (needs matplotlib)
python -m sim.learning.fit --lots 20          # and the errors when others are held out
python -m sim.learning.fit --model resnet50 --constants scale power    # few recordings: the others stay as shipped
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from itertools import cycle, pairwise
from math import isnan
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.optimize import least_squares
from scipy.stats import spearmanr

from hetsched.argument_types import count
from hetsched.errors import InputError
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
    Spearman's rank correlation of final accuracies (nan: fewer than three, or it predicts the same for all)."""

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


def fit(recordings: Sequence[Recording], names: Sequence[str] = tuple(BOUNDS)) -> dict[str, float]:
    """The constants of `sgd` that predict these recordings best (least squares, a robust loss).

    Those that are not named stay at `sgd`'s defaults.
    """
    low, start, high = np.array([BOUNDS[name] for name in names]).T
    recorded = np.concatenate([[line.score for line in r.evaluations[1:]] for r in recordings])

    def residuals(point: Array) -> Array:
        model = SGDCurve(**dict(zip(names, point.tolist(), strict=True)))
        misses: Array = np.concatenate([predicted(model, recording) for recording in recordings]) - recorded
        return misses

    rng = np.random.default_rng(0)
    starts = [start, *(rng.uniform(low, high) for _ in range(7))]
    found = [
        least_squares(residuals, s, bounds=(low, high), loss="soft_l1", f_scale=0.05, x_scale=high - low)
        for s in starts
    ]
    best = min(found, key=lambda solution: float(solution.cost))
    return {name: float(f"{value:.4g}") for name, value in zip(names, best.x.tolist(), strict=True)}


def errors(predict: Predict, recordings: Sequence[Recording]) -> Errors:
    pairs = [(predict(r), [line.score for line in r.evaluations[1:]]) for r in recordings]
    misses = np.concatenate([np.abs(np.array(p) - np.array(a)) for p, a in pairs])
    finals = np.array([(p[-1], a[-1]) for p, a in pairs])
    constant = np.ptp(finals[:, 0]) == 0
    rho = float("nan") if constant or len(finals) < 3 else float(spearmanr(finals[:, 0], finals[:, 1]).statistic)
    return Errors(len(recordings), float(misses.mean()), rho)


class Part(NamedTuple):
    """What a file adds to the fit, and what it holds out."""

    name: str
    to_fit: list[Recording]
    held_out: list[Recording]


def parts(paths: Sequence[Path], network: str, lot: int = 0) -> list[Part]:
    """Each file's recordings of a network; files that have none are left out.

    Raises InputError if none has, or for what is no recording file.
    """
    of_the_network = {path: [r for r in read_recordings(path) if r.kind.model == network] for path in paths}
    found = [Part(path.stem, *split(recordings, lot)) for path, recordings in of_the_network.items() if recordings]
    for path, recordings in of_the_network.items():
        if untrained := [recording.name for recording in recordings if len(recording.evaluations) < 2]:
            raise InputError(f"{path}: recording {untrained[0]!r} has no line after its first; at least one is needed")
    if not found:
        raise InputError(f"--model {network}: no recording of it in {', '.join(map(str, paths))}")
    return found


def fit_parts(found: Sequence[Part], names: Sequence[str]) -> dict[str, float]:
    return fit([recording for part in found for recording in part.to_fit], names)


def curve_of(mean: Mapping[int, float]) -> Predict:
    """A predictor that knows nothing but the mean curve, linear between the iterations that it is known at."""
    steps, accuracies = list(mean), list(mean.values())
    return lambda recording: np.interp(
        [line.iteration for line in recording.evaluations[1:]], steps, accuracies
    ).tolist()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m sim.learning.fit", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE.csv", help="default: the shipped recordings")
    parser.add_argument("--model", default="resnet18", help="the network whose recordings count (default: resnet18)")
    parser.add_argument("--constants", nargs="+", choices=BOUNDS, default=tuple(BOUNDS), help="default: all")
    parser.add_argument("--plot", type=Path, metavar="FILE.png")
    parser.add_argument(
        "--lots", type=count, default=1, metavar="N", help="hold out N times, by lot, and fit each time"
    )
    options = parser.parse_args(arguments)
    try:
        if options.plot is not None:
            _check_plot(options.plot)
        report(options)
    except InputError as error:
        print(f"sim.learning.fit: {error}", file=sys.stderr)
        return 2
    return 0


def _check_plot(path: Path) -> None:
    """Before the fit, not after it, is the time to find out that there can be no picture."""
    if not path.parent.is_dir():
        raise InputError(f"--plot {path}: there is no folder {path.parent}; make it first")
    if find_spec("matplotlib") is None:
        raise InputError("--plot needs matplotlib: pip install matplotlib, or leave it out")


def report(options: argparse.Namespace) -> None:
    paths = options.files or sorted(SHIPPED.glob("*.csv"))
    found = parts(paths, options.model)
    constants = fit_parts(found, options.constants)
    model = SGDCurve(**constants)
    console = Console()
    console.print(
        "[learning.options]" + "".join(f"\n{key} = {value}" for key, value in constants.items()), markup=False
    )
    table = Table("recordings", "", "predictor", "n", "MAE", "Spearman", caption="Spearman: of final accuracies")
    for part in found:
        mean = curve_of(mean_curve(part.to_fit))
        predictors: list[tuple[str, Predict]] = [("sgd", lambda r: predicted(model, r)), ("mean curve", mean)]
        for which, some in (("fitted", part.to_fit), ("held out", part.held_out)):
            for name, predict in predictors if some else ():
                table.add_row(part.name, which, name, *_words(errors(predict, some)))
    console.print(table)
    if options.lots > 1:
        report_lots(console, options, paths)
    if options.plot is not None:
        plot(model, found, options.plot)


def report_lots(console: Console, options: argparse.Namespace, paths: Sequence[Path]) -> None:
    """How much the errors on held-out recordings depend on which recordings were held out."""
    by_lot: dict[str, list[Errors]] = {}
    for lot in range(options.lots):
        found = parts(paths, options.model, lot)
        predict = partial(predicted, SGDCurve(**fit_parts(found, options.constants)))
        for part in found:
            if part.held_out:
                by_lot.setdefault(part.name, []).append(errors(predict, part.held_out))
    console.print(f"held out, {options.lots} lots: median (least .. greatest)" if by_lot else "nothing is held out")
    for name, of_all in by_lot.items():
        spearmans = [each.spearman for each in of_all if not isnan(each.spearman)]
        for what, values in (("MAE", [each.mean_absolute_error for each in of_all]), ("Spearman", spearmans)):
            if values:
                console.print(f"{name}: {what} {_median(values, options.lots)}")


def _median(values: Sequence[float], lots: int) -> str:
    """The median and the range of some values, and how many lots have one.

    >>> _median([0.1, 0.3, 0.2], lots=3), _median([0.1, 0.3], lots=3)
    ('0.200 (0.100 .. 0.300)', '0.200 (0.100 .. 0.300), in the 2 of 3 lots that have it')
    """
    low, middle, high = np.quantile(values, (0, 0.5, 1))
    of = "" if len(values) == lots else f", in the {len(values)} of {lots} lots that have it"
    return f"{middle:.3f} ({low:.3f} .. {high:.3f}){of}"


def _words(found: Errors) -> tuple[str, str, str]:
    spearman = "" if isnan(found.spearman) else f"{found.spearman:.3f}"
    return str(found.recordings), f"{found.mean_absolute_error:.4f}", spearman


def plot(model: SGDCurve, found: Sequence[Part], path: Path) -> None:
    """The held-out recordings, recorded (dots) and predicted (lines), file by file, and their final accuracies."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.5 * (len(found) + 1), 4.5), layout="constrained")
    *panels, finals = figure.subplots(1, len(found) + 1)
    for panel, part, marker in zip(panels, found, cycle("os^vD"), strict=False):
        for number, recording in enumerate(part.held_out):
            lines = recording.evaluations[1:]
            colour = f"C{number % 10}"
            steps = [line.iteration for line in lines]
            panel.plot(steps, [line.score for line in lines], ".", color=colour)
            panel.plot(steps, predicted(model, recording), "-", color=colour, linewidth=1)
        panel.set(xlabel="iterations", ylabel="accuracy", title=f"{part.name}, held out")
        finals.plot(
            [predicted(model, r)[-1] for r in part.held_out],
            [r.final_score for r in part.held_out],
            marker,
            label=part.name,
        )
    finals.axline((0.2, 0.2), slope=1, color="grey", linewidth=1)
    finals.set(xlabel="predicted", ylabel="recorded", title="final accuracy")
    finals.legend()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    sys.exit(main())
