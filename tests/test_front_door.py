"""`import hetsched`: its names, what it loads, every function of it, and its page of docs."""

import importlib
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas
import pytest
from msgspec.structs import replace

import hetsched
from hetsched import scheduling
from hetsched.analysis.tidy.tables import rows
from hetsched.cli.main import main
from hetsched.cli.validate import print_agreements
from hetsched.domain.registry import Strategy
from hetsched.report.page.run import page_run
from hetsched.scenario.loading import load_setup_of_logs
from hetsched.scenario.profile_files import read_profile, write_profile
from hetsched.scenario.scenario import Setup
from hetsched.studies import draws
from hetsched.studies.again import validation_in
from hetsched.studies.backends import Backend, Outcome
from hetsched.studies.folder import ResultsFolder
from hetsched.studies.one_run import RunResult
from hetsched.studies.results import scenario_of
from hetsched.studies.run import what_stays
from hetsched.studies.run_plan import RunPlan
from hetsched.studies.validate import validate
from sim.backend import SimBackend
from tests.conftest import ROWS

ROOT = Path(__file__).parent.parent
TABLES: dict[str, Any] = {
    "name": "small",
    "strategies": ["uniform+fifo", "fusion+hrfs"],
    "cluster": {"nodes": [{"name": "server", "cores": 2, "gpus": 1, "gpu_type": "k80"}, {"name": "box", "cores": 2}]},
    "workload": {
        "experiments": [
            {
                "name": "e",
                "batch_size": 32,
                "population": 4,
                "stop_iterations": 40,
                "pbt": {"perturbation_interval": 10},
            }
        ]
    },
    "profile": {"sources": ["p.csv"]},
}


@pytest.fixture
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> hetsched.Scenario:
    monkeypatch.chdir(tmp_path)
    write_profile(tmp_path / "p.csv", ROWS)
    return hetsched.Scenario(**TABLES)


