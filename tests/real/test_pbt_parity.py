"""The simulator's PBT against Ray Tune's own class: the same results and the same random numbers, decision by decision.

Hyperparameters of every kind are mutated. Ray gets them nested, as its users write them, with functions for ranges
and lists for ordered choices; choices without an order and what keeps numbers in ranges are in `custom_explore_fn`.

Ray's class has two rules that docs/design.md says we do not take over: it passes over sources that have no checkpoint,
and gives the target the time of the source's last perturbation. So it is driven three times: as it is, on courses on
which neither shows; with just these two taken out, on any course; and as the subclass that real runs use. All of it
holds under both bounds: where factors may take values out of their ranges, as Ray has it, and where they stay in. With
`pbt.iterations = "lineage"` the second rule is ours, too: then nothing but the first is ever taken out.
"""

import math
import random
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("ray")

from ray.tune.schedulers import PopulationBasedTraining as TunesPBT

import hetsched
from hetsched.core.state import State
from hetsched.core.trial import Trial
from hetsched.domain.hyperparameters import Choice, Hyperparameters, flat, nested
from hetsched.domain.metric import Mode
from hetsched.domain.workload import PBT, Bounds, Experiment, Iterations, TrialId
from real.tune.pbt import RayPBT
from sim.pbt import PopulationBasedTraining
from tests.conftest import make_setup

SPACE: dict[str, Any] = {
    "lr": {"low": 0.0001, "high": 1.0, "scale": "log"},
    "momentum": {"low": 0.0, "high": 0.99},
    "weight_decay": {"low": 0.0005, "high": 0.0005},
    "layers": {"low": 1, "high": 9, "integer": True},
    "optimizer": {
        "name": {"choices": ["sgd", "adam", "lion"]},
        "beta": {"low": -0.5, "high": 0.5, "step": 0.1},
        "schedule": {"warm_up": {"low": 10, "high": 1000, "scale": "log", "integer": True, "step": 10}},
    },
    "mirrors": {"choices": [False, True]},
    "batch": {"choices": [16, 32, 64, 128], "ordered": True},
    "pool": {"choices": ["max", "mean", False, 0.5], "ordered": True},
    "activation": "relu",
}
RANGES = {
    "lr": (0.0001, 1.0),
    "momentum": (0.0, 0.99),
    "layers": (1, 9),
    "optimizer.beta": (-0.5, 0.5),
    "optimizer.schedule.warm_up": (10, 1000),
}
STEPS = {"optimizer.beta": 0.1, "optimizer.schedule.warm_up": 10}

Exploit = tuple[TrialId, Hyperparameters]


class FakeTrial:
    """What schedulers touch of one of Tune's trials."""

    def __init__(self, name: TrialId, config: Hyperparameters) -> None:
        self.trial_id = name
        self.experiment_tag: str = name
        self.config: dict[str, Any] = {"trial": name, **nested(config)}
        self.status = "RUNNING"
        keeps = SimpleNamespace(num_to_keep=None)
        self.run_metadata = SimpleNamespace(checkpoint_manager=SimpleNamespace(checkpoint_config=keeps))

    def set_config(self, config: dict[str, Any]) -> None:
        self.config = config

    def set_experiment_tag(self, tag: str) -> None:
        self.experiment_tag = tag

    def set_status(self, status: str) -> None:
        self.status = status

    def init_local_path(self) -> None:
        """The trial would make its folder."""

    def is_finished(self) -> bool:
        return self.status == "TERMINATED"


class FakeController:
    """What schedulers ask of Tune's controller. An exploited trial has been started again when it reports next."""

    search_alg = None
    _actor_manager = SimpleNamespace(_actor_task_failed=None, _actor_start_failed=None)
    _process_trial_failure = None

    def __init__(self, trials: list[FakeTrial]) -> None:
        self._trials = trials

    def get_trials(self) -> list[FakeTrial]:
        return self._trials

    def pause_trial(self, trial: FakeTrial, should_checkpoint: bool) -> None:
        """The trial would be paused, and go on from the source's checkpoint."""

    def _schedule_trial_save(self, trial: FakeTrial, result: dict[str, Any]) -> str:
        return "a checkpoint"


