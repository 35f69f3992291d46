"""The Ray backend: carries a whole run out on Ray Tune."""

import fcntl
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ray import tune
from ray.tune import CheckpointConfig, FailureConfig, RunConfig, TuneConfig
from ray.tune.error import TuneError

from hetsched.backend import LOG_NAME, Listener, Outcome, begin
from hetsched.cluster import Worker, WorkerId
from hetsched.dispatcher import Dispatcher
from hetsched.errors import HetschedError, InputError, PolicyError, nearest
from hetsched.events import Event, LogWriter, RunEnded
from hetsched.policy_error import write_policy_error
from hetsched.registry import Strategy
from hetsched.resume import COMPLETED, Remembered, check_resumable, remember, take_log, take_up, workers_of
from hetsched.scenario import Scenario, profiled_workers
from hetsched.state import State
from hetsched.workload import Experiment
from real.checkpoints.generations import GENERATIONS, Checkpoints
from real.cluster import ray_cluster
from real.cluster.nodes import Nodes
from real.training.data import DATASETS
from real.training.models import MODELS, load_models
from real.training.training import Settings
from real.tune.actor import Plan, SegmentTrainable
from real.tune.scheduler import AssignOnStart, Clock, DispatchingPBT, Population, Run, best_trial
from real.tune.stopping import Stopping
from real.tune.tensorboard import TensorBoard

ENVIRONMENT = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # the event log has it all; TensorBoard's is asked for
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # KeyboardInterrupt is handled here
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000000",  # Tune's own snapshots would only cost time
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "RAY_AIR_NEW_OUTPUT": "0",  # the new one prints even when it is told not to
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
}


def run(
    scenario: Scenario,
    strategy: Strategy,
    seed: int,
    folder: Path,
    listen: Listener | None = None,
) -> Outcome:
    """Carry a strategy out on Ray Tune; see `hetsched.backend.Backend`.

    Time zero is when the cluster is up and the population is there: what it takes to start actors is part of the run,
    what it takes to start Ray is not.

    If the folder has the log of the run already, it goes on from there; see `hetsched.resume`.

    Of the weights, those of the trial that scores best at the end are kept, in `folder/checkpoints`.

    Raises KeyboardInterrupt after Ctrl-C, InputError for a scenario that cannot be run here, PolicyError if the policy
    fails, and HetschedError if a trial keeps failing, Ray does, or the disk is full.
    """
    experiment = _only_experiment(scenario)
    path = folder / LOG_NAME
    with _sole_driver(path):
        past = take_log(path)
        check_resumable(path, past, strategy, seed, experiment)
        nodes = {node.id for node in scenario.cluster_spec()}
        workers = [worker for worker in workers_of(past) if worker.node in nodes] or scenario.workers(strategy)
        plans = _plans(scenario, strategy, experiment, workers)
        os.environ.update(ENVIRONMENT)
        ray_nodes = ray_cluster.connect(scenario.cluster_spec(), scenario.real.address, some_may_lack=bool(past))
        if past:
            remembered = remember(scenario, strategy, seed, past)
        else:
            remembered = Remembered(scenario.scheduling_policy(strategy), None, 0, 0.0)
        with LogWriter(path) as log:
            place = scenario.checkpoints.place
            # In memory, a state is lost with its node, and the one before it most likely, too.
            checkpoints = Checkpoints(folder.resolve() / "checkpoints", 1 if place == "object-store" else GENERATIONS)

            def follow(state: State, event: Event) -> None:
                checkpoints.follow(event)
                if listen is not None:
                    listen(state, event)

            dispatcher = Dispatcher(State(), remembered.policy, strategy.scheduling, scenario.times, log, follow)
            if past:
                dispatcher.remember(past)
                checkpoints.remove_leftovers()
                there = [worker for worker in workers if worker.node in ray_nodes]  # the others join when they come
                take_up(dispatcher, there, remembered.forgot)
            else:
                begin(dispatcher, "ray", scenario, strategy, seed, workers)
                dispatcher.arrive(0.0, experiment, seed)
            present, clock = Nodes(scenario.cluster_spec(), ray_nodes), Clock(dispatcher.state.now)
            _carry_out(
                Run(experiment, seed, dispatcher, checkpoints, plans, present, Stopping(log), log, place, past, clock),
                log,
                folder,
                [TensorBoard()] if scenario.real.tensorboard else [],
            )
    decisions, decision_s = dispatcher.decisions + remembered.decisions, dispatcher.decision_s + remembered.decision_s
    return Outcome(dispatcher.state, decisions, decision_s)


@contextmanager
def _sole_driver(log: Path) -> Iterator[None]:
    """Raise InputError if another process carries the run of this log out. However that ends, the lock goes with it."""
    with log.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(f"{log}: another process is carrying this run out") from error
        yield


