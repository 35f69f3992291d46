"""What is assumed of costs between measurements, memory, recorded values, gangs over nodes and bounds is said."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import hetsched
from hetsched.core.log import LOG_NAME
from hetsched.domain.profiles import ProfileRow
from hetsched.domain.registry import Strategy
from hetsched.scenario.profile_files import write_profile
from hetsched.scenario.scenario import Setup
from hetsched.studies.assumed_bounds import of_measured
from hetsched.studies.assumptions import assumptions
from hetsched.studies.beyond_values import beyond_values
from hetsched.studies.folder import SUMMARY_NAME
from hetsched.studies.folder_caveats import caveats_of_folder
from sim.backend import SimBackend
from tests.conftest import ROWS, make_setup, profile_row
from tests.studies.test_assumptions import FIFO, MEASURED, row, setup
from tests.studies.test_policy_limits import JOBS, SAID
from tests.test_front_door import TABLES

GPU = {"device": "v100", "cores": 0, "gpu_share": 1.0, "sharing": None}
ANY = "bound of any allocation: "


def with_gpu(folder: Path, rows: Sequence[ProfileRow], batch_size: int = 32, **gpu: Any) -> hetsched.Scenario:
    nodes = [{"name": "s", "cores": 1, "gpus": 1, "gpu_type": "v100", **gpu}, {"name": "b", "cores": 1}]
    return setup(list(rows), folder, batch_size, cluster={"nodes": nodes}, strategies=["gpu-only+fifo"])


def said_by(scenario: hetsched.Scenario, strategy: str = "gpu-only") -> list[str]:
    return assumptions(scenario.resolve(), [Strategy(strategy, "fifo")])


def test_costs_of_workers_that_only_the_bound_of_any_allocation_takes(tmp_path: Path) -> None:
    rows = [row(**MEASURED | GPU), row(cores=1)]
    scenario = with_gpu(tmp_path, rows)
    lines = [
        f"{ANY}evaluation: a third of an iteration's time per image, for resnet18 on 1 cpu",
        f"{ANY}start-up, checkpoints into memory: the median of other workers, for resnet18 on 1 cpu",
    ]
    assert said_by(scenario) == lines
    assert list(hetsched.bound(scenario).assumptions) == lines
    both = hetsched.bound(scenario, ["gpu-only+fifo", "fusion+fifo"]).assumptions
    assert list(both) == [line.removeprefix(ANY) for line in lines], "strategies have these workers: said once"


def test_what_a_model_lacks_everywhere_is_said_once(tmp_path: Path) -> None:
    lacking = MEASURED | {"start_up_s": None}
    scenario = with_gpu(tmp_path, [row(**lacking | GPU), row(cores=1, **lacking)])
    assert said_by(scenario) == ["start-up: nothing, as the profile has none for resnet18"]


def test_memory_that_a_profile_knows_of_another_batch_size_only(tmp_path: Path) -> None:
    """Batch 64 fitted without a word where batch 32 took 20 of 24 GiB."""
    rows = [row(batch_size=size, memory_gib=gib, **MEASURED | GPU) for size, gib in ((32, 20.0), (64, None))]
    rows += [row(batch_size=size, cores=1, **MEASURED) for size in (32, 64)]
    said = "gpu_memory_gib: enough, as the profile has no memory_gib, for resnet18 on cifar10, batch 64 on v100"
    scenario = with_gpu(tmp_path, rows, 64, gpu_memory_gib=24.0).replace(profile={"sources": ["p.csv"]})
    assert said_by(scenario) == [said]
    assert list(hetsched.bound(scenario).assumptions) == [said]
    assert list(hetsched.bound(scenario, ["cpu-only+fifo"]).assumptions) == [ANY + said]
    assert said_by(with_gpu(tmp_path, rows, 32, gpu_memory_gib=24.0)) == []


@pytest.mark.parametrize(
    ("sizes", "how"),
    [
        ((32, 128), "interpolated between measured batch sizes or cores"),
        ((16, 32), "extrapolated beyond all that was measured"),
    ],
)
def test_memory_and_costs_of_other_batch_sizes(sizes: tuple[int, int], how: str, tmp_path: Path) -> None:
    """Only step times were said to be interpolated."""
    elsewhere = [row(batch_size=size, memory_gib=size / 8, **MEASURED | GPU) for size in sizes]
    here = row(batch_size=64, **MEASURED | GPU | {"evaluation_s_per_image": None, "start_up_s": None})
    assert said_by(with_gpu(tmp_path, [*elsewhere, here], 64, gpu_memory_gib=24.0)) == [
        f"evaluation, start-up: {how}, for resnet18 on cifar10, batch 64 on v100",
        f"gpu_memory_gib: memory_gib {how}, for resnet18 on cifar10, batch 64 on v100",
    ]
    said = said_by(with_gpu(tmp_path, elsewhere, 64))
    assert len(said) == 1 and said[0].startswith("step times"), "this line says it of the costs, too"


def test_costs_of_other_numbers_of_cores(tmp_path: Path) -> None:
    rows = [row(cores=cores, **MEASURED) for cores in (1, 4)]
    said = assumptions(setup([*rows, row(**MEASURED | {"start_up_s": None})], tmp_path).resolve(), FIFO)
    between = "interpolated between measured batch sizes or cores"
    assert said == [f"start-up: {between}, for resnet18 on cifar10, batch 32 on 2 cpu"]


def searching(folder: Path, space: dict[str, Any], learning: dict[str, Any]) -> list[str]:
    scenario = setup([row(**MEASURED)], folder, learning=learning)
    experiment = scenario.workload.experiments[0].model_dump() | {"search_space": space}
    return assumptions(scenario.replace(workload={"experiments": [experiment]}).resolve(), FIFO)


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ({"lr": {"low": 50.0, "high": 500.0, "scale": "log"}}, "lr: searched 50 to 500, recorded 8.984e-06 to 1.465"),
        ({"lr": {"low": 1e-9, "high": 1.0}}, "lr: searched 1e-09 to 1, recorded 8.984e-06 to 1.465"),
        ({"lr": 100.0}, "lr: set to 100, recorded 8.984e-06 to 1.465"),
        ({"lr": {"low": 1e-4, "high": 1.0}, "momentum": {"low": 0.0, "high": 1.0}}, None),
        ({"lr": 0.1, "weight_decay": 0.5}, "weight_decay: set to 0.5, recorded 0"),
        ({"lr": 0.1, "weight_decay": 0.0}, None),
    ],
)
def test_values_far_beyond_the_recordings_of_the_shipped_curve(
    space: dict[str, Any], said: str | None, tmp_path: Path
) -> None:
    lines = [line for line in searching(tmp_path, space, {"model": "sgd"}) if "beyond the recordings" in line]
    assert lines == ([] if said is None else [f"accuracy: beyond the recordings: {said}"])
    own = searching(tmp_path, space, {"model": "sgd", "options": {"scale": 100.0, "power": 0.4}})
    assert own == [], "nobody knows how far the recordings of these constants go"


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ({"lr": {"low": 0.01, "high": 0.6}, "optimizer": "sgd"}, ["momentum: set to 0, recorded 0.9"]),
        (
            {"lr": {"low": 0.01, "high": 10.0}, "momentum": {"low": 0.1, "high": 0.9}, "optimizer": "sgd"},
            ["lr: searched 0.01 to 10, recorded 0.01 to 0.4", "momentum: searched 0.1 to 0.9, recorded 0.9"],
        ),
        (
            {"lr": 0.1, "momentum": 0.9, "optimizer": {"choices": ["sgd", "lion"]}},
            ["optimizer: searched sgd, lion, recorded adam, sgd"],
        ),
        (
            {"lr": 0.1, "momentum": 0.9, "optimizer": "sgd", "weight_decay": 0.1},
            ["weight_decay: set to 0.1, recorded 0"],
        ),
    ],
)
def test_values_far_beyond_recordings_of_ones_own(space: dict[str, Any], said: list[str], tmp_path: Path) -> None:
    header = "recording,model,dataset,batch_size,seed,iteration,lr,momentum,hyperparameters.optimizer,accuracy\n"
    lines = [
        f"r{number},resnet18,cifar10,32,{number},{iteration},{lr},0.9,{optimizer},{accuracy}\n"
        for number, (lr, optimizer) in enumerate([(0.01, "adam"), (0.1, "sgd"), (0.4, "sgd")])
        for iteration, accuracy in ((0, 0.1), (50, 0.5))
    ]
    (tmp_path / "own.csv").write_text(header + "".join(lines))
    found = searching(tmp_path, space, {"model": "tabular", "options": {"file": "own.csv", "noise": 0.02}})
    assert found == [f"accuracy: beyond the recordings: {line}" for line in said]


def test_a_value_that_tells_no_recordings_apart_is_said_once(tmp_path: Path) -> None:
    """A searched weight decay was said to have no effect. Nothing was said of one that is set."""
    for decay, said in (
        (0.5, "accuracy: beyond the recordings: weight_decay: set to 0.5, recorded 0"),
        (
            {"low": 0.4, "high": 0.5},
            "learning: the curve knows nothing of weight_decay: no value is better than another",
        ),
    ):
        space = {"lr": 0.1, "momentum": 0.9, "weight_decay": decay}
        assert searching(tmp_path, space, {"model": "sgd"}) == [said]
        assert searching(tmp_path, space, {"model": "tabular", "options": {"noise": 0.02}}) == [said]


@pytest.mark.parametrize(
    ("momentum", "known", "far"),
    [
        (0.99, (0.0, 0.9), True),  # the effective rate is ten times as high
        (0.92, (0.0, 0.9), False),
        (0.99, (0.8, 0.9), True),
        ({"choices": [0.5, 0.99]}, (0.0, 0.9), True),
        ({"low": 0.0, "high": 1.0}, (0.0, 0.9), True),
        ({"low": 0.0, "high": 1.0}, (0.0, 0.975), False),  # hardly any trial is at the end of the range
        (1.0, (0.0, 0.975), True),
        (0.9999, (0.9, 0.99), True),  # a factor of ten, up to rounding
        (0.9999, (0.5, 0.95), True),
        (0.3 * 3, (0.9,), False),  # one rounding error
        (50.0, (0.0, 100.0), False),  # another momentum
    ],
)
def test_momentum_is_compared_by_the_effective_rate(momentum: Any, known: tuple[float, float], far: bool) -> None:
    """0.99 counted as near 0.9: numbers were compared, and not what they do."""
    [experiment] = make_setup(search_space={"lr": 0.1, "momentum": momentum}).workload.experiments
    assert bool(beyond_values(experiment, {"momentum": known})) is far


def test_gangs_of_gpus_over_nodes_take_the_times_of_the_profile() -> None:
    rows = [profile_row("v100", seconds=0.1 / count, gpu_share=count) for count in (1, 2)]
    said = "gangs take the profile's times of as many GPUs, whatever their nodes: 2 v100"
    nodes = [{"name": name, "cores": 1, "gpus": 2, "gpu_type": "v100"} for name in "ab"]
    two = make_setup(nodes, rows, gang=2)
    assert said in assumptions(two, FIFO) and said in hetsched.bound(two, FIFO).assumptions
    for others in (make_setup(nodes[:1], rows, gang=2), make_setup(nodes, rows), make_setup(nodes, rows[:1], gang=2)):
        assert not any("gangs" in line for line in assumptions(others, FIFO))


def test_a_printed_result_has_what_it_assumed(tmp_path: Path) -> None:
    """An ablation printed its figures alone."""
    scenario = setup([row(**MEASURED | {"start_up_s": None})], tmp_path)
    said = "start-up: nothing, as the profile has none for resnet18"
    for found in (hetsched.ablate(scenario, "fusion+fifo"), hetsched.simulate(scenario, "fusion+fifo")):
        assert said in found.assumptions and said in repr(found) and repr(found.warnings) in repr(found)


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is carried out for real, the simulator does."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("hetsched.studies.one_run.backend", lambda name: SimBackend())


@pytest.mark.usefixtures("measured")
def test_plans_and_validations_say_where_a_policy_has_no_checkpoints() -> None:
    write_profile(Path("p.csv"), ROWS)
    scenario = hetsched.Scenario(**TABLES | {"workload": {"experiments": JOBS}})
    assert SAID in hetsched.validate(scenario, ["fusion+las"], folder="validation").warnings["fusion+las"]
    found = hetsched.plan(scenario, ["fusion+las"], 1, "plan")
    assert SAID in (found.forecasts["fusion+las"].warning or "")


def of_third() -> Setup:
    """The profile lacks the time of an evaluation."""
    write_profile(Path("p.csv"), [each.model_copy(update={"evaluation_s_per_image": None}) for each in ROWS])
    return hetsched.Scenario(**TABLES).resolve()


@pytest.mark.usefixtures("measured")
def test_the_bounds_of_a_real_run_say_what_they_assume() -> None:
    """A run was twice its bound, of which a third was a guess, without a word."""
    scenario = of_third()
    found = hetsched.run(scenario, "uniform+fifo", folder="run")
    lines = list(found.assumptions)
    assert any(line.startswith("bounds: evaluation: a third of an iteration's time per image, for ") for line in lines)
    assert all(line.startswith(("bounds: ", ANY)) for line in lines)
    (Path("run") / SUMMARY_NAME).unlink()
    log = Path("run") / LOG_NAME
    log.write_text(log.read_text().replace('"backend":"sim"', '"backend":"ray"', 1))
    assert list(caveats_of_folder(Path("run")).assumptions) == lines


@pytest.mark.usefixtures("measured")
def test_a_validation_says_once_what_its_bounds_assume_as_its_predictions_do() -> None:
    scenario = of_third()
    lines = hetsched.validate(scenario, ["uniform+fifo"], folder="out", profile="p.csv").assumptions
    assert any(line.startswith("evaluation: a third") for line in lines)
    assert not any(line.startswith("bounds: ") for line in lines) and len(set(lines)) == len(lines)


@pytest.mark.parametrize(
    ("lacks", "place", "said"),
    [
        ("restore_s", "both", None),
        ("checkpoint_s", "both", None),
        ("checkpoint_s", "storage", "checkpoint: nothing, as the profile has none for resnet18"),
        ("object_store_save_s", "storage", None),
        ("object_store_save_s", "both", "checkpoints into memory: those of storage, for resnet18"),
    ],
)
def test_costs_that_bounds_do_not_count_are_not_said_of_them(
    lacks: str, place: str, said: str | None, tmp_path: Path
) -> None:
    scenario = setup([row(**MEASURED | {lacks: None})], tmp_path, checkpoints={"place": place})
    assert list(hetsched.bound(scenario).assumptions) == ([] if said is None else [said])


def test_a_run_without_a_bound_assumes_nothing() -> None:
    unknown = make_setup([{"name": "a", "cores": 1}], [profile_row(cores=1, model="another")])
    assert of_measured(unknown, FIFO) == []


@pytest.mark.parametrize(
    ("spot", "without"),
    [(None, "a, b0, b1"), ({"mean_between_s": 1e6}, ""), ({"mean_between_s": 1e6, "nodes": ["a", "b1"]}, "b0")],
)
def test_a_spot_price_of_no_spot_node_is_said(spot: dict[str, Any] | None, without: str, tmp_path: Path) -> None:
    prices = {"price_per_h": 3.0, "spot_price_per_h": 1.0}
    nodes = [{"name": "a", "cores": 2, **prices}, {"name": "b", "cores": 2, "count": 2, **prices}]
    scenario = setup([row(**MEASURED)], tmp_path, cluster={"nodes": nodes}, faults={"spot": spot} if spot else {})
    said = [f"no effect: spot_price_per_h of {without}, as only nodes of faults.spot cost it"] if without else []
    assert assumptions(scenario.resolve(), FIFO) == said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["measured", "measured"], ""),
        (["declared: a guess", "measured"], " (some rows: declared)"),
        (["declared", "scaled by 2"], " (all rows: declared, scaled by 2)"),
    ],
)
def test_costs_by_rows_that_say_that_nobody_measured_them(words: list[str], said: str, tmp_path: Path) -> None:
    """Only step times said it, those of the rows of a study's own workers."""

    def elsewhere(device: str) -> list[ProfileRow]:
        costs = MEASURED | GPU | {"device": device, "memory_gib": 1.0}
        rows = zip((row(batch_size=size, **costs) for size in (32, 128)), words, strict=True)
        return [each.model_copy(update={"provenance": word}) for each, word in rows]

    here = row(batch_size=64, **MEASURED | GPU | {"start_up_s": None})
    at = "for resnet18 on cifar10, batch 64 on v100"
    between = f"interpolated between measured batch sizes or cores{said}, {at}"
    assert said_by(with_gpu(tmp_path, [*elsewhere("v100"), here], 64, gpu_memory_gib=24.0)) == [
        f"start-up: {between}",
        f"gpu_memory_gib: memory_gib {between}",
    ]
    assert said_by(with_gpu(tmp_path, [*elsewhere("k80"), here], 64)) == [
        f"start-up: the median of other workers{said}, for resnet18 on v100"
    ]


