"""Measure what `sgd` predicts of the package's recordings, and where it fails: the tables of `sgd` in
docs/learning.md. The figures go into docs/measured.

python -m benchmarks.sgd_limits
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import exp, log
from statistics import fmean

from benchmarks.kept_rows import MEASURED, Row, keep
from hetsched.studies.fit import fit
from hetsched.studies.fit_result import MEAN_CURVE, Errors, FitOrder
from sim.learning.candidates import SGD, candidates_for
from sim.learning.errors import errors, predictor
from sim.learning.least_squares import fitted_constants
from sim.learning.recordings import SHIPPED, Evaluation, Recording, read_recordings, split
from sim.learning.sgd import REFERENCE_BATCH, SGDCurve

FILES = {"CPU": "resnet18-cifar10-cpu.csv", "GPU": "resnet18-cifar10-h200.csv"}
FEW = ("resnet18-cifar", "resnet50")
"""The networks with few recordings."""
CONSTANTS = ("scale", "power")
"""What is fitted to their recordings."""
RATES = (0.0, 0.001, 0.01, 0.1, 1.0, 4.0)
"""The limits of the ranges of effective rates."""
BATCH = 512
FAR_TOO_HIGH = 0.5
"""The first effective rate of the recordings at batch 32 that never recover."""

SHIPPED_CURVE = SGDCurve()


def main() -> None:
    recordings = {where: read_recordings(SHIPPED / file) for where, file in FILES.items()}
    keep(MEASURED / "sgd_errors.csv", list(of_shipped_constants(recordings)), ["recordings", "predictor"])
    keep(MEASURED / "sgd_networks.csv", [of_network(name) for name in FEW], ["network"])
    keep(MEASURED / "sgd_rates.csv", list(by_rate(recordings["GPU"])), ["from", "to"])
    keep(MEASURED / "sgd_lowered.csv", list(lowered(recordings["CPU"])), ["recording"])
    keep(MEASURED / "sgd_extrapolated.csv", list(extrapolated(recordings["CPU"], recordings["GPU"])), ["fitted_to"])


def of_shipped_constants(recordings: dict[str, list[Recording]]) -> Iterator[Row]:
    """The errors of the package's constants, and of the mean curve of what they were fitted to."""
    for where, of_file in recordings.items():
        to_fit, held_out = split(of_file)
        mean_curve = candidates_for(FitOrder(), to_fit)[0][MEAN_CURVE](to_fit).predict
        for part, chosen in (("fitted", to_fit), ("held out", held_out)):
            for name, predict in (("`sgd`", predictor(SHIPPED_CURVE)), (MEAN_CURVE, mean_curve)):
                yield {"recordings": f"{where}, {part}", "predictor": name, **_figures(errors(predict, chosen))}


def of_network(name: str) -> Row:
    """The held-out errors of a network with few recordings."""
    judged = fit(FitOrder(network=name, constants=CONSTANTS)).judged
    found = {model.name: model.held_out for model in judged}
    figures = {"sgd_error": found["sgd"].mean_absolute_error, "mean_error": found[MEAN_CURVE].mean_absolute_error}
    return {"network": name, "recordings": found["sgd"].recordings, **figures}


def by_rate(recordings: Sequence[Recording]) -> Iterator[Row]:
    """The final accuracies and losses at a rate that does not change, by range of the effective
    rate."""
    steady = [recording for recording in recordings if not recording.has_schedule]
    for low, high in pairwise(RATES):
        chosen = [recording for recording in steady if low <= rate_of(recording.evaluations[-1]) < high]
        rates = [rate_of(recording.evaluations[-1]) for recording in chosen]
        recorded = [recording.final_score for recording in chosen]
        predicted = [predictor(SHIPPED_CURVE)(recording)[-1] for recording in chosen]
        losses = [loss for recording in chosen if (loss := recording.evaluations[-1].loss) is not None]
        yield {
            "from": low,
            "to": high,
            "recordings": len(chosen),
            "least_rate": min(rates),
            "greatest_rate": max(rates),
            "loss": fmean(losses),
            "least": min(recorded),
            "greatest": max(recorded),
            "least_predicted": min(predicted),
            "greatest_predicted": max(predicted),
        }


def lowered(recordings: Sequence[Recording]) -> Iterator[Row]:
    """The held-out recordings at batch 32 that lower a rate which is far too high."""
    for recording in split(recordings)[1]:
        first, last = recording.evaluations[1], recording.evaluations[-1]
        if recording.kind.batch_size == REFERENCE_BATCH and rate_of(first) > max(FAR_TOO_HIGH, rate_of(last)):
            high = [line.iteration for line in recording.evaluations[1:] if rate_of(line) == rate_of(first)]
            yield {
                "recording": recording.name,
                "first_rate": rate_of(first),
                "last_rate": rate_of(last),
                "iterations_left": last.iteration - high[-1],
                "predicted": predictor(SHIPPED_CURVE)(recording)[-1],
                "recorded": recording.final_score,
            }


def extrapolated(on_cpu: Sequence[Recording], on_gpu: Sequence[Recording]) -> Iterator[Row]:
    """The errors on the GPU's recordings of constants that were fitted to the CPU's alone, and of
    the package's constants. With the best effective rate at the GPU's batch size."""
    alone = SGDCurve(**fitted_constants(SGDCurve, SGD, on_cpu))
    for fitted_to, curve in (("the CPU's recordings", alone), ("three quarters of both", SHIPPED_CURVE)):
        rate = exp(curve.best + curve.batch_rate * log(BATCH / REFERENCE_BATCH))
        yield {"fitted_to": fitted_to, **_figures(errors(predictor(curve), on_gpu)), "best_rate": rate}


def rate_of(line: Evaluation) -> float:
    """The effective rate of the iterations before this line."""
    assert line.lr is not None
    return line.lr / (1 - line.momentum)


def _figures(found: Errors) -> Row:
    return {"number": found.recordings, "error": found.mean_absolute_error, "spearman": found.spearman}


if __name__ == "__main__":
    main()
