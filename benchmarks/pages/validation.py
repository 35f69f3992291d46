"""The tables of docs/validation.md whose figures come from files. `benchmarks.fidelity_page` and the
scripts `benchmarks.accuracy_*` write the page's other tables."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from statistics import fmean

from benchmarks.kept_rows import MEASURED, read
from benchmarks.pages.tables import Cells, Maker, measured
from hetsched.report.figures_in_words import percent
from hetsched.studies.validation import error

ERRORS = MEASURED.parents[1] / "fidelity/errors.csv"
VALIDATION = ("validate-uniform-", "validate-fusion-")
"""How the recordings of the validation at the top of the page begin."""

SWITCH = {
    "workers": "{workers:.0f}",
    "switches": "{switches:.0f}",
    "another trial, ms": "{switch_ms:.1f}",
    "the same trial, ms": "{stay_ms:.1f}",
}
EARLIER = {
    "validation": "{validation}, {measured}",
    "machine": "{machine}",
    "workers loaded torch in [s]": "{start_up_s}",
    "mean absolute error of the makespan [%]": "{error:.1f}",
}
LOADING = {"start-ups": "{start_ups}", "least [s]": "{least_s:.1f}", "most [s]": "{most_s:.1f}"}
FIT = {"model": "`{model}`", "held-out error": "{error:.3f}"}
SPREAD = {"strategy": "`{strategy}`", "seeds": "{seeds:.0f}", "standard deviation of the best score": "{deviation:.3f}"}
CURVE = {
    "segments": "{segments}",
    "number": "{number:.0f}",
    "measured less predicted": "{error:+z.3f}",
    "standard deviation": "{deviation:.3f}",
}
START_UPS = {"runs": "{runs}", "before [%]": "{before:.1f}", "with the factor [%]": "{with_factor:.1f}"}
START_UP_S = {"worker": "{worker}", "mean start-up [s]": "{seconds:.1f}"}
GROWTH = {
    "recording": "{recording}",
    "with one time per cost [%]": "{one_time:+.1f}",
    "with growth [%]": "{growth:+.1f}",
}
CALIBRATION = {
    "recordings": "`{recordings}`",
    "runs": "{runs:.0f}",
    "by their probes [%]": "{probe:.1f}",
    "by the other runs [%]": "{others:.1f}",
}
WORKERS = {"any": "under any allocation"}


def validation() -> Iterator[Cells]:
    """Makespans of the validation at the top, predicted and measured, by strategy."""
    found: defaultdict[str, list[Mapping[str, str]]] = defaultdict(list)
    for row in read(ERRORS):
        if row["recording"].startswith(VALIDATION):
            allocation, _, rest = row["recording"].removeprefix("validate-").partition("-")
            found[f"{allocation}+{rest.partition('-seed-')[0]}"].append(row)
    yield ["strategy", "makespan predicted [s]", "measured [s]", "error", "95% interval of the error", *OTHERS.values()]
    for strategy in sorted(found, reverse=True):
        rows = found[strategy]
        seconds = error(*([float(row[name]) for row in rows] for name in ("predicted_s", "measured_s")))
        assert seconds.error_percent is not None and seconds.ci95_percent is not None
        means = [fmean(float(row[name]) for row in rows) for name in OTHERS]
        ends = " .. ".join(map(percent, seconds.ci95_percent))
        yield [
            strategy,
            f"{seconds.predicted:.1f}",
            f"{seconds.measured:.1f}",
            percent(seconds.error_percent),
            ends,
            *(f"{means[0]:+.1f}", f"{means[1]:+.3f}", f"{means[2]:.0f}%"),
        ]


OTHERS = {
    "utilisation": "utilisation, error [points]",
    "score": "best score, error",
    "decisions_alike": "decisions alike",
}


def hrfs_bounds() -> Iterator[Cells]:
    """Bounds on the cluster of HRFS, and what `lookahead` gains."""
    yield ["workers", "no schedule takes less than [s]", "no schedule gains more than", "`lookahead` gains"]
    for row in read(MEASURED / "hrfs_bounds.csv"):
        most, gain = (f"{float(row[name]):.2f}" if row[name] else "-" for name in ("most", "gain"))
        allocation = row["strategy"].partition("+")[0]
        workers = WORKERS.get(row["workers"], row["workers"])
        own = f" (`{allocation}`)" if allocation not in ("", row["workers"]) else ""
        yield [workers, f"{float(row['bound_s']):.1f}", most, gain + own]


TABLES: Mapping[str, Maker] = {
    "switch": measured("switch.csv", SWITCH),
    "validation": validation,
    "earlier-validations": measured("earlier_validations.csv", EARLIER),
    "loading": measured("loading.csv", LOADING),
    "accuracy-fit": measured("validate_fit.csv", FIT),
    "accuracy-spread": measured("accuracy_spread.csv", SPREAD),
    "curve-errors": measured("curve_errors.csv", CURVE),
    "hrfs-bounds": hrfs_bounds,
    "start-ups": measured("start_ups.csv", START_UPS),
    "start-up-seconds": measured("start_up_seconds.csv", START_UP_S),
    "state-growth": measured("state_growth.csv", GROWTH),
    "calibration": measured("calibration.csv", CALIBRATION),
}