@contextmanager
def drawing_from(rng: random.Random) -> Iterator[None]:
    """The module `random` draws what `rng` will draw next; `rng` itself stays where it is."""
    kept = random.getstate()
    random.setstate(rng.getstate())
    try:
        yield
    finally:
        random.setstate(kept)


def kept_in_ranges(config: dict[str, Any]) -> None:
    """As a user of Ray would write it."""
    for path, (low, high) in RANGES.items():
        *outer, name = path.split(".")
        table = config
        for part in outer:
            table = table[part]
        value = low if table[name] < low else high if table[name] > high else table[name]
        if path in STEPS:
            value = round(value / STEPS[path]) * STEPS[path]
        table[name] = value


def choose(config: dict[str, Any], probability: float) -> None:
    """Ray has no rule for choices that have no order."""
    if random.random() < probability:
        config["optimizer"]["name"] = random.choice(["sgd", "adam", "lion"])
    if random.random() < probability:
        config["mirrors"] = random.choice([False, True])


class RayAsItIs:
    """Ray's class. It resamples from our ranges, so that configurations are the same to the last digit."""

    def __init__(self, experiment: Experiment, pbt: PBT, trials: list[FakeTrial], rng: random.Random) -> None:
        self._rng = rng
        self._worst = -math.inf if experiment.metric.mode == "max" else math.inf
        self._controller = FakeController(trials)
        self._source: TrialId | None = None
        scheduler = TunesPBT(
            time_attr="iterations",
            metric="loss",
            mode=experiment.metric.mode,
            perturbation_interval=pbt.perturbation_interval,
            hyperparam_mutations=nested(
                {
                    key: SPACE[key]["choices"]
                    if isinstance(domain, Choice)
                    else lambda domain=domain: domain.at(random.random())
                    for key, domain in experiment.search_space.items()
                    if key not in ("weight_decay", "activation", "optimizer.name", "mirrors")
                }
            ),
            custom_explore_fn=partial(self._explored, pbt),
            quantile_fraction=pbt.quantile_fraction,
            resample_probability=pbt.resample_probability,
            perturbation_factors=pbt.perturbation_factors,
            log_config=False,
        )
        self.scheduler = cast(Any, scheduler)  # it is driven with fakes
        self._exploit = self.scheduler._exploit
        self.scheduler._exploit = self._watched
        for trial in trials:
            self.scheduler.on_trial_add(self._controller, trial)

    def report(self, trial: FakeTrial, ours: Trial) -> Exploit | None:
        """The trial reports what `ours` says; whom it exploits, and with which new hyperparameters."""
        self._source = None
        with drawing_from(self._rng):
            score = self._worst if ours.score is None else ours.score
            result = {"iterations": ours.iterations, "loss": score}
            self.scheduler.on_trial_result(self._controller, trial, result)
        new = flat({key: value for key, value in trial.config.items() if key != "trial"})
        return None if self._source is None else (self._source, new)

    def finish(self, trial: FakeTrial) -> None:
        trial.status = "TERMINATED"

    def _explored(self, pbt: PBT, config: dict[str, Any]) -> dict[str, Any]:
        choose(config, pbt.resample_probability)
        if pbt.bounds == "range":
            kept_in_ranges(config)
        return config

    def _watched(self, controller: FakeController, target: FakeTrial, source: FakeTrial) -> None:
        self._source = source.trial_id
        self._exploit(controller, target, source)


class RayWithCheckpoints(RayAsItIs):
    """Ray's class, where every trial has a checkpoint."""

    def report(self, trial: FakeTrial, ours: Trial) -> Exploit | None:
        for state in self.scheduler._trial_state.values():
            state.last_checkpoint = "a checkpoint"
        return super().report(trial, ours)


class RayCorrected(RayWithCheckpoints):
    """Ray's class, less the two rules."""

    def _watched(self, controller: FakeController, target: FakeTrial, source: FakeTrial) -> None:
        state = self.scheduler._trial_state[target]
        looked_at = state.last_perturbation_time
        super()._watched(controller, target, source)
        state.last_perturbation_time = looked_at


