"""What stands under the table of a comparison: what its columns say, and where the time of a strategy goes."""

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from shlex import join
from typing import NamedTuple

from hetsched.core.events import SegmentEnded
from hetsched.core.log import read_log
from hetsched.domain.metric import Metric
from hetsched.errors import counted
from hetsched.report.figures_in_words import share as in_percent
from hetsched.report.scores import metric_name

BEST = "best score"

BEHIND = "behind it [it.]"

BY_AREA = "by area [s]"
"""A column where trials arrive over time only."""

LEGEND = {
    "strategy": "an allocation policy (nodes -> workers) + a scheduling policy (which trial trains where, how long)",
    "makespan [s]": "when the last trial ended, the mean over the seeds",
    "95% interval": "of the mean makespan",
    "x own bound": "makespan / the least makespan of any schedule on the workers of this run",
    "x bound": "makespan / the least makespan under any allocation of the cluster",
    "speed-up": "the baseline's makespan / this makespan, seed by seed",
    "mean JCT [s]": "job completion time: completion - arrival of a trial, the mean",
    BY_AREA: "the same, each trial weighed by the work in it (area-weighted response time)",
    "x JCT bound": "mean JCT / the least mean JCT of any schedule on the workers of this run",
    BEST: "the best score of any trial, the mean over the seeds, by the simulator's learning curves",
    BEHIND: "iterations behind these weights, as PBT copies weights, the mean over the seeds",
    "utilisation": "time of the workers in segments / time that the workers are there",
}
"""What each column of the table says."""

LARGE = 0.25
"""So large a part of the time of segments is worth a word, if it does not go into training."""

ENOUGH = 5000
"""So many events of a log tell it well enough."""


def legend(metric: Metric | None, arriving: bool = False) -> str:
    """A line per column of a table whose scores are of this metric, and whose trials may arrive over time."""
    there = {column: says for column, says in LEGEND.items() if arriving or column != BY_AREA}
    columns = {f"best {metric_name(metric)}" if column == BEST else column: says for column, says in there.items()}
    width = max(map(len, columns))
    return "\n".join(f"{column:<{width}}  {says}" for column, says in columns.items())


class Overhead(NamedTuple):
    """The part of the time of so many segments that went into other things than training. `whole`: the run has no
    others."""

    share: float
    segments: int
    whole: bool


def overhead(log: Path) -> Overhead:
    """What a run does not train in its segments: start-up, restore, evaluation, checkpoints and waiting for the driver.
    It is that of the first segments in the log, 0 if there are none."""
    events = read_log(log)
    parts = [event.parts for event in islice(events, ENOUGH) if isinstance(event, SegmentEnded)]
    total_s = sum(part.total_s for part in parts)
    share = 1 - sum(part.train_s for part in parts) / total_s if total_s else 0.0
    return Overhead(share, len(parts), next(events, None) is None)


def where_time_goes(logs: Mapping[str, Path], seed: int, scenario: Path) -> str | None:
    """A line about the strategy with the most overhead, if that is large, given the log of each under the seed."""
    found = {strategy: overhead(log) for strategy, log in logs.items()}
    worst = max(found, key=lambda strategy: found[strategy].share)
    share, segments, whole = found[worst]
    if share < LARGE:
        return None
    of = f"seed {seed}" if whole else f"seed {seed}, the first {counted(segments, 'segment')}"
    command = join(["hetsched", "simulate", str(scenario), "--strategy", worst, "--ablate"])
    return f"{worst}: {in_percent(share)} of the time in segments is not training ({of}); what takes it: {command}"
