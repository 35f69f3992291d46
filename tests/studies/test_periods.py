"""A policy in rounds that are too long for the run is named, with what would fit, and what would
fit is no worse."""

import argparse
import re
import tomllib
from pathlib import Path
from typing import ClassVar

import pytest
from msgspec.structs import replace

import hetsched
from hetsched import scheduling
from hetsched.analysis.metrics import Metrics
from hetsched.cli.compare import print_comparison
from hetsched.cli.simulate import show_ablation
from hetsched.domain.profiles import StepTimes
from hetsched.domain.registry import Strategy
from hetsched.scenario.scenario import Setup
from hetsched.scheduling import Decision, StateView
from hetsched.studies.again import comparison_in
from hetsched.studies.folder_caveats import caveats_of_folder
from hetsched.studies.one_run import RunResult
from hetsched.studies.periods import fit, fitted, unfit, unfit_for
from tests.conftest import NO_OVERHEADS, make_setup, profile_row

GAVEL = Strategy("fusion", "gavel-makespan")


def with_options(setup: Setup, policy: str, **options: float) -> Setup:
    return setup.replace(scheduling={policy: options})


@pytest.mark.parametrize("policy", ["gavel-makespan", "gavel-las", "gavel-ftf", "allox", "sia"])
def test_rounds_that_are_too_long_are_named_and_the_advice_is_enough(policy: str) -> None:
    strategy = Strategy("fusion", policy)
    setup = make_setup()
    [warning] = unfit(setup, {strategy: 100.0}).values()
    assert "round_s = 60" in warning or "round_s = 360 and reallocation_s = 1920" in warning
    [advice] = re.findall(r"in \[scheduling\.[a-z-]+\] try (.*)", warning)
    options = tomllib.loads(advice.replace(", ", "\n"))
    assert not unfit(with_options(setup, policy, **options), {strategy: 100.0})


COSTLY = {"restore_s": 50.0}
"""A change then costs a large part of any round here, and less than a round."""


@pytest.mark.parametrize(("costs", "more"), [({}, 4), (COSTLY, 1)])
def test_nothing_is_said_of_what_fits(costs: dict[str, float], more: int) -> None:
    """Where a change costs nothing, a period must fit four times as often."""
    setup = with_costs(make_setup(), **costs) if costs else make_setup(overheads=NO_OVERHEADS)
    assert not unfit(setup, {GAVEL: 1920.0 * 2 * more + 1})
    assert unfit(setup, {GAVEL: 1920.0 * 2 * more - 1})
    assert not unfit(setup, {GAVEL: None, Strategy("fusion", "fifo"): 1.0})
    assert unfit(with_options(setup, "gavel-makespan", round_s=130.0 / more, reallocation_s=1.0), {GAVEL: 1e3})
    assert not unfit(with_options(setup, "gavel-makespan", round_s=120.0 / more, reallocation_s=1.0), {GAVEL: 1e3})


def with_costs(setup: Setup, **costs: float) -> Setup:
    """With these costs in every row of the profile."""
    rows = [row.model_copy(update=costs) for row in setup.times.rows]
    return setup.replace_times(StepTimes(rows))


def test_a_change_may_cost_a_twentieth_of_a_round() -> None:
    setup = make_setup()
    [experiment] = setup.workload.experiments
    a_second = {"evaluation_s_per_image": 1 / experiment.evaluation_images, "restore_s": 0.0, "checkpoint_s": 0.0}
    [warning] = unfit(with_costs(setup, **a_second), {GAVEL: 400.0}).values()
    assert "try round_s = 20, reallocation_s = 80" in warning  # 20 changes of a second; without costs 10, at most 40


def test_whole_numbers_stay_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(scheduling.policies._factories, "whole", InWholeRounds)
    strategy = Strategy("fusion", "whole")
    setup = make_setup(overheads=NO_OVERHEADS)
    for bound_s, wanted in ((2000.0, 10), (20.0, 1)):
        monkeypatch.setattr("hetsched.studies.periods.makespan_bound", lambda *_, s=bound_s: s)
        found = fit(setup, strategy)
        assert found is not None
        assert found.options == {"round_s": wanted} and type(found.options["round_s"]) is int
        hetsched.scheduling.policies.create("whole", found.options)


def test_no_round_is_shorter_than_what_it_costs() -> None:
    """A round of 10 s took 100 s of restores: the run was four times as long as without rounds."""
    setup = with_costs(make_setup(), restore_s=100.0, checkpoint_s=20.0)
    [warning] = unfit(setup, {GAVEL: 100.0}).values()
    [round_s] = re.findall(r"try round_s = ([\d.]+)", warning)
    assert float(round_s) == pytest.approx(120.0, rel=0.05)
    assert not unfit(with_options(setup, "gavel-makespan", round_s=120.0, reallocation_s=480.0), {GAVEL: 100.0})