class RealRuns:
    """The PBT of real runs."""

    def __init__(self, experiment: Experiment, pbt: PBT, trials: list[FakeTrial], rng: random.Random) -> None:
        self._pbt = RayPBT(experiment, seed=0)
        self.scheduler = self._pbt.ranking
        generator: Any = SimpleNamespace(drawn=lambda: drawing_from(rng))
        self._pbt.generator = generator

    def report(self, trial: FakeTrial, ours: Trial) -> Exploit | None:
        return self._pbt.report(ours)

    def finish(self, trial: FakeTrial) -> None:
        trial.status = "TERMINATED"
        self._pbt.complete(trial.trial_id)


class Twins:
    """A scheduler of Ray's and our class, over one population, with the same reports and the same random numbers."""

    def __init__(
        self,
        kind: type[RayAsItIs | RealRuns],
        size: int,
        interval: int,
        fraction: float,
        resample: float,
        seed: int,
        bounds: Bounds,
        mode: Mode = "max",
        iterations: Iterations = "own",
        **more: Any,
    ) -> None:
        metric = {"name": "loss", "mode": mode}
        pbt: dict[str, Any] = more | {
            "perturbation_interval": interval,
            "quantile_fraction": fraction,
            "resample_probability": resample,
            "bounds": bounds,
            "iterations": iterations,
        }
        experiment = make_setup(population=size, pbt=pbt, search_space=SPACE, metric=metric).workload.experiments[0]
        assert experiment.pbt is not None
        self._takes_counts = iterations == "lineage"
        rng = random.Random(seed)
        start = experiment.initial_hyperparameters(seed=0)
        self.state = State()
        for index, (name, values) in enumerate(start.items()):
            self.state.trials[name] = Trial(name, index, experiment.id, experiment.kind(index), values, 0.0)
        self.ours = PopulationBasedTraining(experiment, experiment.pbt, self.state, rng)
        self.trials = [FakeTrial(name, values) for name, values in start.items()]
        self.theirs = kind(experiment, experiment.pbt, self.trials, rng)

    def train(self, index: int, iterations: int, score: float | None) -> bool:
        """A trial does so many iterations more, and reports."""
        return self.report(index, list(self.state.trials.values())[index].iterations + iterations, score)

    def report(self, index: int, iterations: int, score: float | None) -> bool:
        """A trial counts so many iterations. Asserts that both decide the same; says whether it exploits another."""
        old = list(self.state.trials.values())[index]
        trial = Trial(old.id, index, old.experiment, old.kind, old.hyperparameters, 0.0, iterations, score)
        self.state.trials[old.id] = trial
        theirs = self.theirs.report(self.trials[index], trial)
        ours = self.ours.perturb(trial)
        self.compare_quantiles()
        if ours is None or theirs is None:
            assert ours == theirs
            return False
        (source, new), (their_source, their_new) = ours, theirs
        assert source == their_source
        assert new == their_new
        assert {key: type(value) for key, value in new.items()} == {k: type(value) for k, value in their_new.items()}
        count = self.state.trials[source].iterations if self._takes_counts else iterations
        self.state.trials[old.id] = Trial(old.id, index, old.experiment, old.kind, new, 0.0, count, score)
        self.compare_times()
        return True

    def finish(self, index: int) -> None:
        self.theirs.finish(self.trials[index])
        self.ours.forget(self.trials[index].trial_id)
        self.compare_quantiles()

    def compare_quantiles(self) -> None:
        theirs: Any = self.theirs.scheduler
        lower, upper = theirs._quantiles()
        assert self.ours.quantiles() == ([t.trial_id for t in lower], [t.trial_id for t in upper])

    def compare_times(self) -> None:
        """Both look at every trial again at the same time."""
        theirs: Any = self.theirs.scheduler
        times = {trial.trial_id: known.last_perturbation_time for trial, known in theirs._trial_state.items()}
        ranked = {trial: last for trial, (last, _) in self.ours._last.items()}
        assert {trial: last for trial, last in times.items() if trial in ranked} == ranked


POPULATIONS = {
    "size": st.integers(2, 30),
    "interval": st.integers(1, 20),
    "fraction": st.sampled_from([0.0, 0.1, 0.25, 0.33, 0.5]),
    "resample": st.sampled_from([0.0, 0.25, 1.0]),
    "seed": st.integers(0, 2**32),
    "bounds": st.sampled_from(["range", "ray"]),
    "mode": st.sampled_from(["max", "min"]),
}


