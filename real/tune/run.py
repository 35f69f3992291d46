"""The Ray backend: carries a whole run out on Ray Tune."""

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path

from ray import tune
from ray.tune import CheckpointConfig, FailureConfig, RunConfig, TuneConfig
from ray.tune.error import TuneError

from hetsched.core.dispatcher import Listener
from hetsched.core.log import LOG_NAME, LogWriter
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import Experiment
from hetsched.errors import HetschedError, InputError, counted
from hetsched.scenario.scenario import Setup
from hetsched.studies.backends import Outcome
from hetsched.studies.resume import take_log, workers_of
from real.cluster import ray_cluster
from real.cluster.machines import Machines
from real.cluster.nodes import Nodes
from real.cluster.ray_probe import RayProbe
from real.resources.ray_meters import RayMeters
from real.resources.sampling import OwnMeters, Sampling
from real.tune.actor import SegmentTrainable
from real.tune.course import Course, begin_or_go_on, carry_out
from real.tune.driver import Driver, driver_of
from real.tune.pbt import RayPBT
from real.tune.planned_faults import PlannedFaults
from real.tune.plans import only_experiment, plans_of
from real.tune.scheduler import DispatchingScheduler, OnTrialStart, Population
from real.tune.tensorboard import TensorBoard
from real.tune.tune_actors import TuneActors

ENVIRONMENT = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # the event log has it all; TensorBoard's is an option
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # KeyboardInterrupt is handled here
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000000",  # Tune's own snapshots would only cost time
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "RAY_AIR_NEW_OUTPUT": "0",  # the new output prints even at verbosity 0
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
}


TRY_AGAIN = "resume the run; if this comes again, install a version of Ray that hetsched[real] asks for"


def run(
    setup: Setup,
    strategy: Strategy,
    seed: int,
    folder: Path,
    listeners: Sequence[Listener] = (),
) -> Outcome:
    """Carry out a strategy on Ray Tune (see `hetsched.studies.backends.Backend.run`).

    Time zero is the moment at which the cluster is up and the population exists. So starting actors
    is part of the run, starting Ray is not.

    A run whose log the folder has goes on from there (see `hetsched.studies.resume`). At the end
    the weights of the trial with the best score are kept, in `folder/checkpoints`.

    Raises KeyboardInterrupt after Ctrl-C, InputError for a scenario that cannot run here, and
    PolicyError if the policy fails. HetschedError: a trial keeps failing, Ray fails, disk full.
    """
    experiment = only_experiment(setup)
    path = folder / LOG_NAME
    with _sole_driver(path):
        past = take_log(path, strategy, seed, experiment)
        known = {node.id for node in setup.cluster}
        workers = [worker for worker in workers_of(past) if worker.node in known] or setup.workers(strategy)
        plans = plans_of(setup, strategy, experiment, workers)
        os.environ.update(ENVIRONMENT)
        ray_nodes = ray_cluster.connect(setup.cluster, setup.scenario.real.address, some_may_lack=bool(past))
        with LogWriter(path, appends=True) as log:
            course = begin_or_go_on(setup, strategy, seed, experiment, past, workers, ray_nodes, log, listeners)
            probe = RayProbe(setup.cluster)
            place, pbt, real = setup.scenario.checkpoints.place, RayPBT(experiment, seed), setup.scenario.real
            actors = TuneActors(plans, probe.host if real.address is None else Machines(probe.host, ray_nodes).of)
            nodes = Nodes(setup.cluster, ray_nodes, probe)
            meters = OwnMeters() if real.address is None else RayMeters()
            sampling = Sampling(meters, lambda: nodes.there, probe.host, real.report_interval_s)
            driver = driver_of(course, place, seed, workers, nodes, actors, pbt, sampling, past)
            tuner = _tuner(DispatchingScheduler(driver, actors), experiment, folder.resolve(), real.tensorboard)
            with closing(PlannedFaults(setup, actors, course.clock)) as planned:
                _carry_out(course, folder, lambda: _fit(tuner, driver, course, sampling, planned))
    return course.outcome


def _carry_out(course: Course, folder: Path, train: Callable[[], None]) -> None:
    """Carry out the course. After an interrupt, close the cluster with all actors, because Tune
    does not."""
    try:
        carry_out(course, folder, train)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) or error is course.stopping.error:
            ray_cluster.close()
        raise


@contextmanager
def _sole_driver(log: Path) -> Iterator[None]:
    """Raise InputError if another process carries out the run of this log. The lock ends with the
    process, however the process ends."""
    with log.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            busy = "another process is carrying this run out; wait for its end, or stop it"
            raise InputError(f"{log}: {busy}") from error
        yield


def _tuner(scheduler: DispatchingScheduler, experiment: Experiment, folder: Path, tensorboard: bool) -> tune.Tuner:
    """A tuner for the whole population, with its files in `folder/tune`."""
    return tune.Tuner(
        SegmentTrainable,
        param_space={"trial": tune.grid_search(experiment.trial_ids())},
        tune_config=TuneConfig(
            scheduler=scheduler, search_alg=Population(), reuse_actors=True, trial_dirname_creator=_trial_name
        ),
        run_config=RunConfig(
            name="tune",
            storage_path=str(folder),
            callbacks=[OnTrialStart(scheduler), *([TensorBoard()] if tensorboard else [])],
            failure_config=FailureConfig(max_failures=-1),  # the driver counts them
            checkpoint_config=CheckpointConfig(checkpoint_at_end=False),
            verbose=0,
        ),
    )


def _fit(tuner: tune.Tuner, driver: Driver, course: Course, *meanwhile: AbstractContextManager[object]) -> None:
    """Let Tune train the population to the end. Meanwhile these contexts sample what nodes use, and
    carry out planned faults."""
    try:
        with ExitStack() as contexts:
            for context in meanwhile:
                contexts.enter_context(context)
            tuner.fit()
    except Exception as error:
        if driver.error is not None:
            raise driver.error from error
        driver.give_up(error)
        if isinstance(error, TuneError):
            last = str(error).strip().rpartition("\n")[2]
            raise HetschedError(f"{course.log.path}: Ray Tune failed: {last}; {TRY_AGAIN}") from error
        raise
    if driver.error is not None:
        raise driver.error
    state = course.dispatcher.state
    if not state.finished and course.stopping.error is None:
        lacking = counted(len(state.ready) + len(state.running), "trial")
        raise HetschedError(
            f"{course.log.path}: Ray Tune ended before every trial was completed: {lacking} not done; {TRY_AGAIN}"
        )


def _trial_name(trial: tune.experiment.Trial) -> str:
    return str(trial.config["trial"])
