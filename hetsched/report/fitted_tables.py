"""Tables about a profile that was fitted to real runs: its costs, and its errors on runs that the
fit left out."""

from collections.abc import Iterator

from hetsched.domain.profiles import ProfileRow
from hetsched.errors import counted
from hetsched.report.fidelity_tables import Listing, in_how_many
from hetsched.report.figures_in_words import percent
from hetsched.studies.fidelity.fitting import FittedProfile, Rests

COSTS = {
    "cost": "a part of a segment; step: one iteration; dispatch: messages between the driver and the worker",
    "of": "the model and data set that trained, and the batch size",
    "on": "the type of worker",
    "mean [s]": "the mean of a run, the median over the runs",
    "variation": "standard deviation / mean of a run, the median over the runs",
    "segments": "how many segments show the cost",
}
"""What the columns of the table of costs say."""

HELD_OUT = {
    "left out": "a run whose segments the fit does not see",
    "makespan, before": "(predicted - measured) / measured, by the profile that the run came with",
    "after": "the error to its left, by the profile of the other runs (empty: none trained the same on such a worker)",
    "completion, before": "the error of the trials' completion times, the mean over the trials, by the run's profile",
}
"""What the columns of the table of left-out runs say."""


def listings(fitted: FittedProfile) -> Iterator[Listing]:
    """Two tables: the costs in seconds with the number of segments behind each, and the errors on
    left-out runs."""
    rows = zip(fitted.calibration.rows, fitted.rests, strict=True)
    segments = sum(rests.dispatch for rests in fitted.rests)
    dispatch = ("dispatch", "", "", f"{fitted.calibration.latency_s:.4g}", "", str(segments))
    yield Listing(
        ("cost", "of", "on", "mean [s]", "variation", "segments"),
        [*(cells for pair in rows for cells in _costs(*pair)), dispatch],
        COSTS,
    )
    yield Listing(
        ("left out", "makespan, before", "after", "completion, before", "after"),
        [
            (
                one.run,
                percent(one.before[0]),
                "" if one.after is None else percent(one.after[0]),
                percent(one.before[1]),
                "" if one.after is None else percent(one.after[1]),
            )
            for one in fitted.held_out
        ],
        HELD_OUT,
    )


def _costs(row: ProfileRow, rests: Rests) -> Iterator[tuple[str, ...]]:
    """The cells of one row per cost. Costs that no segment shows are left out."""
    found: list[tuple[str, float | None, float | None, int]] = [
        ("step", row.seconds_per_iteration, row.noise_cv, rests.step),
        ("start-up", row.start_up_s, row.start_up_cv, rests.start_up),
        ("evaluation, per image", row.evaluation_s_per_image, row.evaluation_cv, rests.evaluation),
        ("restore", row.restore_s, row.restore_cv, rests.restore),
        ("checkpoint", row.checkpoint_s, row.checkpoint_cv, rests.checkpoint),
    ]
    for name, mean_s, cv, segments in found:
        if segments and mean_s is not None:
            variation = "" if cv is None else percent(100 * cv, 0, signed=False)
            yield name, str(row.kind), str(row.worker_type), f"{mean_s:.4g}", variation, str(segments)


def lines(fitted: FittedProfile) -> list[str]:
    """Lines with the keys that a scenario needs beside the profile, and with the mean absolute
    errors."""
    told = [f"overheads.latency_s = {fitted.calibration.latency_s:.4g}"]
    if fitted.calibration.host_cores is not None:
        told.append(f"overheads.host_cores = {fitted.calibration.host_cores}")
    told = [f"beside the profile, a scenario needs {', '.join(told)}"]
    unknown = sum(one.after is None for one in fitted.held_out)
    if unknown:
        told.append(f"{unknown} of {len(fitted.runs)} runs: no other run trained the same kind on the same worker type")
    if (means := fitted.mean_absolute) is not None:
        told.append(
            f"mean absolute error of the makespan of a run that was left out: {means[1]:.2f}%, "
            f"by the profiles of the runs {means[0]:.2f}%"
        )
    return told


def assumed(fitted: FittedProfile) -> list[str]:
    """What the predictions of runs assumed, with the columns of the table for which it holds, and
    the number of runs."""
    of = counted(len(fitted.runs), "run")
    columns = {
        "before": in_how_many([one.assumed_before for one in fitted.held_out], of),
        "after": in_how_many([one.assumed_after for one in fitted.held_out], of),
    }
    every = dict.fromkeys(line for lines in columns.values() for line in lines)
    return [f"{', '.join(name for name in columns if line in columns[name])}: {line}" for line in every]