@pytest.mark.parametrize("kind", [RayCorrected, RealRuns])
@given(
    **POPULATIONS,
    digits=st.sampled_from([1, 2, 9]),
    finishing=st.sampled_from([0.0, 0.03]),
    missing=st.sampled_from([0.02, 0.3, 1.0]),
)
def test_every_exploit_configuration_and_quantile_is_rays(
    kind: type[RayCorrected | RealRuns],
    size: int,
    interval: int,
    fraction: float,
    resample: float,
    seed: int,
    bounds: Bounds,
    mode: Mode,
    digits: int,
    finishing: float,
    missing: float,
) -> None:
    """Trials report in any order, before their interval is over and long after, with scores that
    tie and scores that are missing; some finish."""
    twins = Twins(kind, size, interval, fraction, resample, seed, bounds, mode)
    take_any_course(twins, seed, interval, digits, finishing, missing)


@pytest.mark.parametrize("kind", [RayWithCheckpoints, RealRuns])
@given(
    **POPULATIONS,
    digits=st.sampled_from([1, 2, 9]),
    finishing=st.sampled_from([0.0, 0.03]),
    missing=st.sampled_from([0.02, 0.3]),
)
def test_trials_that_take_over_counts_are_looked_at_when_rays_are(
    kind: type[RayWithCheckpoints | RealRuns],
    size: int,
    interval: int,
    fraction: float,
    resample: float,
    seed: int,
    bounds: Bounds,
    mode: Mode,
    digits: int,
    finishing: float,
    missing: float,
) -> None:
    """Of Ray's own class nothing is taken out but that sources may lack a checkpoint."""
    twins = Twins(kind, size, interval, fraction, resample, seed, bounds, mode, "lineage")
    take_any_course(twins, seed, interval, digits, finishing, missing)


def take_any_course(twins: Twins, seed: int, interval: int, digits: int, finishing: float, missing: float) -> None:
    luck = random.Random(seed + 1)
    for _ in range(100):
        index = luck.randrange(len(twins.trials))
        if twins.trials[index].is_finished():
            continue
        if luck.random() < finishing:
            twins.finish(index)
            continue
        iterations = luck.randint(1, 2 * interval)
        twins.train(index, iterations, None if luck.random() < missing else round(luck.random() - 0.5, digits))


@given(**POPULATIONS)
def test_rays_class_as_it_is_decides_the_same_where_every_source_has_a_checkpoint(
    size: int, interval: int, fraction: float, resample: float, seed: int, bounds: Bounds, mode: Mode
) -> None:
    """Trials report in rounds of an interval, and are all better than in the round before. From the second round on the
    best report first: whoever is in the upper quantile was so at its own last report, when Ray saved it."""
    twins, luck = Twins(RayAsItIs, size, interval, fraction, resample, seed, bounds, mode=mode), random.Random(seed + 1)
    rounds, exploits = 8, 0
    for number in range(rounds):
        order = luck.sample(range(size), size)
        ranks = sorted((number + luck.random() for _ in order), reverse=number > 0)
        scores = [rank if mode == "max" else -rank for rank in ranks]
        exploits += sum(twins.report(i, interval * (number + 1), score) for i, score in zip(order, scores, strict=True))
    lower, _ = twins.ours.quantiles()
    assert exploits == len(lower) * (rounds - 1)  # as many as the lower quantile holds, in every round but the first


@given(**POPULATIONS)
def test_rays_class_as_it_is_gives_counts_to_copies_as_lineage_does(
    size: int, interval: int, fraction: float, resample: float, seed: int, bounds: Bounds, mode: Mode
) -> None:
    """As above, but trials do different numbers of iterations in a round, so that counts jump up and down."""
    twins = Twins(RayAsItIs, size, interval, fraction, resample, seed, bounds, mode, "lineage")
    luck = random.Random(seed + 1)
    rounds, exploits = 8, 0
    for number in range(rounds):
        order = luck.sample(range(size), size)
        ranks = sorted((number + luck.random() for _ in order), reverse=number > 0)
        scores = [rank if mode == "max" else -rank for rank in ranks]
        exploits += sum(
            twins.train(i, luck.randint(interval, 3 * interval), score) for i, score in zip(order, scores, strict=True)
        )
    assert exploits == len(twins.ours.quantiles()[0]) * (rounds - 1)


