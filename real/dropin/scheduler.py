"""Ray Tune's PBT on unequal machines: a scheduler for a Tune script, instead of
`PopulationBasedTraining`."""

import logging
from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from math import isfinite
from pathlib import Path
from typing import Any

import ray
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.result import SHOULD_CHECKPOINT
from ray.tune.schedulers import PopulationBasedTraining, TrialScheduler
from ray.tune.trainable import FunctionTrainable

from hetsched.argument_types import MOST_SEED
from hetsched.core.log import LOG_NAME
from hetsched.domain.metric import Metric
from hetsched.domain.profiles import OWN
from hetsched.domain.workload import TrialId
from hetsched.errors import InputError, brief, nearest
from hetsched.scenario.checks import parse_strategy
from hetsched.scenario.loading import load_setup
from hetsched.scenario.profile_files import read_profile
from hetsched.scenario.scenario import SCENARIO_NAME
from hetsched.studies.policy_limits import policy_limits
from real.cluster.matching import alive, match_all
from real.dropin import population
from real.dropin.folder import home_of, say_what_is_there
from real.dropin.going_on import go_on, past_of, recall
from real.dropin.measured import save_measured
from real.dropin.retention import Borrowed
from real.dropin.run import Run
from real.dropin.setup import Options, Wanted, check_reports_singly, make_setup, workers_of
from real.dropin.tune_side import Listener, TuneSide
from real.ray_internals.controller import TuneInternals
from real.ray_internals.pbt import BoundaryPBT
from real.tune.clock import Clock
from real.tune.ports import Exploit

logger = logging.getLogger(__name__)


