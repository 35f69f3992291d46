"""The text under a table: a line per column, and a line about the strategy with the most
overhead."""

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from shlex import join
from typing import NamedTuple

from hetsched.core.events import SegmentEnded
from hetsched.core.log import read_log
from hetsched.core.state import State
from hetsched.domain.metric import Metric, shared
from hetsched.domain.recordings import LOSS
from hetsched.domain.rounding import level
from hetsched.errors import counted
from hetsched.report.figures_in_words import share as in_percent
from hetsched.report.hyperparameters import names_of
from hetsched.report.scores import further_metrics, metric_name
from hetsched.studies.recording_plan import RecordingPlan

BEST = "best score"

BEHIND = "behind it [it.]"

BY_AREA = "by area [s]"
"""The heading of a column that is shown only where trials arrive over time."""

RUN = {
    "makespan [s]": "when the last trial ended",
    "x own bound": "makespan / the least makespan of any schedule on the workers of this run",
    "x bound": "makespan / the least makespan under any allocation of the cluster",
    "mean JCT [s]": "job completion time: completion - arrival of a trial, the mean over the trials",
    "x JCT bound": "mean JCT / the least mean JCT of any schedule on the workers of this run",
    BEST: "the best score of any trial",
    BEHIND: "iterations behind these weights, as PBT copies weights",
    "utilisation": "time of the workers in segments / time that the workers are there",
}
"""What each column says that both tables have: the table of runs and the table of comparisons."""

STRATEGY = "an allocation policy (nodes -> workers) + a scheduling policy (which trial trains where, how long)"

COMPARISON = {
    "strategy": STRATEGY,
    "makespan [s]": f"{RUN['makespan [s]']}, the mean over the seeds",
    "95% interval": "of the mean makespan",
    "x own bound": RUN["x own bound"],
    "x bound": RUN["x bound"],
    "speed-up": "the baseline's makespan / this makespan, seed by seed",
    "mean JCT [s]": RUN["mean JCT [s]"],
    BY_AREA: "the same, each trial weighed by the work in it (area-weighted response time)",
    "x JCT bound": RUN["x JCT bound"],
    BEST: f"{RUN[BEST]}, the mean over the seeds, by the simulator's learning curves",
    BEHIND: f"{RUN[BEHIND]}, the mean over the seeds",
    "utilisation": RUN["utilisation"],
}
"""What each column of a comparison says."""

RUNS = {
    "strategy": STRATEGY,
    "seed": "what the noise and the choices of PBT were drawn from",
    **RUN,
    "segments": "how often a worker trained a trial and evaluated it",
    "lost": "segments whose results were lost, with a worker or a checkpoint",
    "exploits": "how often a trial copied the weights of another one",
}
"""What each column of a table of runs says."""

AGREEMENT = {
    "strategy": STRATEGY,
    "figure": "what is compared; a worker's figure has the worker's name",
    "predicted": "by the simulator, the mean over the seeds; for steps on paced workers: what the pace asks",
    "measured": "by the real runs, the mean over the repetitions",
    "error": "(predicted - measured) / measured; for steps on paced workers: how late the steps were",
    "95% interval": "of the error, by Student's t over the repetitions",
}
"""What the columns of a validation say."""

RECORDING = {
    "recording": "its number",
    "model": "what it trained",
    "dataset": "the data set that it trained on",
    "batch_size": "images per iteration",
    "seed": "the seed of its training",
    "evaluation_images": "on how many images it was evaluated",
    "iteration": "after how many iterations; 0: untrained",
}
"""What the columns of a file of recordings say, beside scores and hyperparameters."""

SCORES = {
    "strategy": STRATEGY,
    "at [s]": "seconds since the start of a run; end: of each run",
    "best predicted": "the best score of any trial so far, by the simulator, the mean over the seeds",
    "best measured": "the same by the real runs",
    "best error": "predicted - measured, in the unit of the score",
    "best 95% interval": "of the error, by Student's t over the seeds",
    "mean predicted": "the newest scores of the trials, the mean over trials, by the simulator, and over the seeds",
    "mean measured": "the same by the real runs",
    "mean error": "predicted - measured, in the unit of the score",
    "mean 95% interval": "of the error, by Student's t over the seeds",
}
"""What the columns of a validation's scores over time say."""