def test_a_round_that_is_shorter_than_its_costs_is_named() -> None:
    """Nothing was said of it. The run was almost three times as long as with the suggested round."""
    setup = with_costs(make_setup(), restore_s=10.0, checkpoint_s=2.0)
    short = hetsched.simulate(with_options(setup, "gavel-makespan", round_s=1.0, reallocation_s=49.0), GAVEL)
    assert short.warnings == {
        "fusion+gavel-makespan": "decides too often for costs of up to 12 s per round, and its figures may suffer: "
        "round_s = 1; in [scheduling.gavel-makespan] try round_s = 12"
    }
    fitting = hetsched.simulate(with_options(setup, "gavel-makespan", round_s=12.0, reallocation_s=49.0), GAVEL)
    assert not fitting.warnings
    assert fitting.runs[0].metrics.makespan_s < short.runs[0].metrics.makespan_s / 2


def test_a_round_is_too_short_only_for_what_lasts_longer_than_an_iteration() -> None:
    """A round has at least one iteration of each trial, however short the round is."""
    short = with_options(make_setup(), "gavel-makespan", round_s=1.0, reallocation_s=1.0)
    rows = [row.model_copy(update={"restore_s": 10.0, "seconds_per_iteration": 100.0}) for row in short.times.rows]
    assert not unfit(short.replace_times(StepTimes(rows)), {GAVEL: 1000.0})
    assert "too often" in unfit(with_costs(short, restore_s=10.0), {GAVEL: 1000.0})[str(GAVEL)]


def test_only_devices_that_trials_may_use_make_a_round_too_short() -> None:
    rows = [profile_row("v100", seconds=0.1), profile_row(cores=1, restore_s=100.0)]
    nodes = [{"name": "g", "cores": 1, "gpus": 1, "gpu_type": "v100"}, {"name": "c", "cores": 1}]
    costs = NO_OVERHEADS | {"restore": True}
    for devices, is_named in ((["v100"], False), (None, True)):
        setup = with_options(make_setup(nodes, rows, costs, devices=devices), "gavel-makespan", round_s=5.0)
        assert bool(unfit(setup, {GAVEL: 1e5})) == is_named


def test_a_policys_own_round_that_is_shorter_than_its_costs_is_named() -> None:
    """Only a round in the scenario was. With evaluations of 2,200 s a run was 3.1 times as long as the
    baseline, and with the suggested rounds 1.3 times."""
    setup = with_costs(make_setup(), restore_s=500.0)
    [warning] = unfit(setup, {GAVEL: 1e5}).values()
    assert warning.startswith("decides too often for costs of up to 500 s per round, and its figures may suffer: ")
    assert "round_s = 360" in warning
    assert warning == unfit(with_options(setup, "gavel-makespan", round_s=360.0), {GAVEL: 1e5})[str(GAVEL)]
    assert not unfit(with_costs(make_setup(), restore_s=100.0), {GAVEL: 1e5})


def test_the_own_round_of_a_policy_that_weighs_costs_is_not_called_too_short() -> None:
    """With the suggested rounds `sia` was slower in the suite."""
    setup, sia = with_costs(make_setup(), restore_s=100.0), Strategy("fusion", "sia")
    assert not unfit(setup, {sia: 1000.0})
    assert unfit(with_options(setup, "sia", round_s=60.0), {sia: 1000.0})


def test_both_faults_of_a_policys_periods_stand_in_one_sentence() -> None:
    setup = with_options(with_costs(make_setup(), restore_s=100.0, checkpoint_s=20.0), "gavel-makespan", round_s=1.0)
    [warning] = unfit(setup, {GAVEL: 100.0}).values()
    assert re.fullmatch(
        r"decides too seldom for a run whose bound is 100 s and too often for costs of up to 120 s per round, and its "
        r"figures may suffer: reallocation_s = 1920 and round_s = 1; in \[scheduling.gavel-makespan\] try "
        r"reallocation_s = 4\d\d, round_s = 120",
        warning,
    )


class InWholeRounds:
    periods: ClassVar = {"round_s": 40}

    def __init__(self, round_s: int = 360) -> None: ...

    def dispatch(self, state: StateView) -> list[Decision]:
        return []


def test_the_warning_stands_in_the_result_and_its_advice_is_faster() -> None:
    setup = make_setup(overheads=NO_OVERHEADS)
    before = hetsched.simulate(setup, GAVEL)
    warning = before.warnings["fusion+gavel-makespan"]
    assert before.document()["warnings"] == {"fusion+gavel-makespan": warning}
    [advice] = re.findall(r" try (.*)", warning)
    fitting = with_options(setup, "gavel-makespan", **tomllib.loads(advice.replace(", ", "\n")))
    after = hetsched.simulate(fitting, GAVEL)
    assert not after.warnings
    assert after.runs[0].metrics.makespan_s < before.runs[0].metrics.makespan_s