def test_costs_by_other_rows_than_the_step_time_say_who_did_not_measure_them(tmp_path: Path) -> None:
    """They were taken to be known as well as the step time, which is between measured rows."""
    of_step = [row(batch_size=size, **MEASURED | GPU) for size in (32, 128)]
    nearer = of_step[1].model_copy(update={"start_up_s": None})
    guess = row(batch_size=256, **MEASURED | GPU).model_copy(update={"provenance": "declared: a guess"})
    between = "interpolated between measured batch sizes or cores"
    assert [line for line in said_by(with_gpu(tmp_path, [of_step[0], nearer, guess], 64)) if "start-up" in line] == [
        f"start-up: {between} (some rows: declared), for resnet18 on cifar10, batch 64 on v100"
    ]
    assert not [line for line in said_by(with_gpu(tmp_path, of_step, 64)) if "start-up" in line]


def test_growth_of_the_state_between_measurements(tmp_path: Path) -> None:
    """The line of state_growth was the one of a growth that was measured."""
    sizes = [row(batch_size=size, state_growth=0.1, **MEASURED | GPU) for size in (32, 128)]
    growth = "evaluation, restore and checkpoint: in proportion to iterations, by state_growth"
    between = "interpolated between measured batch sizes or cores, for resnet18 on cifar10, batch 64 on v100"
    here = row(batch_size=64, **MEASURED | GPU)
    assert said_by(with_gpu(tmp_path, [*sizes, here], 64)) == [f"{growth} {between}"]
    assert said_by(with_gpu(tmp_path, sizes, 32)) == [f"{growth}, for resnet18 on v100"]
    assert f"{growth}, for resnet18 on v100" in said_by(with_gpu(tmp_path, sizes, 64)), "the line of step times says it"


def test_what_bounds_and_a_prediction_assume_is_said_once(tmp_path: Path) -> None:
    lacking = setup([row(**MEASURED | {"start_up_s": None, "restore_s": None})], tmp_path).resolve()
    [line] = of_measured(lacking, FIFO)
    start_up = "start-up: nothing, as the profile has none for resnet18"
    assert line == f"bounds: {start_up}"
    both = [f"bounds and prediction: {start_up}", "prediction: another line"]
    assert of_measured(lacking, FIFO, [start_up, "another line"]) == both