BOUNDS = {
    "allocation": "how nodes become workers; any: the best that any allocation could have",
    "makespan [s]": "no schedule ends the last trial sooner",
    "mean JCT of trials [s]": "no schedule has a lower mean of completion - arrival over the trials",
    "mean JCT of experiments [s]": "the same over experiments, each completed with its last trial",
    "makespan, training alone [s]": "without start-up, evaluation and checkpoints",
}
"""What the columns of `hetsched bound` say."""

PLAN = {
    "strategy": STRATEGY,
    "makespan [s]": f"{RUN['makespan [s]']}, the mean over the seeds",
    "95% interval": "of the mean makespan",
    "x own bound": RUN["x own bound"],
    "x bound": RUN["x bound"],
    "trials stopped": "trials that the policy stopped early, the mean over the seeds",
}
"""What the columns of a plan say."""

ABLATION = {
    "simulated": "which part of the costs is left out",
    "makespan [s]": f"{RUN['makespan [s]']}, the mean over the seeds",
    "contributes [s]": "the makespan of everything - this makespan",
    "contributes [%]": "the same, in percent of the makespan of everything",
    BEST: f"{RUN[BEST]}, the mean over the seeds",
    "iterations": "iterations of all trials together, the mean over the seeds",
}
"""What the columns of `hetsched simulate --ablate` say."""

BASELINE = "speed-up over"
"""A heading of a suite that ends with the name of the baseline."""

OF_BOUND = "x bound, interquartile mean"
ON_WORKERS = "on these workers"
OF_ANY = "under any allocation, as whole strategies take part"

WINS = "wins alike losses open"
"""A column of a suite with several seeds only."""

SUITE = {
    "policy": "a scheduling policy on each scenario's workers, or a whole strategy",
    OF_BOUND: f"makespan / the least makespan of any schedule {ON_WORKERS}: the mean of the middle half of the "
    "scenarios (95% interval over scenarios)",
    "x bound, mean": "the same ratio, the geometric mean over all scenarios",
    "x bound, worst, and where": "the largest ratio of any scenario, and that scenario",
    BASELINE: "the baseline's makespan / this makespan, the geometric mean over the scenarios (95% interval)",
    WINS: "on how many scenarios it is faster than the baseline (shown by the test, or by the same ratio under every "
    "seed), alike, slower, or nothing is shown",
    "beats it": "the probability that it is faster than the baseline, on a random scenario and under random seeds",
    "mean rank": "its place among the policies by x bound (1: the best), the mean over the scenarios",
    "decision [ms]": "the time of one call of the policy",
}
"""What the columns of a suite say."""

WORKERS = {
    "worker": "its name",
    "busy [s]": "its time in segments, finished or lost",
    "utilisation": "busy / the time that the worker is there",
    "segments": "how many it finished; a segment of a gang counts for each of its workers",
}
"""What the columns of the table of workers say."""

PROFILE = {
    "model": "the network",
    "dataset": "the data set that it trains on",
    "worker": "the type of worker that was measured",
    "batch": "images per iteration",
    "iteration [s]": "mean time of an iteration; the percentage after ± is the standard deviation / mean",
    "shared [x]": "how many times as long an iteration takes while all other cores train",
    "evaluation [ms/image]": "mean time of an evaluation per image",
    "start-up [s]": "mean time until a trial's process is ready",
    "restore [ms]": "mean time to read a checkpoint's file",
    "save [ms]": "mean time to write a checkpoint's file",
    "in memory [ms]": "mean times to restore from, and to save to, the memory of the node",
    "size [MB]": "of a checkpoint",
}
"""What the columns of a profile say."""

KNOWN_TIMES = {
    "model": "the network of an experiment",
    "dataset": "its data set",
    "batch": "images per iteration",
    "worker": "a type of worker of the scenario's strategies",
    "step time": "measured: a row of the profile; interpolated: between rows; extrapolated: beyond them; or unknown",
    "iteration [s]": "the time of an iteration on the worker, without a pace",
}
"""What the columns of `hetsched profile check` say."""

POLICIES = {
    "kind": "allocation: nodes -> workers; scheduling: which trial trains where, how long",
    "policy": "its name; a strategy is ALLOCATION+SCHEDULING",
    "what it does": "the first line of its docstring",
}
"""What the columns of the list of policies say."""

