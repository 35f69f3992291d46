"""Which decisions of a policy, and which ends of segments, must be refused, and why."""

from hetsched.core.decisions import Dispatch
from hetsched.core.events import SegmentEnded, SegmentStarted
from hetsched.core.running_segments import RAY_TUNE
from hetsched.core.state import State
from hetsched.core.trial import status_of
from hetsched.domain.workload import TrialId
from hetsched.errors import HetschedError


def refusal_to_start(state: State, decision: Dispatch) -> str | None:
    """Why a segment must not start, after the decisions before it were carried out. None: it may
    start."""
    try:
        trial, worker = state.trials[decision.trial], state.idle[decision.worker]
    except (KeyError, TypeError):
        return not_ready(state, decision.trial) or _misplaced(state, decision)
    if trial.completed is not None or trial.id in state.running:
        return not_ready(state, trial.id)
    experiment = state.experiments[trial.experiment]
    alone = _is_none(decision.others)
    if state.restricted or not alone:
        if experiment.gang > 1 or not alone:
            refusal = _misplaced(state, decision)
            if refusal is not None:
                return refusal
        if not experiment.may_use(worker.device):
            devices = ", ".join(experiment.devices or ())
            return f"the trial runs on {devices} only, the worker is a {worker.device}"
    iterations, remaining = decision.iterations, experiment.stop_iterations - trial.iterations
    if type(iterations) is not int or not 1 <= iterations <= experiment.longest_segment or iterations > remaining:
        most = min(remaining, experiment.longest_segment)
        limit = f"the perturbation interval is {experiment.interval}, " if experiment.pbt is not None else ""
        return f"iterations must be a whole number from 1 to {most} ({limit}{remaining} of the trial remain)"
    return None if _is_none(decision.then) else _refusal_to_follow(state, decision)


def _is_none(names: object) -> bool:
    """Whether this is the empty tuple. An array cannot be compared with it."""
    return isinstance(names, tuple) and not names


def _refusal_to_follow(state: State, decision: Dispatch) -> str | None:
    """Why the further trials of a package must not follow its first one. None: they may follow."""
    if not isinstance(decision.then, tuple):
        return "the trials that follow in a package are a tuple of trials' ids"
    device = state.workers[decision.worker].device
    names: set[object] = {decision.trial}
    for name in (decision.trial, *decision.then):
        if (refusal := not_ready(state, name)) is not None:
            return f"{name!r} of the package: {refusal}"
        experiment = state.experiments[state.trials[name].experiment]
        if experiment.gang > 1 or not experiment.may_use(device):
            return f"{name!r} of the package does not run on a single {device}"
        names.add(name)
    return None if len(names) == 1 + len(decision.then) else "a package has each trial once: leave out the second"


def not_ready(state: State, identifier: object) -> str | None:
    """Why a decision on the trial of this id is refused. None: the trial is ready."""
    if not isinstance(identifier, str):
        return "trial and worker are ids, such as trial.id and worker.id"
    trial = state.trials.get(TrialId(identifier))
    if trial is None:
        return "no such trial: expected the id of one of ready_trials"
    if trial.completed is not None or trial.id in state.running:
        return f"the trial is {status_of(trial, state.running)}, not ready: choose one of ready_trials"
    return None


def _misplaced(state: State, decision: Dispatch) -> str | None:
    if not isinstance(decision.others, tuple):
        return "the others of a gang are a tuple of workers' ids"
    gang = state.experiments[state.trials[decision.trial].experiment].gang
    workers = (decision.worker, *decision.others)
    for worker in workers:
        if not isinstance(worker, str):
            return "trial and worker are ids, such as trial.id and worker.id"
        if worker not in state.workers:
            return f"no such worker as {worker!r}, or it is gone: choose one of idle_workers"
        if worker not in state.serving:
            return f"the worker {worker!r} takes nothing new, as it will leave: choose one of idle_workers"
        if worker not in state.idle:
            return f"the worker {worker!r} is busy: choose one of idle_workers"
    if len(set(workers)) != len(workers) or len(workers) != gang:
        return f"the trial takes {gang} different worker(s) at once"
    if gang > 1 and len({state.workers[worker].type for worker in workers}) > 1:
        return "the workers of a gang are of one type: choose workers of the same type"
    return None


def running_segment(state: State, trial: TrialId) -> SegmentStarted:
    """The segment of the trial that runs. Raises HetschedError if none does."""
    if (started := state.running.get(trial)) is None:
        raise HetschedError(f"trial {trial}: no segment of it runs: tell the end or the loss of a segment once")
    return started


def check_end(state: State, started: SegmentStarted, ended: SegmentEnded) -> None:
    """Raise HetschedError if the end is of another segment than the one that runs. Readers would
    refuse the log. Only under `RAY_TUNE` a segment may end with other iterations."""
    found, expected = ((one.segment, one.worker, one.iterations) for one in (ended, started))
    if found == expected:
        return
    of_ray_tune = state.run is not None and state.run.backend == RAY_TUNE
    if found[:2] != expected[:2] or not of_ray_tune:
        names = "segment {}, worker {}, {} iterations"
        told = f"told the end of {names.format(*found)}; expected {names.format(*expected)}"
        raise HetschedError(f"trial {ended.trial}: {told}")