def test_every_output_has_the_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`Running_Results.txt` lacked it, and so did all of an ablation."""
    published = {"round_s": 360.0, "reallocation_s": 1920.0}
    setup = with_options(make_setup(overheads=NO_OVERHEADS), "gavel-makespan", **published)
    warning = hetsched.simulate(setup, GAVEL, folder=tmp_path / "one").warnings[str(GAVEL)]
    ablation = hetsched.ablate(setup, GAVEL)
    assert ablation.document()["warnings"] == {str(GAVEL): warning}
    show_ablation(argparse.Namespace(json=False), print, ablation)
    assert f"warning: {GAVEL}: {warning}" in capsys.readouterr().out
    hetsched.compare(setup, [GAVEL, "fusion+fifo"], 1, tmp_path / "two")
    for folder in ("one", "two"):
        assert (tmp_path / folder / "Running_Results.txt").read_text().count(f"  Note : {warning}\n") == 1


def test_a_period_that_is_no_option_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hetsched.scheduling.queueing.fifo.Fifo.periods", {"round": 20}, raising=False)
    with pytest.raises(hetsched.InputError, match="'fifo': periods: 'round' is none of its options"):
        unfit(make_setup(), {Strategy("fusion", "fifo"): 1.0})


def test_a_comparison_sets_periods_that_fit_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A policy was judged by rounds as long as the whole run."""
    setup = make_setup(overheads=NO_OVERHEADS)
    result = hetsched.compare(setup, [GAVEL, "fusion+fifo"], 1, tmp_path / "out", baseline="fusion+fifo")
    assert not result.warnings
    assert "its own 360 and 1920 would be too long" in result.periods["gavel-makespan"]
    options = tomllib.loads((tmp_path / "out/scenario.toml").read_text())["scheduling"]["gavel-makespan"]
    assert result.periods["gavel-makespan"].startswith(
        f"round_s = {options['round_s']:g} and reallocation_s = {options['reallocation_s']:g};"
    )
    unfitted = hetsched.simulate(setup, GAVEL).runs[0].metrics.makespan_s
    assert result.comparisons[str(GAVEL)].makespan_s.mean < unfitted
    print_comparison(result)
    assert f"gavel-makespan was given {result.periods['gavel-makespan']}" in capsys.readouterr().out
    assert hetsched.resume_comparison(tmp_path / "out").periods == result.periods


def test_periods_that_the_scenario_sets_stay_as_they_are() -> None:
    setup = with_options(make_setup(), "gavel-makespan", round_s=60.0)
    kept, said = fitted(setup, [GAVEL, Strategy("fusion", "fifo")])
    assert kept.scenario.scheduling["gavel-makespan"]["round_s"] == 60.0
    assert said["gavel-makespan"].startswith("reallocation_s = ")
    assert "fifo" not in said


def test_periods_that_fit_stay_the_policys_own() -> None:
    setup = with_options(make_setup(), "gavel-makespan", round_s=1.0, reallocation_s=4.0)
    assert fitted(setup, [GAVEL]) == (setup, {})


class InRounds:
    def __init__(self, round_s: float = 1.0) -> None: ...

    def dispatch(self, state: StateView) -> list[Decision]:
        return []


@pytest.mark.parametrize(
    ("periods", "message"),
    [
        ({"round": 20}, "periods: 'round' is none of its options"),
        (("round_s",), r"periods: expected options and how often .*, found \('round_s',\)"),
        ({"round_s": "often"}, "periods: 'round_s': expected how often .* above 0, found 'often'"),
        ({"round_s": 0}, "periods: 'round_s': expected how often .* above 0, found 0"),
    ],
)
def test_periods_are_looked_at_when_the_policy_is_registered(periods: object, message: str) -> None:
    """They were looked at when all runs of a study were over, which then had no result."""
    with pytest.raises(TypeError, match=f"before class Own: {message}"):
        hetsched.register_scheduling("own-periods")(type("Own", (InRounds,), {"periods": periods}))


