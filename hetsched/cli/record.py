"""`hetsched record`."""

import argparse
from pathlib import Path
from shlex import join

from hetsched.argument_types import a_path, count, iterations, part, seed
from hetsched.cli.arguments import add_data_dir, add_device, add_scenario, add_threads
from hetsched.cli.json_output import Emit
from hetsched.cli.shared import finish, say, say_whole
from hetsched.domain.metric import DEFAULT
from hetsched.errors import InputError, counted
from hetsched.report.legend import legend, recording_columns
from hetsched.report.printable import printable
from hetsched.report.progress import ProgressLine
from hetsched.scenario.loading import load_training_tables
from hetsched.scenario.scenario import Scenario
from hetsched.studies.record import experiment_of, record
from hetsched.studies.recording_plan import Recorded, RecordingPlan

EXAMPLES = (
    "hetsched record examples/cifar10-quick.toml --out recordings.csv",
    "hetsched record examples/cifar10-quick.toml --out recordings.csv --jobs 2",
)


def configure(parser: argparse.ArgumentParser) -> None:
    add_scenario(parser)
    recorded = parser.add_argument_group("what is recorded")
    recorded.add_argument(
        "--out",
        type=a_path,
        required=True,
        metavar="FILE.csv",
        help="the file to write. What it has already is not recorded again",
    )
    text = "number of recordings (default: 32)"
    recorded.add_argument("--recordings", type=count, default=32, metavar="N", help=text)
    text = "iterations per recording (default: the experiment's stop_iterations)"
    recorded.add_argument("--iterations", type=iterations, metavar="N", help=text)
    text = "iterations between evaluations (default: the experiment's perturbation interval)"
    recorded.add_argument("--every", type=iterations, metavar="N", help=text)
    text = "the experiment to record. A scenario with several needs it"
    recorded.add_argument("--experiment", metavar="NAME", help=text)
    recorded.add_argument("--metric", metavar="NAME", help="the metric to record (default: the experiment's)")
    drawn = parser.add_argument_group("what is drawn")
    text = "recordings of one configuration, each with its own seed (default: 4)"
    drawn.add_argument("--repeats", type=seed, default=4, metavar="N", help=text)
    drawn.add_argument(
        "--changing",
        type=part,
        default=0.4,
        metavar="PART",
        help="the part of the other recordings that change hyperparameters once, from 0 to below 1 (default: 0.4)",
    )
    text = "random seed, which decides what is drawn (default: 0)"
    drawn.add_argument("--seed", type=seed, default=0, metavar="N", help=text)
    where = parser.add_argument_group("where it trains")
    text = "recordings that train at once (default: 1)"
    where.add_argument("--jobs", type=count, default=1, metavar="N", help=text)
    add_device(where)
    add_threads(where)
    add_data_dir(where)


def execute(options: argparse.Namespace, emit: Emit) -> None:
    """Record learning curves of a scenario's training. Trials with hyperparameters from its search
    space train without PBT, and are evaluated on their way. A recording is in the file as soon as
    it is finished. The same command goes on where it was stopped. 'hetsched fit' fits learning
    models to such files. See docs/learning.md."""
    scenario = load_training_tables(options.scenario)
    try:
        plan = plan_of(options, scenario)
    except InputError as error:
        raise InputError(f"{options.scenario}: {error}") from error
    with ProgressLine("recording", plan.recordings) as progress:
        shown = 0

        def on_recorded(recorded: Recorded, in_file: int) -> None:
            nonlocal shown
            score = recorded.evaluations[-1].score
            note = f"recording {recorded.number}: {plan.metric} {score:.4g}, {recorded.seconds:.1f} s"
            progress.advance(in_file - shown, printable(note))
            shown = in_file

        result = record(plan, options.out, on_recorded)

    def table() -> None:
        before = result.recordings - result.recorded_now
        there = f", {before} of them before" if before else ""
        say(f"{options.out}: {counted(result.recordings, 'recording')}{there}")
        for line in result.assumptions:
            say(f"assumed: {line}")
        say(legend(recording_columns(plan)))
        say_whole(f"fit: {fit_command(options.out, plan)}")

    finish(options, emit, result.document(), table, None)


def fit_command(recordings: Path, plan: RecordingPlan) -> str:
    """The command that fits learning models to the recordings in the file. The user replaces words in
    capitals."""
    metric, chance = plan.experiment.metric, "" if plan.reports_untrained() else " --chance UNTRAINED_SCORE"
    command = ["hetsched", "fit", str(recordings)]
    if plan.metric == DEFAULT.name:
        return join(command) + chance
    mode = metric.mode if plan.metric == metric.name else "max|min"
    return join([*command, "--metric", plan.metric, "--mode"]) + f" {mode}{chance}"


def plan_of(options: argparse.Namespace, scenario: Scenario) -> RecordingPlan:
    """The plan of the recordings, from the command line and the scenario. Raises InputError if it
    is impossible."""
    experiment = experiment_of(scenario, options.experiment)
    iterations = options.iterations or experiment.stop_iterations
    data_dir, real = options.data_dir, scenario.real
    if data_dir is None and real.data_dir is not None:
        data_dir = scenario.path(real.data_dir)
    return RecordingPlan(
        experiment=experiment,
        metric=options.metric or experiment.metric.name,
        recordings=options.recordings,
        iterations=iterations,
        every=options.every or experiment.interval,
        repeats=min(options.repeats, options.recordings),
        changing=options.changing,
        seed=options.seed,
        device=options.device,
        threads=options.threads,
        jobs=options.jobs,
        data_dir=data_dir,
        model_file=None if real.model_file is None else scenario.path(real.model_file),
        augment=real.augment,
        speed_ups=tuple(real.speed_ups),
        training=scenario.training_source,
        options={} if scenario.training is None else scenario.training.options,
    )
