"""How a real run begins, goes on after an earlier driver, and ends. Any backend may carry out its
segments."""

import logging
from collections.abc import Callable, Container, Sequence
from pathlib import Path
from typing import NamedTuple

from hetsched.core.dispatcher import Dispatcher, Listener
from hetsched.core.events import COMPLETED, AnyEvent, RunEnded
from hetsched.core.log import LogWriter
from hetsched.core.state import State
from hetsched.domain.cluster import NodeId, Worker
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import Experiment
from hetsched.errors import PolicyError
from hetsched.scenario.scenario import Setup
from hetsched.studies.backends import Outcome
from hetsched.studies.beginning import begin
from hetsched.studies.policy_error import write_policy_error
from hetsched.studies.resume import Remembered, failed, remember, take_up
from real.checkpoints.generations import GENERATIONS, Checkpoints
from real.tune.clock import Clock
from real.tune.stopping import Stopping
from real.tune.trial_states import best_trial

logger = logging.getLogger(__name__)


class Course(NamedTuple):
    """A run that has begun, or goes on. `remembered` is what its policy remembers from earlier
    drivers."""

    dispatcher: Dispatcher
    checkpoints: Checkpoints
    remembered: Remembered
    stopping: Stopping
    clock: Clock
    log: LogWriter

    @property
    def outcome(self) -> Outcome:
        """The state, and what the policy cost under all drivers together."""
        asked, before = self.dispatcher, self.remembered
        return Outcome(asked.state, asked.decisions + before.decisions, asked.decision_s + before.decision_s)


def begin_or_go_on(
    setup: Setup,
    strategy: Strategy,
    seed: int,
    experiment: Experiment,
    past: Sequence[AnyEvent],
    workers: Sequence[Worker],
    nodes: Container[NodeId],
    log: LogWriter,
    listeners: Sequence[Listener] = (),
) -> Course:
    """Record that the run begins. If it has a past, record that it goes on with the workers whose
    nodes are among `nodes`."""
    if past:
        remembered = remember(setup, strategy, seed, past)
    else:
        remembered = Remembered(setup.scenario.scheduling_policy(strategy), None, 0, 0.0)
    # A state in memory is lost with its node, and so is the state before it, most likely.
    generations = 1 if setup.scenario.checkpoints.place == "object-store" else GENERATIONS
    checkpoints = Checkpoints(log.path.parent.resolve() / "checkpoints", generations)

    followers = [lambda _, event: checkpoints.follow(event), *listeners]
    dispatcher = Dispatcher(State(), remembered.policy, strategy.scheduling, setup.times, log, followers)
    if past:
        dispatcher.remember(past)
        checkpoints.remove_leftovers()
        joining = [worker for worker in workers if worker.node in nodes]
        take_up(dispatcher, joining, remembered.forgot, remembered.stops)
    else:
        begin(dispatcher, "ray", setup, strategy, seed, workers)
        dispatcher.arrive(0.0, experiment, seed)
    return Course(dispatcher, checkpoints, remembered, Stopping(log), Clock(dispatcher.state.now), log)


def carry_out(course: Course, folder: Path, train: Callable[[], None]) -> None:
    """Call `train` to train what is left, and record how the run ends.

    Raises what `train` raises, and the error for which the run stopped.
    """
    dispatcher, stopping = course.dispatcher, course.stopping
    try:
        if not dispatcher.state.finished:
            with stopping.on_interrupt():
                try:
                    train()
                finally:
                    course.checkpoints.release()
    except KeyboardInterrupt:  # the second Ctrl-C or SIGTERM, at any point: as if the driver had been killed
        course.log.drop()
        raise
    except BaseException as error:
        if isinstance(error, PolicyError):
            write_policy_error(folder, dispatcher, error)
        dispatcher.record(RunEnded(course.clock.tick(), failed(error)))
        raise
    if dispatcher.state.finished:
        dispatcher.record(RunEnded(dispatcher.state.now, COMPLETED))
        _keep_the_best(course)
    else:
        dispatcher.record(RunEnded(course.clock.tick(), stopping.reason))
    if stopping.error is not None:
        raise stopping.error


def _keep_the_best(course: Course) -> None:
    """Delete all checkpoints except the best-scoring trial's. If its checkpoint was not written,
    delete none."""
    best = best_trial(course.dispatcher.state).id
    file = course.checkpoints.latest(best)
    if file is None or file.exists():
        course.checkpoints.keep_only(best)
        return
    logger.warning("checkpoint %s of trial %s, which scores best, was not written; all others are kept", file, best)