@pytest.fixture
def own_policies(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is forgotten after it."""
    monkeypatch.setattr(scheduling.policies, "_factories", dict(scheduling.policies._factories))


# Names.


def test_the_table_of_the_docstring_has_every_name() -> None:
    listed = re.findall(r"^`(\w+)`  ", hetsched.__doc__ or "", re.MULTILINE)
    assert sorted([*listed, "__version__"]) == hetsched.__all__
    assert len(set(listed)) == len(listed)


@pytest.mark.parametrize("name", hetsched.__all__)
def test_every_name_is_there(name: str) -> None:
    found = getattr(importlib.import_module("hetsched"), name)
    assert isinstance(found, str) if name == "__version__" else callable(found) and found.__doc__
    assert name in dir(hetsched)


def test_functions_are_not_hidden_by_modules_of_their_name() -> None:
    code = """
import hetsched.studies.compare, hetsched.cli.main, hetsched.cli.run, hetsched.studies.run, hetsched.studies.simulate
import hetsched
hetsched.scheduling.register
print(*(type(getattr(hetsched, name)).__name__ for name in ("compare", "run", "simulate", "replay", "bound")))
"""
    assert python(code) == "function function function function function"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'hetsched' has no attribute 'comparee'"):
        hetsched.comparee  # type: ignore[attr-defined]  # noqa: B018


def test_the_import_loads_nothing_that_is_slow() -> None:
    slow = ["numpy", "scipy", "pydantic", "msgspec", "rich", "pandas", "simpy", "joblib", "ray", "torch"]
    code = f"import sys, hetsched; print([m for m in {slow} if m in sys.modules], 'hetsched.errors' in sys.modules)"
    assert python(code) == "[] False"


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


# Scenarios.


def test_a_scenario_made_in_python_is_the_one_of_the_file(scenario: hetsched.Scenario, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(scenario.to_toml())
    assert hetsched.load_scenario("s.toml").model_dump() == scenario.model_dump()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": 0}, "seeds: input should be greater than or equal to 1, got 0"),
        ({"clutser": {}}, "clutser: unknown key: did you mean 'cluster'?"),
        ({"strategies": []}, "strategies: list should have at least 1 item"),
        (
            {"cluster": {"nodes": [{"name": "a", "coers": 1}]}},
            "cluster.nodes.coers ('a', the 1st of [[cluster.nodes]]): unknown key: did you mean 'cores'?",
        ),
        ({"faults": {"late": {"bx": 1.0}}}, "faults.late: the cluster has no node 'bx': did you mean 'box'?"),
    ],
)
def test_a_wrong_scenario_is_an_input_error_in_words(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(hetsched.InputError) as made:
        hetsched.Scenario(**TABLES | changes)
    assert message in str(made.value)
    assert not any("pydantic" in line for line in str(made.value).splitlines())


def test_every_problem_is_a_line() -> None:
    with pytest.raises(hetsched.InputError) as raised:
        hetsched.Scenario(**TABLES | {"seeds": 0, "profile": {"sources": 5}, "name": "no/name"})
    assert [line.partition(":")[0] for line in str(raised.value).splitlines()] == ["name", "seeds", "profile.sources"]


# Studies.


def test_compare(scenario: hetsched.Scenario, capfd: pytest.CaptureFixture[str]) -> None:
    result = hetsched.compare(scenario, ["fusion+fifo"], seeds=3)
    assert (result.baseline, result.seeds) == ("uniform+fifo", [0, 1, 2])
    assert list(result.comparisons) == list(result.by_strategy) == ["uniform+fifo", "fusion+fifo"]
    assert list(result.verdicts) == ["fusion+fifo"]
    frame = result.to_frame()
    assert len(frame) == 6 and set(frame["seed"]) == {0, 1, 2}
    means = frame.groupby("strategy")["makespan_s"].mean()
    strategies = result.strategies_frame().set_index("strategy")
    for name, figures in result.comparisons.items():
        assert means[name] == pytest.approx(figures.makespan_s.mean) == strategies.loc[name, "makespan_s"]
    assert pandas.isna(strategies.loc["uniform+fifo", "speedup_low"])
    assert strategies.loc["fusion+fifo", "speedup_low"] <= strategies.loc["fusion+fifo", "speedup_vs_baseline"]
    assert capfd.readouterr() == ("", "")


def test_the_seeds_that_were_asked_for(scenario: hetsched.Scenario) -> None:
    assert hetsched.compare(scenario, ["fusion+fifo"], seeds=[4, 2]).seeds == [4, 2]
    assert hetsched.compare(scenario, ["fusion+fifo"], seeds="auto", max_seeds=11).seeds == list(range(11))
    assert [run.metrics.seed for run in hetsched.simulate(scenario, "fusion+fifo", 2).runs] == [0, 1]


def test_a_temporary_folder_goes_with_the_result(scenario: hetsched.Scenario) -> None:
    result = hetsched.simulate(scenario, "fusion+hrfs")
    folder = result.folder
    assert (folder / "events.jsonl").stat().st_size and (folder / "scenario.toml").is_file()
    del result
    assert not folder.exists()


def test_the_command_line_and_the_function_give_the_same(
    scenario: hetsched.Scenario, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "s.toml").write_text(scenario.to_toml())
    assert main(["compare", "s.toml", "--seeds", "2", "--jobs", "1", "--json", "--out", "cli"]) == 0
    printed = json.loads(capfd.readouterr().out)
    hetsched.compare(hetsched.load_scenario("s.toml"), seeds=2, folder="python")
    written = json.loads((tmp_path / "python" / "summary.json").read_text())
    assert written["hetsched"] == hetsched.__version__
    for document in (printed, written):
        document.pop("folder")
        for figures in document["strategies"].values():
            figures.pop("decision_s")
    assert printed.items() <= written.items()
    logs = [
        {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*.jsonl")} for out in map(Path, ("cli", "python"))
    ]
    assert logs[0] == logs[1] and len(logs[0]) == 4


def test_simulate_ablate_bound_and_replay(scenario: hetsched.Scenario, capfd: pytest.CaptureFixture[str]) -> None:
    run = hetsched.simulate(scenario, "fusion+hrfs", seeds=[3])
    [figures], [state] = [run.metrics for run in run.runs], run.states
    assert (figures.strategy, figures.seed, figures.completed) == ("fusion+hrfs", 3, len(state.trials))
    segments = run.segments_frame()
    assert len(segments) == figures.segments
    assert segments["end_s"].max() == figures.makespan_s
    assert segments["iterations"].sum() == figures.iterations
    trials = run.trials_frame()
    assert dict(zip(trials["trial"], trials["hyperparameters.lr"], strict=True)) == {
        name: trial.hyperparameters["lr"] for name, trial in state.trials.items()
    }
    assert (trials["iterations"].sum(), set(trials["status"])) == (figures.iterations, {"completed"})
    parts = ["start_up_s", "restore_s", "train_s", "evaluate_s", "checkpoint_s", "dispatch_s"]
    assert (segments[parts].sum(axis=1) - (segments["end_s"] - segments["start_s"])).abs().max() < 1e-6

    bounds = hetsched.bound(scenario)
    assert bounds.overall.makespan_s <= bounds.by_allocation["fusion"].makespan_s <= figures.makespan_s
    assert list(bounds.to_frame()["allocation"]) == ["any", "uniform", "fusion"]

    ablation = hetsched.ablate(scenario, "fusion+hrfs")
    assert ablation.variants["training alone"].makespan_s < ablation.variants["everything"].makespan_s
    assert list(ablation.variants_frame()["variant"]) == list(ablation.variants)

    replayed = hetsched.replay(run.folder)
    assert replayed.same and replayed.found.alike == replayed.found.decisions > 0
    assert capfd.readouterr() == ("", "")


def test_loaded_results_say_what_their_figures_rest_on(scenario: hetsched.Scenario, tmp_path: Path) -> None:
    """Figures of half a run, and of assumptions, came without a word."""
    published = scenario.replace(scheduling={"gavel-makespan": {"round_s": 360.0, "reallocation_s": 1920.0}})
    of = hetsched.compare(published, ["fusion+gavel-makespan", "fusion+fifo"], 2, tmp_path / "c")
    loaded = hetsched.load_results(of.folder)
    assert list(loaded.assumptions) == list(of.assumptions) != []
    assert loaded.warnings == of.warnings != {}
    for strategy in ("fusion+gavel-makespan", "fusion+fifo"):
        log = of.folder / strategy / "seed-1" / "events.jsonl"
        log.write_bytes(log.read_bytes()[:-200])
    loaded = hetsched.load_results(of.folder)
    partly = "1 of 2 runs did not end: figures cover only what was trained"
    assert loaded.warnings["fusion+fifo"] == partly
    rounds = of.warnings["fusion+gavel-makespan"]
    assert loaded.warnings["fusion+gavel-makespan"] == f"{rounds}; {partly}"


def test_a_log_is_not_held_against_another_scenario(scenario: hetsched.Scenario, tmp_path: Path) -> None:
    """A policy that conforms was accused, and figures were taken by another profile."""
    run = hetsched.simulate(scenario, "fusion+hrfs", folder=tmp_path / "run").folder
    saved = run / "scenario.toml"
    saved.write_text(saved.read_text().replace("population = 4", "population = 5"))
    with pytest.raises(hetsched.InputError, match="its experiment 'e' differs from the one in the scenario.toml"):
        hetsched.replay(run)
    saved.write_text(saved.read_text().replace('name = "small"', 'name = "other"'))
    for read in (hetsched.replay, hetsched.load_results):
        with pytest.raises(hetsched.InputError, match="events.jsonl: is the log of a run of the scenario 'small'"):
            read(run)


def list_of_rows(log: Path) -> None:
    list(rows(log))


def page_of(log: Path) -> None:
    page_run(load_setup_of_logs(scenario_of(log.parent)), log)


@pytest.mark.parametrize(
    ("alter", "message"),
    [
        (lambda lines: [line for line in lines if "segment-started" not in line], "SegmentEnded of .* does not follow"),
        (lambda lines: [*lines[:-1], *[line for line in lines if "segment-ended" in line][:1]], "does not follow"),
        (
            lambda lines: [*lines[:-1], re.sub('"time":[0-9.]+', '"time":0.5', lines[-1])],
            "time goes back from .* to 0.5",
        ),
    ],
)
def test_an_altered_log_is_named(
    alter: Callable[[list[str]], list[str]], message: str, scenario: hetsched.Scenario, tmp_path: Path
) -> None:
    """It was a traceback, or was replayed in an order that never was."""
    log = hetsched.simulate(scenario, "fusion+hrfs", folder=tmp_path / "run").folder / "events.jsonl"
    log.write_text("".join(alter(log.read_text().splitlines(keepends=True))))
    with pytest.raises(hetsched.InputError, match=f"events.jsonl:[0-9]+: .*({message}).*: was it altered"):
        hetsched.load_results(tmp_path / "run")
    for read in (list_of_rows, page_of):
        with pytest.raises(hetsched.InputError, match=f"events.jsonl:[0-9]+: .*({message}).*: was it altered"):
            read(log)
    with pytest.raises(hetsched.InputError, match="events.jsonl: .*was it altered"):
        hetsched.replay(tmp_path / "run")


def test_lost_segments_are_in_the_frame(scenario: hetsched.Scenario) -> None:
    faulty = hetsched.Scenario(**TABLES | {"faults": {"trials": {"mean_between_s": 20.0}}})
    run = hetsched.simulate(faulty, "fusion+fifo")
    segments = run.segments_frame()
    lost = segments[segments["reason"].notna()]
    assert len(lost) == run.runs[0].metrics.lost_segments > 0
    assert lost["score"].isna().all() and lost["train_s"].isna().all()


def test_progress_and_events_are_told(scenario: hetsched.Scenario) -> None:
    heard: list[object] = []

    @contextmanager
    def progress(runs: int) -> Any:
        heard.append(runs)
        yield lambda: heard.append("done")

    hetsched.compare(scenario, ["fusion+fifo"], seeds=2, progress=progress)
    assert heard == [4, *["done"] * 4]
    heard.clear()

    @contextmanager
    def watch(doing: str, of: Setup, strategy: Strategy, seed: int) -> Any:
        heard.append((doing, str(strategy), seed))
        yield lambda state, event: heard.append(event)

    run = hetsched.simulate(scenario, "fusion+fifo", watch=watch)
    assert heard[0] == ("simulating", "fusion+fifo", 0)
    assert len(heard) - 1 == len(run.runs[0].log.read_bytes().splitlines())


# Results folders.


def test_results_are_loaded_again(scenario: hetsched.Scenario, tmp_path: Path) -> None:
    compared = hetsched.compare(scenario, seeds=2, folder="c")
    loaded = hetsched.load_results("c")
    assert loaded.summary["baseline"] == "uniform+fifo"
    metrics = {(run.metrics.strategy, run.metrics.seed): run.metrics for run in compared.runs}
    assert {(run.metrics.strategy, run.metrics.seed): run.metrics for run in loaded.runs} == metrics
    pandas.testing.assert_frame_equal(
        loaded.segments_frame().sort_values(["log", "end_s", "trial"], ignore_index=True),
        compared.segments_frame().sort_values(["log", "end_s", "trial"], ignore_index=True),
    )
    simulated = hetsched.simulate(scenario, "fusion+hrfs", folder="s")
    assert [run.metrics for run in hetsched.load_results(Path("s")).runs] == [run.metrics for run in simulated.runs]


def test_a_run_that_was_begun_is_loaded_as_far_as_it_came(scenario: hetsched.Scenario, tmp_path: Path) -> None:
    whole = hetsched.simulate(scenario, "fusion+hrfs", folder="r").runs[0]
    lines = whole.log.read_bytes().splitlines(keepends=True)
    whole.log.write_bytes(b"".join(lines[: len(lines) // 2]))  # as a real run leaves it whose driver was killed
    (tmp_path / "r" / "summary.json").unlink()
    loaded = hetsched.load_results("r")
    [run] = loaded.runs
    assert loaded.summary == {} and 0 < run.metrics.segments < whole.metrics.segments


def test_without_pandas_the_frames_say_what_to_install(
    scenario: hetsched.Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = hetsched.simulate(scenario, "fusion+fifo")
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(hetsched.InputError, match=r"a data frame needs pandas, .*pip install 'hetsched\[frames\]'"):
        run.to_frame()


# Real runs, on a backend that takes no time.


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `run`, `resume` and `validate` carry out for real, the simulator does; Ray's part of it has tests on Ray."""
    monkeypatch.setattr("hetsched.studies.one_run.backend", lambda name: SimBackend())


@pytest.mark.usefixtures("quick")
def test_a_run_has_a_folder_to_go_on_from(scenario: hetsched.Scenario, capfd: pytest.CaptureFixture[str]) -> None:
    result = hetsched.run(scenario, "fusion+fifo", seeds=2)
    assert re.fullmatch(r"results/small-run-[\d-]+", str(result.folder)) and result.folder.is_dir()
    assert json.loads((result.folder / "run.json").read_text())["seeds"] == [0, 1]
    complete: list[Path] = []
    again = hetsched.resume(result.folder, complete=complete.append)
    assert complete == [result.folder / "seed-0", result.folder / "seed-1"]
    assert [run.metrics for run in again.runs] == [run.metrics for run in result.runs]
    assert [run.metrics for run in hetsched.load_results(result.folder).runs] == [run.metrics for run in result.runs]
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("quick")
def test_a_plan_of_a_newer_version_says_so(scenario: hetsched.Scenario) -> None:
    plan = hetsched.run(scenario, "fusion+fifo").folder / "run.json"
    newer = json.loads(plan.read_text()) | {"hetsched": "99.0", "more": 1}
    plan.write_text(json.dumps(newer))
    with pytest.raises(hetsched.InputError, match="unknown field `more` .written by hetsched 99.0, this is"):
        hetsched.resume(plan.parent)


@pytest.mark.usefixtures("own_policies", "quick")
def test_a_run_that_stops_says_how_to_go_on(scenario: hetsched.Scenario) -> None:
    @hetsched.register_scheduling("fails-later")
    class FailsLater:
        def dispatch(self, state: hetsched.StateView) -> list[hetsched.Dispatch]:
            if any(trial.iterations for trial in state.ready_trials):
                raise ValueError("no")
            pairs = zip(state.idle_workers, list(state.ready_trials), strict=False)
            return [hetsched.Dispatch(trial.id, worker.id, state.interval(trial)) for worker, trial in pairs]

    Path("mine.py").touch()
    with pytest.raises(hetsched.PolicyError) as raised:
        hetsched.run(scenario, "fusion+fails-later", folder="r", policy_files=["mine.py"])
    _, note, report = raised.value.__notes__
    assert note.startswith("what was finished is kept; go on with: hetsched run --resume r --policy-file /")
    assert report == "report: hetsched report r"
    assert Path("r/events.jsonl").stat().st_size


def test_a_run_that_stops_says_where_its_training_is_mended(tmp_path: Path) -> None:
    """Whoever mended the file that the error names, and resumed, met the same error again."""
    plan = RunPlan("fusion+fifo", [0], [], "1")
    (tmp_path / "events.jsonl").write_text('{"event":"segment-ended"}\n')
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "mine.py").touch()
    with pytest.raises(hetsched.InputError) as raised, what_stays(plan, ResultsFolder(tmp_path)):
        raise hetsched.InputError("mine.py:Mine: start refused {}")
    mended, note, _ = raised.value.__notes__
    assert mended.endswith(f"by which the run goes on: {tmp_path / 'training' / 'mine.py'}")
    assert note.startswith("what was finished is kept; go on with: hetsched run --resume")
    (tmp_path / "scenario.toml").touch()
    with pytest.raises(hetsched.InputError) as raised, what_stays(plan, ResultsFolder(tmp_path)):
        raise hetsched.InputError("mine.py:Mine: start refused {}")
    assert raised.value.__notes__[-1].endswith(f": hetsched training check {tmp_path / 'scenario.toml'}")