OPTIONS = {
    "option": "the key in the policy's table of a scenario",
    "type": "of its value",
    "default": "the value where a scenario does not set it",
    "what it is": "from the policy's docstring",
}
"""What the columns of the table of a policy's options say."""

LARGE = 0.25
"""The least fraction of the segments' time outside training that a line under the table reports."""

ENOUGH = 5000
"""The overhead of a run is computed from at most this many events of its log."""


def recording_columns(plan: RecordingPlan) -> dict[str, str]:
    """What each column of the plan's file of recordings says."""

    def says(column: str) -> str:
        if column == plan.metric:
            return "the score; empty: there was none, or it was not finite"
        if column == LOSS:
            return "the mean training loss since the line before"
        return RECORDING.get(column, "a hyperparameter of the iterations since the line before")

    return {column: says(column) for column in plan.columns}


def trials_columns(state: State) -> dict[str, str]:
    """What each column of the table of trials says. Metrics and hyperparameters are columns,
    too."""
    metric = metric_name(shared(experiment.metric for experiment in state.experiments.values()))
    trials = state.trials.values()
    return {
        "trial": "a member of a population",
        "status": "ready (it waits for a worker), running or completed",
        "iterations": "what the trial has trained; with pbt.iterations = 'lineage': the iterations behind its weights",
        metric: "the score of its present weights",
        "best": "the best score that the trial has had",
        **dict.fromkeys(further_metrics(trials), "a further metric of its present weights"),
        **dict.fromkeys(names_of(trials), "a hyperparameter, as it is now"),
        "exploits": "how often the trial copied the weights of another one",
    }


def suite_legend(baseline: str, tested: bool, any_allocation: bool = False) -> str:
    """The legend of a suite. `tested`: it has several seeds, so that something is won or lost.
    `any_allocation`: its bounds are of any allocation, as it has whole strategies."""
    there = {column: says for column, says in SUITE.items() if tested or column != WINS}
    if any_allocation:
        there[OF_BOUND] = there[OF_BOUND].replace(ON_WORKERS, OF_ANY)
    return legend({f"{BASELINE} {baseline}" if column == BASELINE else column: says for column, says in there.items()})


def legend(columns: Mapping[str, str], metric: Metric | None = None, arriving: bool = False) -> str:
    """One line per column. `metric` names the column of scores. `arriving`: trials arrive over
    time, so the column `BY_AREA` has a line."""
    there = {column: says for column, says in columns.items() if arriving or column != BY_AREA}
    named = {f"best {metric_name(metric)}" if column == BEST else column: says for column, says in there.items()}
    width = max(map(len, named))
    return "\n".join(f"{column:<{width}}  {says}" for column, says in named.items())


class Overhead(NamedTuple):
    """The fraction of the time of `segments` segments that did not go into training.

    `whole`: the log has no events after those that were read.
    """

    share: float
    segments: int
    whole: bool


def overhead(log: Path) -> Overhead:
    """The overhead of a run: start-up, restore, evaluation, checkpoints, and waiting for the
    driver.

    The overhead is computed from the first `ENOUGH` events of the log. Its share is 0 if no segment
    ended in them. Raises InputError, naming the log, if the log is damaged.
    """
    events = read_log(log)
    parts = [event.parts for event in islice(events, ENOUGH) if isinstance(event, SegmentEnded)]
    total_s = sum(part.total_s for part in parts)
    share = 1 - sum(part.train_s for part in parts) / total_s if total_s else 0.0
    return Overhead(share, len(parts), next(events, None) is None)


def where_time_goes(logs: Mapping[str, Path], seed: int, scenario: Path) -> tuple[str, str] | None:
    """A line about the strategy with the most overhead (of equals the first), from one log per
    strategy under the seed, and the command that says more.

    None: the strategy's overhead is less than `LARGE` of its segments' time.
    """
    found = {strategy: overhead(log) for strategy, log in logs.items()}
    shares = dict(zip(found, level([each.share for each in found.values()]), strict=True))
    worst = max(shares, key=shares.__getitem__)
    share, segments, whole = found[worst]
    if share < LARGE:
        return None
    of = f"seed {seed}" if whole else f"seed {seed}, the first {counted(segments, 'segment')}"
    command = join(["hetsched", "simulate", str(scenario), "--strategy", worst, "--ablate"])
    return f"{worst}: {in_percent(share)} of the time in segments is not training ({of}); what takes it:", command
