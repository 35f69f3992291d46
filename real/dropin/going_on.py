"""Goes on with the run of a Tune experiment that is restored (`Tuner.restore`), from its log."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ray.tune.experiment import Trial as TuneTrial

from hetsched.core.dispatcher import Dispatcher
from hetsched.core.events import AnyEvent, CheckpointLost, SegmentEnded, TrialAdded, TrialCompleted
from hetsched.core.log import LOG_NAME, LogWriter
from hetsched.core.state import State
from hetsched.domain.cluster import Worker
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import Experiment, TrialId
from hetsched.errors import InputError
from hetsched.scenario.scenario import Setup
from hetsched.studies.resume import Report, pbt_course, remember, take_log, take_up
from real.dropin import population
from real.dropin.run import Run
from real.ray_internals.pbt import BoundaryPBT
from real.tune.clock import Clock

logger = logging.getLogger(__name__)

STALE = "Ray Tune's snapshot is of an earlier state"


def past_of(home: Path, setup: Setup, strategy: Strategy, seed: int, trials: Sequence[TuneTrial]) -> list[AnyEvent]:
    """The events of the log in the folder. Empty: no run had begun. Raises InputError for a log of
    another run."""
    [experiment] = setup.workload.experiments
    past = take_log(home / LOG_NAME, strategy, seed, experiment)
    known = {event.trial for event in past if isinstance(event, TrialAdded)}
    if past and known != {trial.trial_id for trial in trials}:
        raise InputError(
            f"{home / LOG_NAME}: is the log of other trials: name another experiment in RunConfig(name=...), or "
            "restore that one with Tuner.restore"
        )
    return past


def go_on(
    home: Path,
    setup: Setup,
    strategy: Strategy,
    seed: int,
    past: Sequence[AnyEvent],
    workers: Sequence[Worker],
    trials: Sequence[TuneTrial],
) -> Run:
    """The run of the log, updated to the present state of Tune's trials. Without the log's
    knowledge they may have fallen back, or ended.

    Hyperparameters are taken from the log, which has every perturbation.
    """
    remembered = remember(setup, strategy, seed, past)
    log = LogWriter(home / LOG_NAME, appends=True)
    dispatcher = Dispatcher(State(), remembered.policy, strategy.scheduling, setup.times, log)
    dispatcher.remember(past)
    take_up(dispatcher, workers, remembered.forgot, remembered.stops)
    run = Run(setup, strategy, seed, home, Clock(dispatcher.state.now), log, dispatcher)
    run.clock.start()
    _measure(run, past)
    for trial in trials:
        _reconcile(run, trial)
    dispatcher.commit()
    return run


def _measure(run: Run, past: Sequence[AnyEvent]) -> None:
    """Add the costs of the past segments. A log has no seconds of single steps."""
    state = State()
    for event in past:
        if isinstance(event, SegmentEnded):
            kind, worker = state.trials[event.trial].kind, state.workers[event.worker].type
            run.measured.segment(kind, worker, [], event.parts)
        state.apply(event)


def _reconcile(run: Run, trial: TuneTrial) -> None:
    name, now = TrialId(trial.trial_id), run.clock.now()
    known = run.state.trials[name]
    saved = trial.latest_checkpoint_result
    iteration = int((saved.metrics or {}).get(population.UNIT, 0)) if saved is not None else 0
    run.boundary[name] = iteration
    if known.completed is not None:
        if not trial.is_finished():
            run.stopped.append(name)
        return
    if trial.is_finished():
        run.dispatcher.record(TrialCompleted(now, name, "ended by Ray Tune"))
        return
    if iteration < known.iterations:
        logger.warning("%s; trial %s goes on from its state after %d iterations", STALE, name, iteration)
        score = population.score(population.flat((saved.metrics if saved else None) or {}).get(_metric(run)))
        run.dispatcher.record(CheckpointLost(now, name, iteration, score, STALE))
    trial.set_config(population.with_values(trial.config, known.hyperparameters))


def _metric(run: Run) -> str:
    [experiment] = run.setup.workload.experiments
    return experiment.metric.name.replace("/", ".")


def recall(pbt: BoundaryPBT, past: Sequence[AnyEvent], experiment: Experiment, trials: Sequence[TuneTrial]) -> None:
    """Restore what Ray's class knew: the last score of each trial, and the iterations at which it
    was last looked at."""
    looked: dict[str, tuple[int, float | None]] = {}
    for heard in pbt_course(past):
        if isinstance(heard, CheckpointLost):
            looked.pop(heard.trial, None)
        elif isinstance(heard, Report):
            trial, exploit = heard.trial, heard.exploit
            if trial.iterations - looked.get(trial.id, (0, None))[0] >= experiment.interval:
                looked[trial.id] = trial.iterations, trial.score
            if exploit is not None and exploit.source in looked:
                looked[trial.id] = looked[exploit.source][0], trial.score
    worst: Any = experiment.metric.worst
    for tuned in trials:
        if tuned.trial_id in looked:
            time, score = looked[tuned.trial_id]
            pbt.recall(tuned, time, worst if score is None else score)