@pytest.mark.parametrize("kind", [RayCorrected, RealRuns])
@pytest.mark.parametrize("size", [2, pytest.param(3, marks=pytest.mark.exhaustive), 30])
@pytest.mark.parametrize("bounds", ["range", "ray"])
def test_on_long_courses_both_stay_at_the_same_random_numbers(
    kind: type[RayCorrected | RealRuns], size: int, bounds: Bounds
) -> None:
    """A number more or less drawn by either would show in the exploits that follow, so many must agree."""
    twins, scores = Twins(kind, size, 1, 0.5, 0.5, 3, bounds), random.Random(5)
    assert sum(twins.report(step % size, 1 + step // size, scores.random()) for step in range(1500)) > 400
    values = [trial.hyperparameters for trial in twins.state.trials.values()]
    assert {one["weight_decay"] for one in values} == {0.0005}
    if bounds == "range":
        assert all(low <= one[key] <= high for one in values for key, (low, high) in RANGES.items())


@pytest.mark.parametrize("kind", [RayCorrected, RealRuns])
@pytest.mark.parametrize("mode", ["max", "min"])
def test_a_score_that_is_not_known_ranks_last_in_both_directions(
    kind: type[RayCorrected | RealRuns], mode: Mode
) -> None:
    twins, sign = Twins(kind, 4, 10, 0.25, 0.25, 0, "range", mode=mode), 1 if mode == "max" else -1
    assert not any(twins.report(index, 10, sign * score) for index, score in [(0, 0.5), (1, 0.6), (2, 0.7)])
    assert twins.report(3, 10, None)
    assert twins.ours.quantiles() == (["e-3"], ["e-2"])
    assert twins.report(2, 20, None)  # the best of before; of two that are unknown, the one added first ranks lower
    assert twins.ours.quantiles() == (["e-2"], ["e-1"])


MUTATED = ["lr", "optimizer.name", "batch"]


@pytest.mark.parametrize("bounds", ["range", "ray"])
def test_what_is_not_mutated_is_the_sources_and_a_users_function_has_the_last_word(bounds: Bounds) -> None:
    @hetsched.register_explore("own")
    def own(hyperparameters: dict[str, Any], rng: random.Random) -> dict[str, Any]:
        hyperparameters["optimizer"]["schedule"]["warm_up"] = 10 * rng.randint(0, 200)  # some are out of range
        hyperparameters["layers"] += 0.6
        return hyperparameters | {"momentum": 1 if rng.random() < 0.1 else rng.random()}

    twins, scores = Twins(RealRuns, 4, 1, 0.5, 0.5, 3, bounds, mutate=MUTATED, explore="own"), random.Random(5)
    start = [trial.hyperparameters for trial in twins.state.trials.values()]
    assert sum(twins.report(step % 4, 1 + step // 4, scores.random()) for step in range(200)) > 50
    values = [trial.hyperparameters for trial in twins.state.trials.values()]
    for key in ("optimizer.beta", "mirrors", "pool"):
        assert {one[key] for one in values} <= {one[key] for one in start}
    assert all(type(one["layers"]) is int and type(one["momentum"]) is float for one in values)
    warm_ups = {one["optimizer.schedule.warm_up"] for one in values}
    assert all(10 <= warm_up <= 1000 for warm_up in warm_ups) == (bounds == "range")


@pytest.mark.parametrize("bounds", ["range", "ray"])
def test_where_all_hyperparameters_are_constant_weights_are_copied_all_the_same(bounds: Bounds) -> None:
    space = {"lr": {"low": 0.1, "high": 0.1}, "momentum": {"low": 0.9, "high": 0.9}}
    pbt: dict[str, Any] = {"perturbation_interval": 10, "bounds": bounds}
    experiment = make_setup(population=2, pbt=pbt, search_space=space).workload.experiments[0]
    rays = RayPBT(experiment, seed=0)
    for name, values, score, expected in (
        ("e-0", {"lr": 0.1, "momentum": 0.9}, 0.9, None),
        ("e-1", {"lr": 0.1, "momentum": 0.9}, 0.1, ("e-0", {"lr": 0.1, "momentum": 0.9})),
    ):
        trial = Trial(TrialId(name), 0, experiment.id, experiment.kind(0), values, 0.0, 10, score)
        assert rays.report(trial) == expected