class HeterogeneousPBT(BoundaryPBT):
    """Ray Tune's PBT with trials that train where a policy of hetsched puts them.

    The arguments are those of `ray.tune.schedulers.PopulationBasedTraining`, and these:

    - `strategy`: how nodes become workers, and which trial trains on which worker
    - `profile`: a CSV file with step times. Without it step times are learnt during the run.
    - `stop_iterations`: the `training_iteration` at which trials stop, if `RunConfig(stop=...)`
      does not say it
    - `devices`: the types of device on which trials may train, such as ["cpu", "v100"], or "all".
      Without it they are those that `tune.with_resources` asks for.
    - `options`: options of the strategy's policies, such as {"lookahead": {"patience": 0.3}}
    - `folder`: for the log (default: the experiment's folder)
    - `seed`: the seed of the policy

    A trial is saved at the end of each segment: see docs/ray-tune-dropin.md. Raises InputError for
    wrong or unsupported arguments.
    """

    def __init__(
        self,
        *args: Any,
        strategy: str = "fusion+lookahead",
        profile: str | Path | None = None,
        stop_iterations: int | None = None,
        devices: str | Sequence[str] | None = None,
        options: Options | None = None,
        folder: str | Path | None = None,
        seed: int = 0,
        **settings: Any,
    ) -> None:
        told = _bound(args, settings)
        self._pbt_settings = _checked(told)
        super().__init__(**told)
        self._strategy = parse_strategy(strategy, "strategy")
        check_reports_singly(self._strategy)
        self._rows = [] if profile is None else read_profile(Path(profile), OWN, 1)
        self._stop_iterations = stop_iterations
        self._devices = [devices] if isinstance(devices, str) else devices
        self._options = options or {}
        self._folder = None if folder is None else Path(folder)
        if not (isinstance(seed, int) and 0 <= seed <= MOST_SEED):
            raise InputError(f"seed: expected a whole number from 0 to {MOST_SEED:,}, got {brief(seed)}")
        self._seed = seed
        self._forget()

    def _forget(self) -> None:
        """Reset to the state before an experiment."""
        self._known: list[TuneTrial] = []
        self._tune: TuneInternals | None = None
        self._run: Run | None = None
        self._side: TuneSide | None = None
        self._pending: dict[TuneTrial, dict[str, Any]] = {}
        self._borrowed = Borrowed()
        self._error: BaseException | None = None
        self._warned: set[str] = set()

    def __getstate__(self) -> dict[str, Any]:
        """The user's arguments. Tune pickles its scheduler."""
        live = ("_known", "_tune", "_run", "_side", "_pending", "_borrowed", "_error", "_warned", "_trial_state")
        return {key: value for key, value in self.__dict__.items() if key not in live}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._trial_state = {}
        self._forget()

    # Tune's hooks.

    def on_trial_add(self, tune_controller: Any, trial: TuneTrial) -> None:
        """Note a new trial, or park a trial that failed and that Tune has queued again. Raises
        InputError for a trial that comes after the run has begun."""
        if self._tune is None:
            self._tune = TuneInternals(tune_controller)
            self._tune.listen(Listener(self))
            if self._tune.reuses_actors:
                self._tune.hold_open()
        if trial in self._known:
            self._tune.park(trial)
            return
        if self._run is not None:
            raise InputError(
                f"trial {trial.trial_id} came after the population had begun: leave out max_concurrent_trials; workers "
                "bound how many trials run at once"
            )
        super().on_trial_add(tune_controller, trial)
        self._known.append(trial)
        trial.init_local_path()
        if not trial.is_finished():  # as some are of an experiment that is restored
            trial.set_status(TuneTrial.PAUSED)  # before Tune files it: else it starts by itself

    def choose_trial_to_run(self, tune_controller: Any) -> None:
        """Queue everything that was decided, in each step of Tune. Nothing further is chosen.
        Raises an error that an earlier hook has kept."""
        if self._known:
            self._guarded(self._step)
        if self._error is not None:
            raise self._error

    def on_trial_result(self, tune_controller: Any, trial: TuneTrial, result: dict[str, Any]) -> str:
        """Note a result. If the trial's segment is done, the trial is paused, which saves it. PBT
        looks at it after that."""
        run = self._begun()
        run.clock.tick()
        if (progress := run.progress_of(_id(trial))) is not None and progress.restores and not progress.steps:
            for wrong in population.put_back(result, trial.config):
                logger.warning("trial %s trains with %s: set it again at the end of load_checkpoint", trial, wrong)
        done = run.report(_id(trial), result[population.UNIT], result.get(population.SECONDS, 0.0))
        if not done:
            return str(TrialScheduler.CONTINUE)
        if _is_function(trial) and not result.get(SHOULD_CHECKPOINT):
            if trial.latest_checkpoint_result is None:
                self._warn_once(population.no_checkpoint(trial, self._pbt_settings["perturbation_interval"]))
            return str(TrialScheduler.CONTINUE)
        self._pending[trial] = result
        self._controller = tune_controller
        return str(TrialScheduler.PAUSE)

    def on_trial_complete(self, tune_controller: Any, trial: TuneTrial, result: dict[str, Any]) -> None:
        """Record that Tune ends a training trial: its last result met the user's stop rule, or the
        training has ended."""
        self._guarded(lambda: self._complete(trial, result))

    def on_trial_remove(self, tune_controller: Any, trial: TuneTrial) -> None:
        """Record that Tune ends a waiting trial."""
        self._guarded(lambda: self._begun().remove(_id(trial), "removed by Ray Tune"))

    def on_trial_error(self, tune_controller: Any, trial: TuneTrial) -> None:
        """Record that the trial failed. If Tune tries again, it has already marked the trial as
        failed, and queues it right after this call."""
        self._guarded(lambda: self._failed(trial, for_good=trial.status != TuneTrial.ERROR))

    def on_actor_ready(self, trial: TuneTrial) -> None:
        """Note that the actor of a queued trial is ready. Tune orders it to train right after this
        call."""
        run, side = self._begun(), self._side
        run.clock.tick()
        if side is not None and (progress := run.progress_of(_id(trial))) is not None:
            run.ready(_id(trial), fresh=side.is_fresh(trial, progress.segment.worker))

    def on_saved(self, trial: TuneTrial) -> None:
        """Note that the trial was saved. If its segment is done, the segment ends now."""
        result = self._pending.pop(trial, None)
        if result is not None:
            self._guarded(lambda: self._ended(trial, result))

    def on_experiment_end(self) -> None:
        """Close the run, and write its measurements."""
        run, self._run = self._run, None
        if run is not None:
            run.close(self._error)
            trained = [trial.iterations for trial in run.state.trials.values()]
            if rows := run.measured.rows(f"measured in {run.home}"):
                stop_score = population.stop_score(self._known, run.setup.workload.experiments[0].metric)
                save_measured(run.home, run.setup.scenario, rows, max(trained), stop_score)
            say_what_is_there(run.home, has_log=True, trained=trained)

    # What is done.

    def _warn_once(self, text: str) -> None:
        """The first trial of which it is true says it for all."""
        reason = text.partition(": ")[0]
        if reason not in self._warned:
            self._warned.add(reason)
            logger.warning("%s", text)

    def _guarded(self, act: Callable[[], None]) -> None:
        """Call `act`, and keep its error. The next step raises the error, because Tune passes on
        errors from there unchanged."""
        if self._error is not None:
            return
        if self._run is not None:
            self._run.clock.tick()
        try:
            act()
        except Exception as error:
            self._error = error

    def _begun(self) -> Run:
        if self._run is None:
            raise InputError("HeterogeneousPBT: an experiment's hook was called before its trials were added")
        return self._run

    def _step(self) -> None:
        if self._run is None:
            self._begin()
        if self._side is not None:
            self._side.step()

    def _begin(self) -> None:
        """Begin the run. All trials are known. Workers are made of the nodes that Ray has."""
        wanted = Wanted(
            self._strategy,
            self.metric or "",
            self.mode,
            self._pbt_settings,
            self.mutations,
            self._rows,
            self._stop_iterations,
            self._devices,
            self._options,
        )
        home = home_of(self._known[0], self._folder)
        restored = (home / LOG_NAME).exists()
        setup = load_setup(home / SCENARIO_NAME) if restored else make_setup(wanted, self._known)
        workers = workers_of(setup, self._strategy)
        for limit in policy_limits(setup, [self._strategy]).values():
            logger.warning("%s: %s", self._strategy, limit)
        nodes = match_all(setup.cluster, alive(ray.nodes()))
        past = past_of(home, setup, self._strategy, self._seed, self._known) if restored else []
        if past:
            self._run = go_on(home, setup, self._strategy, self._seed, past, workers, self._known)
            recall(self, past, setup.workload.experiments[0], self._known)
        else:
            setup.save(home)
            (home / LOG_NAME).unlink(missing_ok=True)
            self._run = Run(setup, self._strategy, self._seed, home, Clock())
            self._run.begin(workers, {_id(trial): population.flat(trial.config) for trial in self._known})
        assert self._tune is not None
        self._side = TuneSide(self._tune, self._known, workers)
        self._side.attend(self._run, nodes)

    def _ended(self, trial: TuneTrial, result: dict[str, Any]) -> None:
        """End the segment of a trial that was saved."""
        run, name = self._begun(), _id(trial)
        assert self._tune is not None
        self._borrowed.give_back(trial)
        score = self._score(result)
        metrics, in_steps = population.further_metrics(result, self.metric), _is_function(trial)
        going_on = run.end(name, score, metrics, lambda _: self._perturb(trial, result), in_steps=in_steps)
        if going_on is not None:
            self._tune.go_on(trial)
        elif run.state.trials[name].completed is not None:
            if name in run.stopped:
                run.stopped.remove(name)
            self._tune.stop_saved(trial)

    def _perturb(self, trial: TuneTrial, result: dict[str, Any]) -> Exploit | None:
        """Let Ray's own class rank and explore. The trial is paused if it exploits another one.
        Returns the source and the new hyperparameters. None: there is no exploit."""
        run, name = self._begun(), self.metric or ""
        if name in result and self._score(result) is None:  # it ranks last, where Ray would not rank it
            if (wrong := population.no_number(trial, name, result[name])) is not None:
                self._warn_once(wrong)
            result = {**result, name: Metric(name, self.mode).worst}
        self.perturb(self._controller, trial, result)
        if self.exploit is None:
            return None
        source, config = self.exploit
        self.go_on_from(trial, self._borrowed.keep(trial, trial.latest_checkpoint_result))
        self.saved(trial)
        run.boundary[_id(trial)] = run.boundary[_id(source)]
        return _id(source), population.flat(config)

    def _complete(self, trial: TuneTrial, result: dict[str, Any]) -> None:
        run, name = self._begun(), _id(trial)
        self._pending.pop(trial, None)
        if (progress := run.progress_of(name)) is not None:
            if result[population.UNIT] > max(progress.iteration, progress.before):  # else it was reported before
                run.report(name, result[population.UNIT], result.get(population.SECONDS, 0.0))
            metrics, in_steps = population.further_metrics(result, self.metric), _is_function(trial)
            over = "ended by Ray Tune"
            run.end(name, self._score(result), metrics, lambda _: None, in_steps=in_steps, over=over)

    def _failed(self, trial: TuneTrial, for_good: bool) -> None:
        run = self._begun()
        assert self._tune is not None and self._side is not None
        self._pending.pop(trial, None)
        cause, reason = self._tune.last_error(trial)
        lost = run.lose(_id(trial), reason, for_good=for_good)
        if lost is not None:
            self._side.failed(lost.worker, cause)

    def _score(self, result: Mapping[str, Any]) -> float | None:
        return population.score(result.get(self.metric or ""))