def test_runs_that_end_at_their_bounds_do_not_suffer(tmp_path: Path) -> None:
    """One trial on one worker had `its figures may suffer` beside a makespan that was the bound."""
    alone = make_setup([{"name": "a", "cores": 1}], population=1, overheads=NO_OVERHEADS)
    found = hetsched.simulate(alone, "fusion+gavel-makespan", folder=tmp_path / "alone")
    assert found.runs[0].metrics.workers_bound_ratio == pytest.approx(1.0) and not found.warnings
    long_and_short = [
        {"name": "long", "population": 1, "stop_iterations": 900, "pbt": {"enabled": False}},
        {"name": "short", "population": 2, "stop_iterations": 10, "pbt": {"enabled": False}},
    ]
    waits = make_setup([{"name": "a", "cores": 1, "count": 2}], overheads=NO_OVERHEADS, experiments=long_and_short)
    waiting = hetsched.simulate(waits, "fusion+gavel-fifo", folder=tmp_path / "waiting")
    metrics = waiting.runs[0].metrics
    assert metrics.workers_bound_ratio == pytest.approx(1.0) and (metrics.jct_bound_ratio or 0) > 1.05
    assert "decides too seldom" in waiting.warnings["fusion+gavel-fifo"]
    behind = hetsched.simulate(make_setup(overheads=NO_OVERHEADS), "fusion+gavel-makespan", folder=tmp_path / "behind")
    assert "decides too seldom" in behind.warnings["fusion+gavel-makespan"]


def test_an_ablation_warns_by_the_bound_of_the_whole_scenario(tmp_path: Path) -> None:
    """It warned by the bound of the variant without costs, in which more rounds must fit."""
    setup = make_setup(evaluation_images=1000)
    [whole] = hetsched.simulate(setup, "fusion+gavel-makespan", folder=tmp_path / "s").warnings.values()
    assert (
        hetsched.ablate(setup, "fusion+gavel-makespan", folder=tmp_path / "a").warnings["fusion+gavel-makespan"]
        == whole
    )


GPU_AND_CPU = [Strategy("gpu-only", "gavel-makespan"), Strategy("cpu-only", "gavel-makespan")]


def costly_cores() -> Setup:
    """A round costs 1 s on the GPU and 100 s on the cores."""
    nodes = [{"name": "g", "cores": 1, "gpus": 1, "gpu_type": "v100"}, {"name": "c", "cores": 2}]
    rows = [profile_row("v100", seconds=0.1), profile_row(cores=1, seconds=1.0), profile_row(cores=2, seconds=1.0)]
    costly = [row.model_copy(update={"restore_s": 1.0 if row.device == "v100" else 100.0}) for row in rows]
    return make_setup(nodes, costly)


def test_shared_rounds_are_no_shorter_than_what_they_cost_anywhere() -> None:
    """They fitted the strategy of the least bound, and its workers alone."""
    setup, both = costly_cores(), GPU_AND_CPU
    options = [fitted(setup, chosen)[0].scenario.scheduling["gavel-makespan"] for chosen in (both[:1], both)]
    alone_s, shared_s = (float(str(of_one["round_s"])) for of_one in options)
    assert alone_s < 100 <= shared_s < 120
    assert not unfit(fitted(setup, both)[0], {both[0]: 1000.0, both[1]: 4000.0})
    short = with_options(setup, "gavel-makespan", round_s=20.0, reallocation_s=80.0)
    found = unfit(short, {both[0]: 1000.0, both[1]: 4000.0})
    assert list(found) == [str(both[1])] and "too often for costs of up to 100 s per round" in found[str(both[1])]


def test_a_strategy_near_its_bound_shares_its_rounds_all_the_same() -> None:
    """The other one was told to try rounds that are shorter than what they cost on the cores."""
    setup = fitted(costly_cores(), GPU_AND_CPU)[0]
    runs = {one: hetsched.simulate(setup, one, seeds=1).runs for one in GPU_AND_CPU}
    far, near = ([run._replace(metrics=at(run, ratio)) for run in runs[GPU_AND_CPU[0]]] for ratio in (2.0, 1.0))
    assert unfit_for(setup, {GPU_AND_CPU[0]: far}) and not unfit_for(setup, {GPU_AND_CPU[0]: near})
    assert not unfit_for(setup, {GPU_AND_CPU[0]: far, GPU_AND_CPU[1]: near})


def at(run: RunResult, ratio: float) -> Metrics:
    return replace(run.metrics, workers_bound_ratio=ratio, jct_bound_ratio=ratio)


def test_a_stopped_comparison_warns_as_one_that_ended(tmp_path: Path) -> None:
    """Each of its strategies was judged as if no other shared its rounds."""
    result = hetsched.compare(costly_cores(), GPU_AND_CPU, 1, tmp_path / "out", baseline=GPU_AND_CPU[0])
    (tmp_path / "out/summary.json").unlink()
    assert comparison_in(tmp_path / "out").warnings == result.warnings == {}
    assert caveats_of_folder(tmp_path / "out").warnings == {}


def test_a_comparison_says_nothing_of_rounds_where_runs_end_at_their_bounds(tmp_path: Path) -> None:
    """It said so until it was stopped and shown again."""
    alone = make_setup([{"name": "a", "cores": 1}], population=1, overheads=NO_OVERHEADS)
    setup = with_options(alone, "gavel-makespan", round_s=360.0, reallocation_s=1920.0)
    assert not hetsched.compare(setup, [GAVEL], 1, tmp_path / "out", baseline=GAVEL).warnings