@pytest.mark.usefixtures("own_policies", "quick")
def test_a_run_that_finished_nothing_recommends_no_resume(scenario: hetsched.Scenario) -> None:
    @hetsched.register_scheduling("fails-at-once")
    class FailsAtOnce:
        def dispatch(self, state: hetsched.StateView) -> list[hetsched.Dispatch]:
            raise ValueError("no")

    Path("mine.py").touch()
    with pytest.raises(hetsched.PolicyError) as raised:
        hetsched.run(scenario, "fusion+fails-at-once", folder="r")
    seen, note = raised.value.__notes__
    assert seen == "what the policy saw: r/policy-error.json"
    assert note == "no segment was finished, so start again in another folder; r says what happened"
    assert Path("r/events.jsonl").stat().st_size


def test_a_run_that_could_not_begin_leaves_no_folder(
    scenario: hetsched.Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refusing(Backend):
        name = "refusing"

        def run(self, *_: object) -> Outcome:
            raise hetsched.InputError("there is no such cluster")

    monkeypatch.setattr("hetsched.studies.one_run.backend", lambda name: Refusing())
    with pytest.raises(hetsched.InputError, match="no such cluster") as raised:
        hetsched.run(scenario, "fusion+fifo", folder="r")
    assert not Path("r").exists() and not hasattr(raised.value, "__notes__")


@pytest.mark.usefixtures("quick")
def test_loaded_runs_of_several_scenarios_are_not_mixed_without_a_word(scenario: hetsched.Scenario) -> None:
    """A validation's probe was a run among its results, and what was predicted and measured had one mean."""
    hetsched.validate(scenario, ["fusion+fifo"], seeds=2, folder="v")
    assert any(Path("v/probe").rglob("events.jsonl"))
    loaded = hetsched.load_results("v")
    assert {name: len(runs) for name, runs in loaded.by_strategy.items()} == {"fusion+fifo": 4}
    both = "measured/fusion+fifo, predicted/fusion+fifo"
    mixed = f"runs of 2 scenarios, which a mean would mix, in {both}: load one"
    assert loaded.warnings == {"fusion+fifo": mixed}
    assert not hetsched.load_results("v/measured").warnings
    assert len(hetsched.load_results("v/probe/fusion").runs) == 1
    ablated = hetsched.ablate(scenario, "fusion+fifo", folder="a")
    assert hetsched.load_results("a").warnings["fusion+fifo"].startswith(f"runs of {len(ablated.variants)} scenarios")


@pytest.mark.usefixtures("quick")
def test_validate(scenario: hetsched.Scenario, capsys: pytest.CaptureFixture[str]) -> None:
    result = hetsched.validate(scenario, seeds=2, profile="p.csv", predictions=1)
    assert list(result.agreements) == scenario.strategies and result.seeds == [0, 1]
    for predicted, measured in zip(result.predicted, result.runs, strict=True):
        assert predicted.log != measured.log and predicted.metrics == measured.metrics
    assert result.mean_absolute_error_percent == 0
    assert list(result.agreements_frame()["error_percent"]) == [0, 0]
    assert len(hetsched.load_results(result.folder).runs) == len(result.runs) + len(result.predicted)
    several = hetsched.validate(scenario, ["fusion+fifo"], profile="p.csv", predictions=3, folder="several")
    assert [len(draws) for draws in several.draws["fusion+fifo"]] == [3]
    assert len(hetsched.load_results("several").runs) == 2, "further simulations are no results of their own"
    assert validation_in(several.folder).document() == several.document()
    assert hetsched.replay(result.runs[0].log.parent).same
    print_agreements(result)
    printed = capsys.readouterr().out
    assert "mean absolute error of the makespan, over 2 strategies: 0.0%" in printed
    assert "Kendall's tau of predicted against measured order, over 2 strategies: 1.00" in printed


@pytest.mark.usefixtures("quick")
def test_validate_measures_a_profile_first(scenario: hetsched.Scenario) -> None:
    result = hetsched.validate(scenario, ["fusion+fifo"], folder="v")
    measured = read_profile(Path("v/probe/fusion/profile.csv"))
    assert {row.device for row in measured} == {"cpu", "k80"}
    assert all(row.provenance.startswith("measured by the probe run in") for row in measured)
    error = result.agreements["fusion+fifo"].makespan_s.error_percent
    assert error is not None and abs(error) < 20
    assert not result.warnings
    assert hetsched.replay("v/probe/fusion").same


@pytest.mark.usefixtures("quick")
def test_validate_watches_real_runs_with_the_step_times_of_the_probe(scenario: hetsched.Scenario) -> None:
    watched = {}

    @contextmanager
    def watch(doing: str, setup: Setup, strategy: Strategy, seed: int) -> Iterator[None]:
        watched[doing] = {row.provenance for row in setup.times.rows}
        yield None

    validate(scenario, ["fusion+fifo"], folder="v", watch=watch)
    assert watched["running"] == {row.provenance for row in read_profile(Path("v/probe/fusion/profile.csv"))}
    assert watched["running"] != watched["profiling with"]


@pytest.mark.usefixtures("quick")
def test_scores_that_are_only_measured_are_no_warning(
    scenario: hetsched.Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is predicted of how a training of one's own learns: that is an assumption, which is said already."""

    def predict(*arguments: Any) -> list[RunResult]:
        runs = draws.predict(*arguments)
        return [run._replace(metrics=replace(run.metrics, best_score=None)) for run in runs]

    monkeypatch.setattr("hetsched.studies.validate.predict", predict)
    assert not hetsched.validate(scenario, ["fusion+fifo"], folder="v", profile="p.csv").warnings


@pytest.mark.usefixtures("quick")
def test_validate_warns_of_rounds_that_are_too_long(scenario: hetsched.Scenario) -> None:
    result = hetsched.validate(scenario, ["fusion+gavel-makespan", "fusion+fifo"], folder="v", profile="p.csv")
    warning = result.warnings["fusion+gavel-makespan"]
    assert list(result.warnings) == ["fusion+gavel-makespan"] and "decides too seldom" in warning
    assert f"  Note : {warning}\n" in Path("v/Running_Results.txt").read_text()


# Wrong inputs.

WRONG: dict[str, tuple[Callable[[hetsched.Scenario], object], str]] = {
    "a strategy": (lambda s: hetsched.simulate(s, "fusion+hfrs"), "strategy: .*did you mean 'hrfs'?"),
    "no plus": (lambda s: hetsched.simulate(s, "fusion"), "a strategy is ALLOCATION[+]SCHEDULING"),
    "one of the strategies": (lambda s: hetsched.compare(s, "fusio+fifo"), "did you mean 'fusion'?"),
    "no strategies": (lambda s: hetsched.bound(s, []), "strategies: expected at least one"),
    "no seeds": (lambda s: hetsched.simulate(s, "fusion+fifo", 0), "seeds: expected how many .*, got 0"),
    "too many seeds": (lambda s: hetsched.compare(s, seeds=10**20), "seeds: expected how many .* at most 1,000,000"),
    "a seed of 20 digits": (lambda s: hetsched.simulate(s, "fusion+fifo", [10**20]), "seeds: expected at most"),
    "too many jobs": (lambda s: hetsched.compare(s, jobs=10**20), "jobs: expected a whole number from 1 to 1,000,000"),
    "negative seeds": (lambda s: hetsched.compare(s, seeds=[-1]), r"seeds: expected .*, got \[-1\]"),
    "a seed twice": (lambda s: hetsched.compare(s, seeds=[1, 1]), r"different whole numbers.*, got \[1, 1\]"),
    "half seeds": (lambda s: hetsched.ablate(s, "fusion+fifo", 1.5), "seeds: expected .*, got 1.5"),  # type: ignore[arg-type]
    "seeds in a word": (lambda s: hetsched.compare(s, seeds="many"), "or \"auto\", got 'many'"),  # type: ignore[arg-type]
    "no jobs": (lambda s: hetsched.compare(s, jobs=0), "jobs: expected a whole number from 1, got 0"),
    "no seeds at most": (
        lambda s: hetsched.compare(s, seeds="auto", max_seeds=0),
        "max_seeds: expected a whole number from 1",
    ),
    "jobs in a word": (lambda s: hetsched.compare(s, jobs="2"), "jobs: expected a whole number from 1, got '2'"),  # type: ignore[arg-type]
    "jobs that are true": (lambda s: hetsched.compare(s, jobs=True), "jobs: expected a whole number from 1, got True"),
    "seeds that are true": (lambda s: hetsched.compare(s, seeds=True), "seeds: expected how many .*, got True"),
    "a seed that is true": (lambda s: hetsched.simulate(s, "fusion+fifo", [True]), r"seeds: expected .*\[True\]"),
    "a name for a scenario": (
        lambda s: hetsched.compare("demo"),  # type: ignore[arg-type]
        r"scenario: expected a Scenario, found 'demo': load_scenario\('demo'\) reads one",
    ),
    "no scenario": (lambda s: hetsched.bound(None), "scenario: expected a Scenario, found None"),  # type: ignore[arg-type]
    "a list for a strategy": (
        lambda s: hetsched.simulate(s, ["fusion+fifo"]),  # type: ignore[arg-type]
        r"strategy: expected one strategy, such as 'fusion\+hrfs', found \['fusion\+fifo'\]",
    ),
    "a number for strategies": (
        lambda s: hetsched.compare(s, 5),  # type: ignore[arg-type]
        "strategies: expected at least one, .*, found 5",
    ),
    "a number among strategies": (
        lambda s: hetsched.compare(s, [5]),  # type: ignore[list-item]
        "strategies: expected strategies, such as .*, found 5",
    ),
    "the first of the scenario's strategies": (
        lambda s: hetsched.compare(hetsched.Scenario(**TABLES | {"strategies": ["fusion+hfrs"]})),
        r"^strategies: 'fusion\+hfrs': .*did you mean 'hrfs'",
    ),
    "the baseline": (
        lambda s: hetsched.compare(hetsched.Scenario(**TABLES | {"baseline": "fusion+hfrs"})),
        r"^baseline: 'fusion\+hfrs': .*did you mean 'hrfs'",
    ),
    "a policy of one's own": (
        lambda s: hetsched.simulate(s, "fusion+zzzzzz"),
        "one of your own is known when its file is loaded: --policy-file FILE .*, load_policies in Python",
    ),
    "a file of policies": (
        lambda s: hetsched.compare(s, jobs=2, policy_files="none.py"),
        "policy_files: none.py: no such file",
    ),
    "a number for files": (
        lambda s: hetsched.compare(s, policy_files=5),  # type: ignore[arg-type]
        "policy_files: expected a list of paths, found 5",
    ),
    "a number for a folder": (lambda s: hetsched.compare(s, folder=5), "folder: expected a path, .*, found 5"),  # type: ignore[arg-type]
    "no path": (lambda s: hetsched.load_scenario(None), "path: expected a path, .*, found None"),  # type: ignore[arg-type]
    "no results": (lambda s: hetsched.load_results(None), "folder: expected a path, .*, found None"),  # type: ignore[arg-type]
    "no run at all": (lambda s: hetsched.replay(None), "run: expected a path, .*, found None"),  # type: ignore[arg-type]
    "nothing to resume": (lambda s: hetsched.resume(None), "folder: expected a path, .*, found None"),  # type: ignore[arg-type]
    "a number for a profile": (
        lambda s: hetsched.validate(s, profile=5),  # type: ignore[arg-type]
        "profile: expected a path, .*, found 5",
    ),
    "nothing to compare": (lambda s: hetsched.compare(s, ["uniform+fifo"], "auto"), "nothing to compare"),
    "a folder that is not empty": (lambda s: hetsched.compare(s, folder="."), "is not empty"),
    "a file that is not there": (lambda s: hetsched.load_scenario("none.toml"), "none.toml: cannot read the scenario"),
    "a policy file": (lambda s: hetsched.load_policies("none.py"), "none.py: no such file"),
    "a folder without logs": (lambda s: hetsched.load_results("none"), "none: no such folder; name the results"),
    "no run to replay": (lambda s: hetsched.replay("none"), "none: has no events.jsonl"),
    "no run to resume": (lambda s: hetsched.resume("none"), "none: no run to go on with"),
    "a model that is not in the profile": (
        lambda s: hetsched.compare(hetsched.Scenario(**with_model("resnet19"))),
        "the profile has no model 'resnet19': did you mean 'resnet18'?",
    ),
    "a folder of data": (
        lambda s: hetsched.run(hetsched.Scenario(**TABLES | {"real": {"data_dir": "none"}}), "fusion+fifo"),
        "real.data_dir: none: no such folder",
    ),
    "a file of models": (
        lambda s: hetsched.validate(hetsched.Scenario(**TABLES | {"real": {"model_file": "none.py"}})),
        "real.model_file: none.py: no such file",
    ),
    "a profile": (lambda s: hetsched.validate(s, profile="none.csv"), "none.csv: cannot read the profile"),
}


def with_model(model: str) -> dict[str, Any]:
    [experiment] = TABLES["workload"]["experiments"]
    return TABLES | {"workload": {"experiments": [experiment | {"model": model}]}}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_input_is_an_input_error_in_words(what: str, scenario: hetsched.Scenario, tmp_path: Path) -> None:
    ask, message = WRONG[what]
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(hetsched.InputError, match=message):
        ask(scenario)
    assert sorted(tmp_path.rglob("*")) == before  # and leaves nothing behind


def test_a_scenario_does_not_change(scenario: hetsched.Scenario) -> None:
    with pytest.raises(TypeError, match=r"Scenario.seeds = 5: a scenario does not change; make another, such as"):
        scenario.seeds = 5
    with pytest.raises(TypeError, match=r"RealTable.address = 'auto': a scenario does not change"):
        scenario.real.address = "auto"
    assert (scenario.seeds, scenario.real.address) == (10, None)


@pytest.mark.usefixtures("own_policies")
def test_a_policy_that_fails_is_a_policy_error(scenario: hetsched.Scenario) -> None:
    @hetsched.register_scheduling("idle")
    class Idle:
        def dispatch(self, state: hetsched.StateView) -> list[hetsched.Dispatch]:
            return []

    with pytest.raises(hetsched.PolicyError, match="policy 'idle' is stalled"):
        hetsched.simulate(scenario, "fusion+idle")


@pytest.mark.usefixtures("own_policies")
def test_policies_of_a_file_are_known_to_other_processes(scenario: hetsched.Scenario, tmp_path: Path) -> None:
    source = (ROOT / "examples" / "my_policy.py").read_text().replace("soonest", "soonest-of-all")
    (tmp_path / "mine.py").write_text(source)
    hetsched.load_policies("mine.py")
    here = hetsched.compare(scenario, ["fusion+soonest-of-all"], seeds=2)
    there = hetsched.compare(scenario, ["fusion+soonest-of-all"], seeds=2, jobs=2, policy_files=["mine.py"])
    assert [run.metrics for run in here.runs] == [run.metrics for run in there.runs]


# Docs and examples.


@pytest.mark.usefixtures("own_policies")
def test_the_page_runs_from_top_to_bottom(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    page = (ROOT / "docs" / "python.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```$(.*?)(?=^```python|\Z)", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) == page.count("```python") > 5
    namespace: dict[str, Any] = {"__name__": "page"}
    printed = []
    for code, after in blocks:
        exec(compile(code, "docs/python.md", "exec"), namespace)
        printed.append(capsys.readouterr().out)
        shown = re.match(r"\n+<!-- .* -->\n+```text\n(.*?)```", after, re.DOTALL)
        if shown:  # what the page says that the block prints
            assert shown[1] == printed[-1]
    assert "faster than uniform+fifo" in printed[2]
    assert page.count("```text") == 1


def test_the_page_names_what_there_is() -> None:
    page = (ROOT / "docs" / "python.md").read_text()
    assert all(hasattr(hetsched, name) for name in re.findall(r"hetsched\.([a-z]\w+)\(", page))
    assert all(f"`{name}`" in page for name in ("run", "resume", "validate", "load_results", "register_learning"))


def test_a_bound_says_in_every_output_of_which_trials_the_work_is_not_known(scenario: hetsched.Scenario) -> None:
    """A run of a third of the iterations was faster than the bound, of which only the table said why."""
    [experiment] = scenario.workload.experiments
    pbt = experiment.pbt.model_copy(update={"iterations": "lineage"})
    early = experiment.model_copy(update={"stop_score": 0.9, "pbt": pbt})
    found = hetsched.bound(scenario.replace(workload={"experiments": [early]}))
    notes = ["Trials that stop on a score may need fewer iterations."]
    notes.append("Trials that take over iterations may need fewer, or more.")
    assert found.notes == found.document()["notes"] == notes
    assert hetsched.bound(scenario).notes == []