def _id(trial: TuneTrial) -> TrialId:
    return TrialId(trial.trial_id)


def _is_function(trial: TuneTrial) -> bool:
    """Whether the training is a function. A function reports its own checkpoints."""
    kind = trial.get_trainable_cls()
    return isinstance(kind, type) and issubclass(kind, FunctionTrainable)


def _bound(args: Sequence[Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of Ray's class, with their defaults. Raises InputError, with the nearest name,
    for an unknown one."""
    rays = signature(PopulationBasedTraining)
    known = {*rays.parameters, *signature(HeterogeneousPBT).parameters} - {"args", "settings"}
    for name in settings:
        if name not in known:
            raise InputError(f"HeterogeneousPBT has no argument {name!r}: {nearest(name, known)}")
    given = rays.bind(*args, **settings)
    given.arguments.setdefault("time_attr", population.UNIT)
    given.apply_defaults()
    return given.arguments


def _checked(told: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of PBT in the form of a scenario. Raises InputError, with the name of the
    argument, for an unsupported one."""
    if told["time_attr"] != population.UNIT:
        raise InputError(
            f"time_attr: HeterogeneousPBT counts {population.UNIT!r}, got {told['time_attr']!r}; seconds and the like "
            "do not measure the work of a trial that trains on unequal machines"
        )
    interval = told["perturbation_interval"]
    if not isinstance(interval, int | float) or not isfinite(interval) or interval != int(interval) or interval < 1:
        raise InputError(f"perturbation_interval: expected a whole number of iterations, got {interval!r}")
    if told["synch"]:
        raise InputError(
            "synch: HeterogeneousPBT looks at each trial by itself; for a population in step leave it out and say "
            "strategy='fusion+pbt-sync'"
        )
    population.check_mutations(told["hyperparam_mutations"] or {})
    return {
        "perturbation_interval": int(interval),
        "quantile_fraction": told["quantile_fraction"],
        "resample_probability": told["resample_probability"],
        "perturbation_factors": list(told["perturbation_factors"]),
        "bounds": "ray",
        "iterations": "lineage",
    }