def _carry_out(work: Run, log: LogWriter, folder: Path, loggers: list[tune.Callback]) -> None:
    """Train what is left to train, and record how the run ends."""
    dispatcher, stopping = work.dispatcher, work.stopping
    try:
        if not dispatcher.state.finished:
            with stopping.on_interrupt():
                try:
                    _fit(work, folder.resolve(), loggers)
                finally:
                    work.checkpoints.release()
    except KeyboardInterrupt:  # the second, wherever it struck: as if the driver had been killed
        log.drop()
        ray_cluster.close()  # with all actors, which Tune leaves behind
        raise
    except BaseException as error:
        if isinstance(error, PolicyError):
            write_policy_error(folder, dispatcher, error)
        dispatcher.record(RunEnded(work.clock.tick(), f"failed: {type(error).__name__}"))
        raise
    if dispatcher.state.finished:
        dispatcher.record(RunEnded(dispatcher.state.now, COMPLETED))
        work.checkpoints.keep_only(best_trial(dispatcher.state).id)
    else:
        dispatcher.record(RunEnded(work.clock.tick(), stopping.reason))
    if stopping.error is not None:
        ray_cluster.close()
        raise stopping.error


def _fit(work: Run, folder: Path, loggers: list[tune.Callback]) -> None:
    """Let Tune run the population to its end, under `folder/tune`."""
    scheduler = DispatchingPBT(work)
    tuner = tune.Tuner(
        SegmentTrainable,
        param_space={"trial": tune.grid_search(work.experiment.trial_ids())},
        tune_config=TuneConfig(
            scheduler=scheduler, search_alg=Population(), reuse_actors=True, trial_dirname_creator=_trial_name
        ),
        run_config=RunConfig(
            name="tune",
            storage_path=str(folder),
            callbacks=[AssignOnStart(scheduler), *loggers],
            failure_config=FailureConfig(max_failures=-1),  # the scheduler counts them
            checkpoint_config=CheckpointConfig(checkpoint_at_end=False),
            verbose=0,
        ),
    )
    try:
        tuner.fit()
    except TuneError as error:
        if work.error is None:
            raise HetschedError(f"Ray Tune failed: {str(error).strip().rpartition(chr(10))[2]}") from error
    if work.error is not None:
        raise work.error
    if not work.dispatcher.state.finished and work.stopping.error is None:
        raise HetschedError("Ray Tune ended before every trial was completed")


def _trial_name(trial: tune.experiment.Trial) -> str:
    return str(trial.config["trial"])


def _only_experiment(scenario: Scenario) -> Experiment:
    load_models(_path(scenario.real.model_file))
    experiments = scenario.workload_spec().experiments
    if len(experiments) > 1:
        raise InputError(
            f"workload.experiments: a real run carries out one experiment, the scenario has {len(experiments)}: "
            f"{', '.join(experiment.id for experiment in experiments)}; leave one, or simulate"
        )
    [experiment] = experiments
    if not experiment.evaluation_images:
        raise InputError(
            f"workload.experiments.{experiment.id}.evaluation_images: a real run needs at least 1 to score"
        )
    if experiment.arrival_s > 0:
        raise InputError(
            f"workload.experiments.{experiment.id}.arrival_s: a real run begins when its experiment arrives; set it to "
            "0, or simulate"
        )
    if experiment.gang > 1:
        raise InputError(
            f"workload.experiments.{experiment.id}.gang: a real trial trains on one worker, this one takes "
            f"{experiment.gang}; set gang = 1, or simulate"
        )
    for field, word, known in (("model", experiment.model, MODELS), ("dataset", experiment.dataset, DATASETS)):
        if word not in known:
            key = f"workload.experiments.{experiment.id}.{field}"
            raise InputError(f"{key}: no {field} {word!r} can be trained: {nearest(word, known)}")
    return experiment


def _plans(
    scenario: Scenario, strategy: Strategy, experiment: Experiment, workers: list[Worker]
) -> dict[WorkerId, Plan]:
    """Every worker's plan. Workers on one host take its cores in turn; without an address all share this host.

    Raises InputError for a paced worker whose step time the profile does not know.
    """
    settings = Settings(
        experiment.model,
        experiment.dataset,
        max(experiment.batch_sizes),
        _path(scenario.real.data_dir),
        experiment.train_images,
        experiment.evaluation_images,
        _path(scenario.real.model_file),
        scenario.real.augment,
        tuple(scenario.real.speed_ups),
    )
    hosts = {node.id: node.address or node.id for node in scenario.cluster_spec()}
    taken: Counter[str | None] = Counter()
    plans = {}
    for worker in workers:
        pace_s = None
        if worker.pace is not None:
            known = {kind: scenario.times.seconds_per_iteration(kind, worker.type) for kind in experiment.kinds}
            if None in known.values():
                profiled_workers(scenario, strategy)
            pace_s = {kind.batch_size: seconds for kind, seconds in known.items() if seconds is not None}
        host = None if scenario.real.address is None else hosts[worker.node]
        plans[worker.id] = Plan(worker, settings, taken[host], pace_s, scenario.checkpoints.place)
        taken[host] += max(worker.cores, 1)
    return plans


def _path(name: str | None) -> Path | None:
    return None if name is None else Path(name)
