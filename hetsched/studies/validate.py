"""Predicted against measured: profile what will run, simulate it, run it for real, compare the
two."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from hetsched.analysis.error_parts import ErrorParts, RunSeconds, error_parts, weighted
from hetsched.analysis.step_times import other_machine, pace_remarks, worker_steps
from hetsched.core.dispatcher import Listener
from hetsched.core.log import read_log
from hetsched.domain.metric import Metric
from hetsched.domain.profiles import StepTimes
from hetsched.domain.registry import Strategy
from hetsched.errors import path_of
from hetsched.scenario.checks import check_policies, check_profile_covers
from hetsched.scenario.profile_files import read_profile, write_profile
from hetsched.scenario.scenario import Scenario, Setup
from hetsched.studies import validation
from hetsched.studies.assumed_scores import check_learning
from hetsched.studies.assumptions import idle_workers, of_validation
from hetsched.studies.beyond_recordings import beyond_recordings
from hetsched.studies.calibration import calibrated, completed
from hetsched.studies.draws import MOST_PREDICTIONS, PREDICTIONS, Draws, predict
from hetsched.studies.driver_load import warn_of_overload
from hetsched.studies.fan_out import run_folder
from hetsched.studies.folder import (
    MEASURED,
    PREDICTED,
    ResultsFolder,
    default_folder,
    write_running_results,
    write_summary,
)
from hetsched.studies.folder import PROBE as PROBE_FOLDER
from hetsched.studies.frames import frame
from hetsched.studies.inputs import Seeds, Strategies, check_counts, chosen_seeds, chosen_strategies
from hetsched.studies.lost_segments import lost_segments
from hetsched.studies.one_run import RunResult, carry_out
from hetsched.studies.periods import unfit_for
from hetsched.studies.policy_limits import policy_limits
from hetsched.studies.probe import probe
from hetsched.studies.real_scenario import studied_for_real
from hetsched.studies.results import Results, scenario_facts
from hetsched.studies.results_csv import write_results_csv
from hetsched.studies.score_agreement import ScoreAgreement, score_agreements, score_order
from hetsched.studies.unknown_scores import joined, no_scores, unknown_scores
from hetsched.studies.unreached import unreached
from hetsched.studies.validation import PROBE, Agreement, OrderAgreement, Repetition
from hetsched.studies.watching import Watch, unwatched

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, kw_only=True)
class ValidationResult(Results):
    """How far simulation and real runs agree for each strategy. `runs` are the real ones.

    `draws` are the simulations that predict each of them, by strategy and in the order of the
    seeds.
    """

    setup: Setup = field(repr=False)
    seeds: list[int]
    draws: dict[str, list[Draws]] = field(repr=False)
    agreements: dict[str, Agreement] = field(repr=False)

    @property
    def predicted(self) -> Sequence[RunResult]:
        """The simulations under the seeds of the real runs."""
        return [first for of_strategy in self.draws.values() for first, *_ in of_strategy]

    @property
    def mean_absolute_error_percent(self) -> float | None:
        """The mean absolute error of the predicted makespan, over the strategies."""
        return validation.mean_absolute_error_percent(self.agreements.values())

    @property
    def order(self) -> OrderAgreement:
        """Whether prediction and measurement put the strategies into the same order."""
        return validation.order_agreement(self.agreements.values())

    @cached_property
    def scores(self) -> dict[str, ScoreAgreement]:
        """How far predicted and measured scores agree over time, by strategy."""
        by_strategy = self.by_strategy.items()
        return score_agreements(self.setup, {name: (self.draws[name], runs) for name, runs in by_strategy})

    @property
    def metric(self) -> Metric | None:
        """The metric of all experiments. None: they have different metrics."""
        return next((found.metric for found in self.agreements.values()), None)

    @property
    def score_order(self) -> OrderAgreement:
        """Whether both put the strategies into the same order by the best score at the deadline."""
        return score_order(self.scores.values())

    def remarks(self, strategy: str) -> list[str]:
        """Which segments were lost in the real runs of a strategy, and why. Which workers could not
        keep their pace, and what to do.

        Also how the machine differed from the machine of the probe. Empty: there is nothing to
        report.
        """
        steps = self.agreements[strategy].steps
        lost = lost_segments(self.by_strategy[strategy])
        paces = pace_remarks(steps, self.setup.scenario.real.time_scale)
        return lost + paces + other_machine(steps, lost=bool(lost))

    def agreements_frame(self) -> "DataFrame":
        """A row per strategy: makespan predicted and measured in seconds, and the error in percent.
        Raises InputError without pandas."""
        return frame(
            {
                "strategy": name,
                "predicted_s": found.makespan_s.predicted,
                "measured_s": found.makespan_s.measured,
                "error_percent": found.makespan_s.error_percent,
                "decisions": found.decisions,
            }
            for name, found in self.agreements.items()
        )

    def document(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            **scenario_facts(self.setup),
            "seeds": self.seeds,
            "predictions": max((len(draws) for of_strategy in self.draws.values() for draws in of_strategy), default=0),
            **self.caveats,
            "folder": str(self.folder),
            "mean_absolute_makespan_error_percent": self.mean_absolute_error_percent,
            "order": self.order,
            "strategies": self.agreements,
            "score_order": self.score_order,
            "scores": self.scores,
        }


def validate(
    scenario: Scenario | Setup,
    strategies: Strategies | None = None,
    seeds: Seeds = 1,
    folder: Path | str | None = None,
    *,
    profile: Path | str | None = None,
    predictions: int = PREDICTIONS,
    policy_files: Sequence[Path | str] = (),
    watch: Watch = unwatched,
) -> ValidationResult:
    """Measure a profile of the training (or take `profile`, a CSV file), predict with the
    simulator, run for real, and compare. The prediction of a real run is the mean of so many
    simulations (`predictions`).

    `folder` must be new (default: a new one in `results`). `watch` is used for the real runs only.
    Raises InputError for wrong input, PolicyError if a policy fails, and HetschedError if a run
    does.
    """
    check_counts(MOST_PREDICTIONS, predictions=predictions)
    with studied_for_real(scenario, policy_files) as setup:
        check_learning(setup)  # refused before anything is measured
        chosen, listed = chosen_strategies(setup, strategies), chosen_seeds(setup, seeds)
        given = None if profile is None else path_of(profile, "profile")
        if given is not None:
            rows = read_profile(given, setup.scenario.dataset_of_rows, setup.scenario.batch_size_of_rows)
            setup = setup.replace_times(StepTimes(rows, extrapolate=setup.scenario.profile.extrapolate))
        setup = setup.freeze_workers(chosen)  # probed, predicted and measured on the same ones
        for strategy in chosen:
            if given is not None:
                check_profile_covers(given, setup, strategy)
            else:
                validation.check_pace(setup.workers(strategy))
        check_policies(setup, chosen)
        warn_of_overload(setup, chosen)
        home = ResultsFolder.new(folder or default_folder("validate", setup), setup, "validate")
        with home.kept(), home.nothing_of_nothing():
            runs = _carry_out_all(setup, chosen, listed, home.path, given is None, predictions, watch)
        return _written(home, setup, listed, runs)


class _Runs(NamedTuple):
    """The predicted and the measured runs of each strategy, how far they agree, what was assumed,
    and which workers simulations left idle."""

    predicted: dict[Strategy, list[Draws]]
    measured: dict[Strategy, list[RunResult]]
    agreements: dict[str, Agreement]
    assumed: list[str]
    idle: dict[str, str]


def _carry_out_all(
    setup: Setup,
    chosen: Sequence[Strategy],
    listed: Sequence[int],
    home: Path,
    probe: bool,
    predictions: int,
    watch: Watch,
) -> _Runs:
    """Predict and measure every strategy. With `probe`, the predictions come from a short real
    run."""
    probed: dict[str, Setup] = {}
    predicted, measured, agreements = {}, {}, {}
    assumed: dict[str, None] = {}
    idle: dict[str, str] = {}
    for strategy in chosen:
        if probe and strategy.allocation not in probed:
            probed[strategy.allocation] = _probe(setup, strategy.allocation, home, watch)
        predicting = probed.get(strategy.allocation, setup)
        predicting.save(home / PREDICTED / str(strategy))
        setup.save(home / MEASURED / str(strategy))  # for `hetsched replay`
        predicted[strategy] = [
            predict(predicting, strategy, seed, run_folder(home / PREDICTED, strategy, seed), predictions)
            for seed in listed
        ]
        watching = partial(watch, "running", predicting, strategy)
        measured[strategy] = _measure(setup, strategy, listed, home / MEASURED, watching)
        agreements[str(strategy)] = agreement_of(predicting, predicted[strategy], measured[strategy])
        assumed |= dict.fromkeys(of_validation(setup, predicting, [strategy]))
        idle |= idle_workers(predicting, [strategy])
    return _Runs(predicted, measured, agreements, list(assumed), idle)


def _measure(
    setup: Setup,
    strategy: Strategy,
    seeds: Sequence[int],
    folder: Path,
    watch: Callable[[int], AbstractContextManager[Listener | None]],
) -> list[RunResult]:
    """Run the strategy for real, once per seed. `watch` has the measured step times, and so the
    bound that holds."""
    runs = []
    for seed in seeds:
        with watch(seed) as listen:
            run, _ = carry_out("ray", setup, strategy, seed, run_folder(folder, strategy, seed), listen)
            runs.append(run)
    return runs


def _probe(setup: Setup, allocation: str, folder: Path, watch: Watch) -> Setup:
    """The scenario with the step times and costs of a short real run on the workers of that
    allocation policy."""
    strategy = Strategy(allocation, PROBE)
    workers = setup.workers(strategy)
    home = folder / PROBE_FOLDER / allocation
    calibration = probe(validation.probe_scenario(setup, len(workers)), strategy, home, watch)
    calibration = completed(calibration, setup, workers)
    write_profile(home / "profile.csv", calibration.rows)
    return calibrated(setup, calibration)


def _written(home: ResultsFolder, setup: Setup, seeds: list[int], runs: _Runs) -> ValidationResult:
    """The result, which is also in its folder."""
    beyond = beyond_recordings(setup, chain(*chain(*runs.predicted.values())))
    result = ValidationResult(
        home=home,
        runs=tuple(run for of_one in runs.measured.values() for run in of_one),
        draws={str(name): of_one for name, of_one in runs.predicted.items()},
        setup=setup,
        seeds=seeds,
        assumptions=[*runs.assumed, *beyond],
        warnings=joined(runs.idle, warnings_of(setup, runs.measured, runs.predicted)),
        agreements=runs.agreements,
    )
    metrics = {name: [run.metrics for run in of_one] for name, of_one in result.by_strategy.items()}
    remarks = {name: [*result.remarks(name), *result.warned(name)] for name in runs.agreements}
    write_running_results(home.path, setup, "ray", metrics, remarks, result.assumptions)
    write_results_csv(home.path, ray=result.runs, sim=result.predicted)
    write_summary(home.path, "validate", result.document())
    return result


def warnings_of(
    setup: Setup,
    measured: Mapping[Strategy, Sequence[RunResult]],
    predicted: Mapping[Strategy, Sequence[Draws]],
    beside: Iterable[Strategy] = (),
) -> dict[str, str]:
    """Why the figures of each strategy should not be trusted, by its real runs and the simulations
    that predict them. The strategies in `beside` share the periods of their policies."""
    foretold = {name: [*chain(*of_one)] for name, of_one in predicted.items()}
    every = {name: [*of_one, *foretold[name]] for name, of_one in measured.items()}
    unknown = unknown_scores(measured), unknown_scores(foretold), no_scores(setup, measured)
    return joined(policy_limits(setup, every), unfit_for(setup, every, beside), *unknown, unreached(setup, every))


def agreement_of(predicting: Setup, predicted: Sequence[Draws], measured: Sequence[RunResult]) -> Agreement:
    """The agreement of measured runs with the predictions of each, made with the step times of
    `predicting`."""
    cores, kept = predicting.scenario.overheads.host_cores, predicting.scenario.checkpoints
    steps = worker_steps((read_log(run.log) for run in measured), predicting.times, cores, kept)
    found = validation.agreement([*map(_repetitions, predicted)], _repetitions(measured), steps)
    return replace(found, parts=_parts(predicted, measured))


def _parts(predicted: Sequence[Draws], measured: Sequence[RunResult]) -> ErrorParts | None:
    """The parts of the error of the mean makespan. None: a run finished no segment."""
    parts = []
    for draws, run in zip(predicted, measured, strict=True):
        seen, foretold = RunSeconds.of(read_log(run.log)), [RunSeconds.of(read_log(draw.log)) for draw in draws]
        if seen is None or None in foretold:
            return None
        parts += [(error_parts(each, seen), seen.makespan_s / len(draws)) for each in foretold if each is not None]
    return weighted(parts)


def _repetitions(runs: Sequence[RunResult]) -> list[Repetition]:
    return [Repetition.of(run) for run in runs]
