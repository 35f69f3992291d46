"""What nobody measured is said beside the figures, and nothing else is."""

import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

import hetsched
from hetsched.cli.main import main
from hetsched.domain.profiles import ProfileRow
from hetsched.domain.provenance import NOT_MEASURED
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import TrialKind
from hetsched.errors import HetschedError, InputError
from hetsched.scenario.loading import load_setup
from hetsched.scenario.profile_files import write_profile
from hetsched.scenario.scenario import SCENARIO_NAME
from hetsched.scenario.training_table import TrainingTable
from hetsched.scenario.workload_tables import PBTTable
from hetsched.studies.assumed_costs import OF_STORAGE
from hetsched.studies.assumed_jobs import dealt_jobs
from hetsched.studies.assumptions import assumptions
from hetsched.studies.bound import uncertain_work
from hetsched.studies.no_exploits import no_exploits
from tests.conftest import make_setup, profile_row

SPREADS = dict.fromkeys(("noise_cv", "evaluation_cv", "start_up_cv", "restore_cv", "checkpoint_cv"), 0.01)
MEASURED: dict[str, Any] = {
    **SPREADS,
    "evaluation_s_per_image": 1e-4,
    "start_up_s": 1.0,
    "restore_s": 0.1,
    "checkpoint_s": 0.1,
    "sharing": 1.1,
    "checkpoint_bytes": 1000,
    "object_store_save_s": 0.02,
    "object_store_restore_s": 0.02,
}
FIFO = [Strategy("fusion", "fifo")]
OWN_CURVE = {"options": {"noise": 0.02, "scale": 100.0, "power": 0.4}}


def row(model: str = "resnet18", batch_size: int = 32, cores: int = 2, **costs: Any) -> ProfileRow:
    device: dict[str, Any] = {"device": "cpu", "cores": cores, "gpu_share": 0.0}
    return ProfileRow(
        model=model,
        dataset="cifar10",
        batch_size=batch_size,
        seconds_per_iteration=0.01 * batch_size / max(1, cores),
        provenance="a test",
        **(device | costs),
    )


def setup(
    rows: list[ProfileRow], folder: Path, batch_size: int = 32, cores: int = 2, **tables: Any
) -> hetsched.Scenario:
    write_profile(folder / "p.csv", rows)
    experiment = {
        "name": "e",
        "model": rows[0].model,
        "batch_size": batch_size,
        "population": 4,
        "stop_iterations": 20,
        "stop_accuracy": 0.5,
        "pbt": {"perturbation_interval": 10},
    }
    return hetsched.Scenario.of(
        {
            "name": "assuming",
            "strategies": ["fusion+fifo"],
            "cluster": {"nodes": [{"name": "box", "cores": cores, "count": 2}]},
            "workload": {"experiments": [experiment]},
            "profile": {"sources": ["p.csv"], "extrapolate": True},
        }
        | tables,
        folder,
    )


def test_where_all_is_measured_nothing_is_said(tmp_path: Path) -> None:
    assert assumptions(setup([row(**MEASURED)], tmp_path).resolve(), FIFO) == []


@pytest.mark.parametrize(("interval", "acts"), [(19, True), (20, False), (50, False)])
def test_an_interval_as_long_as_the_training_is_said(interval: int, acts: bool, tmp_path: Path) -> None:
    """No trial ever copied another one, and nothing said so."""
    resolved = setup([row(**MEASURED)], tmp_path).resolve()
    experiments = [
        each.model_copy(update={"pbt": each.pbt.model_copy(update={"perturbation_interval": interval})})
        for each in resolved.scenario.workload.experiments
    ]
    changed = resolved.replace(workload=resolved.scenario.workload.model_copy(update={"experiments": experiments}))
    said = assumptions(changed, FIFO)
    assert bool(said) != acts
    if not acts:
        expected = f"PBT never acts, as an interval is as long as the training: e (interval {interval}, stop at 20)"
        assert said[0].startswith(expected)
        assert bool(list(no_exploits(changed)))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"population": 1}, "PBT never acts, as the population is one trial: e: no trial copies another one"),
        (
            {"pbt": PBTTable(perturbation_interval=10, quantile_fraction=0.0)},
            "PBT never acts, as pbt.quantile_fraction is 0: e: no trial copies another one",
        ),
        (
            {"pbt": PBTTable(enabled=False, perturbation_interval=10, mutate=[]), "checkpoint_interval": 10},
            "no effect: pbt.mutate, pbt.perturbation_interval of e, as pbt.enabled is false",
        ),
        (
            {"batch_size": [32, 64, 128], "population": 2},
            "no effect: batch_size 128 of e, as the population of 2 has the sizes before",
        ),
    ],
)
def test_settings_without_an_effect_are_said(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    resolved = setup([row(**MEASURED)], tmp_path).resolve()
    [experiment] = resolved.scenario.workload.experiments
    workload = resolved.scenario.workload.model_copy(update={"experiments": [experiment.model_copy(update=changes)]})
    assert said in assumptions(resolved.replace(workload=workload), FIFO)


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        ({"allocation": {"shared-gpus": {"k": 2}}}, "'shared-gpus': did you mean 'shared-gpu'?"),
        ({"scheduling": {"lookahed": {}}}, "'lookahed': did you mean 'lookahead'?"),
        ({"scheduling": {"lookahead": {"patiance": 0.2}}}, "'lookahead' has no option 'patiance'"),
    ],
)
def test_options_of_no_policy_are_refused_in_python_too(tmp_path: Path, options: dict[str, Any], refused: str) -> None:
    """A misspelt name of a policy made its options vanish without a word."""
    scenario = setup([row(**MEASURED)], tmp_path)
    for resolves in (scenario.replace(**options).resolve, lambda: scenario.resolve().replace(**options)):
        with pytest.raises(InputError, match=re.escape(refused)):
            resolves()
    (tmp_path / "mine.py").write_text("")
    with pytest.raises(InputError, match=re.escape(refused)):
        scenario.replace(**options, policy_files=["mine.py"]).resolve()


@pytest.mark.parametrize("paced", [False, True])
def test_a_time_scale_without_a_pace_is_said(paced: bool, tmp_path: Path) -> None:
    nodes = {"nodes": [{"name": "box", "cores": 2, "pace": paced}]}
    scenario = setup([row(**MEASURED)], tmp_path, cluster=nodes, real={"time_scale": 20.0})
    assert ("no effect: real.time_scale, as no node has a pace" in assumptions(scenario.resolve(), FIFO)) != paced


def test_settings_that_a_training_of_ones_own_does_not_get_are_said(tmp_path: Path) -> None:
    """Data, models, augmentation and speed-ups are those of the trainings that come with hetsched."""
    (tmp_path / "own.py").write_text("class Own:\n    pass\n")
    real = {"augment": True, "speed_ups": ["bfloat16"], "report_interval_s": 5.0}
    said = "no effect: real.augment, real.speed_ups, as the class of [training] trains: its options are in training"
    plain = setup([row(**MEASURED)], tmp_path, real=real)
    assert not any(line.startswith(said) for line in assumptions(plain.resolve(), FIFO))
    own = plain.replace(training=TrainingTable.model_validate({"class": "own.py:Own"}))
    assert any(line.startswith(said) for line in assumptions(own.resolve(), FIFO))


def test_memory_that_the_profile_does_not_know_is_said(tmp_path: Path) -> None:
    nodes = {"nodes": [{"name": "g", "cores": 1, "gpus": 1, "gpu_type": "v100", "gpu_memory_gib": 16.0}]}
    rows = [row(**MEASURED), profile_row("v100", seconds=0.1)]
    said = "gpu_memory_gib: enough, as the profile has no memory_gib, for resnet18 on v100"
    assert said in assumptions(setup(rows, tmp_path, cluster=nodes).resolve(), FIFO)
    known = [rows[0], rows[1].model_copy(update={"memory_gib": 4.0})]
    assert said not in assumptions(setup(known, tmp_path, cluster=nodes).resolve(), FIFO)


@pytest.mark.parametrize(
    ("batch_size", "cores", "said"),
    [
        (
            64,
            2,
            "step times interpolated between measured batch sizes or cores: resnet18 on cifar10, batch 64 on 2 cpu",
        ),
        (256, 2, "step times extrapolated beyond all that was measured: resnet18 on cifar10, batch 256 on 2 cpu"),
        (32, 8, "step times extrapolated beyond all that was measured: resnet18 on cifar10, batch 32 on 8 cpu"),
    ],
)
def test_step_times_that_were_not_measured(tmp_path: Path, batch_size: int, cores: int, said: str) -> None:
    rows = [row(batch_size=batch, cores=c, **MEASURED) for batch in (32, 128) for c in (1, 2)]
    scenario = setup(rows, tmp_path, batch_size, cores)
    own = [line for line in assumptions(scenario.resolve(), FIFO) if not line.startswith("bound of any allocation")]
    assert own == [said]
    assert said in hetsched.bound(scenario).assumptions


@pytest.mark.parametrize(
    ("batch_size", "provenances", "said"),
    [
        (32, ["declared: V100 x 900 / 320", "measured"], ["declared"]),
        (32, ["Scaled from v100", "measured"], ["Scaled from v100"]),
        (64, ["measured", "drawn at random"], ["drawn at random"]),
        (64, ["declared: a", "declared (b)"], ["declared"]),
        (64, ["supposed", "made up"], ["supposed", "made up"]),
        (32, ["measured, then scaled", "declared"], []),
        (32, ["not said", "declared"], []),
    ],
)
def test_step_times_that_the_profile_itself_calls_unmeasured(
    tmp_path: Path, batch_size: int, provenances: list[str], said: list[str]
) -> None:
    """They were used without a word."""
    rows = [
        row(batch_size=batch, **MEASURED).model_copy(update={"provenance": provenance})
        for batch, provenance in zip((32, 128), provenances, strict=True)
    ]
    scenario = setup(rows, tmp_path, batch_size)
    expected = [
        f"step times not measured, by the profile's own word ({how}): resnet18 on cifar10, batch {batch_size} on 2 cpu"
        for how in said
    ]
    for found in (assumptions(scenario.resolve(), FIFO), hetsched.bound(scenario).assumptions):
        assert [line for line in found if line.startswith("step times not measured")] == expected


MEASURED_HERE = "measured 2026-11-26 by hetsched profile on NVIDIA H200, torch 2.11.0, 4 of 16 cores, random images"


@pytest.mark.parametrize(
    ("provenance", "how"),
    [
        (MEASURED_HERE, ["without bfloat16, compile of real.speed_ups"]),
        (f"{MEASURED_HERE}, compile", ["without bfloat16 of real.speed_ups"]),
        (f"{MEASURED_HERE}, bfloat16, compile", []),
        (f"{MEASURED_HERE}, bfloat16, channels-last, compile", ["with channels-last, not in real.speed_ups"]),
        ("published: Gavel", ["without bfloat16, compile of real.speed_ups"]),
        ("measured by the probe", []),  # a real run, which trains as the scenario says
        ("not said", []),
    ],
)
def test_step_times_with_other_speed_ups_than_real_runs_are_named(
    tmp_path: Path, provenance: str, how: list[str]
) -> None:
    """They were assumed away without a word."""
    measured = row(**MEASURED).model_copy(update={"provenance": provenance})
    scenario = setup([measured], tmp_path, real={"speed_ups": ["bfloat16", "compile"]})
    said = [f"step times and start-up measured {one}: resnet18 on cifar10, batch 32 on 2 cpu" for one in how]
    for found in (assumptions(scenario.resolve(), FIFO), hetsched.bound(scenario).assumptions):
        assert [line for line in found if "speed_ups" in line] == said
    (tmp_path / "own.py").write_text("class Own:\n    pass\n")
    own = scenario.replace(training=TrainingTable.model_validate({"class": "own.py:Own"}))
    assert not any("start-up measured" in line for line in assumptions(own.resolve(), FIFO))


@pytest.mark.parametrize(("provenance", "named"), [(MEASURED_HERE, False), (f"{MEASURED_HERE}, compile", True)])
def test_speed_ups_of_a_profile_that_real_runs_lack_are_named(tmp_path: Path, provenance: str, named: bool) -> None:
    measured = row(**MEASURED).model_copy(update={"provenance": provenance})
    found = assumptions(setup([measured], tmp_path).resolve(), FIFO)
    assert any("measured with compile, not in real.speed_ups" in line for line in found) == named


def test_declared_step_times_of_a_published_cluster_are_named() -> None:
    lines = assumptions(hetsched.load_scenario("sia-testbed").resolve(), [Strategy("gpu-only", "srtf")])
    [line] = [line for line in lines if line.startswith("step times not measured, by the profile's own word (")]
    assert "(declared): " in line and line.endswith(" more") and line.count(", batch ") == 3


@pytest.mark.parametrize("word", NOT_MEASURED)
def test_the_page_lists_the_words_of_a_provenance(word: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "profiles.md").read_text()
    [line] = [line for line in page.splitlines() if line.startswith("| a word of these:")]
    assert f"`{word}`" in line


@pytest.mark.parametrize("cost", MEASURED)
def test_a_cost_that_the_profile_lacks(tmp_path: Path, cost: str) -> None:
    place = "object-store" if cost == "checkpoint_bytes" else "both"  # else a node restores from storage
    scenario = setup([row(**MEASURED | {cost: None})], tmp_path, checkpoints={"place": place})
    [line] = assumptions(scenario.resolve(), FIFO)
    if cost == "evaluation_s_per_image":
        assert line == "evaluation: a third of an iteration's time per image, for resnet18 on 2 cpu"
    elif cost in OF_STORAGE:
        assert line.endswith("memory: those of storage, for resnet18")
    else:
        assert line.endswith(": nothing, as the profile has none for resnet18")


def test_costs_of_memory_matter_where_checkpoints_are_in_memory(tmp_path: Path) -> None:
    rows = [row(**MEASURED | dict.fromkeys(OF_STORAGE))]
    assert assumptions(setup(rows, tmp_path).resolve(), FIFO) == [
        "checkpoints into memory, restoring from memory: those of storage, for resnet18"
    ]
    assert assumptions(setup(rows, tmp_path, checkpoints={"place": "storage"}).resolve(), FIFO) == []


def test_a_cost_of_other_workers(tmp_path: Path) -> None:
    gpu = row(device="v100", cores=0, gpu_share=1.0, evaluation_s_per_image=1e-4)
    nodes = [{"name": "box", "cores": 2}, {"name": "server", "cores": 2, "gpus": 1, "gpu_type": "v100"}]
    scenario = setup([row(**MEASURED), gpu], tmp_path, cluster={"nodes": nodes})
    assert (
        "start-up, restore, checkpoint, noise, checkpoints into memory, restoring from memory: the median of other "
        "workers, " in (assumptions(scenario.resolve(), FIFO)[0])
    )


@pytest.mark.parametrize(
    ("differs", "others"),
    [
        ({"dataset": "mnist"}, "data sets"),
        ({"cores": 1}, "workers"),
        ({"cores": 1, "dataset": "mnist"}, "workers or data sets"),
        ({"batch_size": 64}, "batch sizes"),
    ],
)
def test_a_median_says_over_what_it_is(differs: dict[str, Any], others: str, tmp_path: Path) -> None:
    """The median over other data sets on the same worker was called that of other workers."""
    elsewhere = row(**MEASURED).model_copy(update=differs)
    scenario = setup([row(**MEASURED | {"start_up_s": None}), elsewhere], tmp_path)
    assert assumptions(scenario.resolve(), FIFO) == [f"start-up: the median of other {others}, for resnet18 on 2 cpu"]


@pytest.mark.parametrize(
    ("lacks", "said"),
    [
        (("noise_cv",), "noise of iterations"),
        (("start_up_cv", "restore_cv"), "noise of start-up and restore"),
        (SPREADS, "noise"),
        (("restore_s", *SPREADS), "restore, noise"),
    ],
)
def test_all_spreads_are_said_together(lacks: Iterable[str], said: str, tmp_path: Path) -> None:
    """Only the noise of iterations was said."""
    scenario = setup([row(**MEASURED | dict.fromkeys(lacks))], tmp_path)
    assert assumptions(scenario.resolve(), FIFO) == [f"{said}: nothing, as the profile has none for resnet18"]
    quiet = scenario.replace(overheads={"noise": False}).resolve()
    assert not any("noise" in line for line in assumptions(quiet, FIFO))


def test_where_nothing_is_evaluated_its_noise_is_no_assumption(tmp_path: Path) -> None:
    scenario = setup([row(**MEASURED | dict.fromkeys(SPREADS))], tmp_path)
    of_one = {**scenario.workload.experiments[0].model_dump(), "evaluation_images": 0, "stop_score": None}
    unseen = scenario.replace(workload={"experiments": [of_one]})
    assert "noise: nothing, as the profile has none for resnet18" in assumptions(unseen.resolve(), FIFO)


def test_a_gang_on_shares_of_a_gpu_takes_the_times_of_their_sum() -> None:
    rows = [profile_row("v100", seconds=0.1 * k, gpu_share=1 / k) for k in (1, 2)]
    of_two = make_setup([{"name": "g", "cores": 1, "gpus": 1, "gpu_type": "v100"}], rows, gang=2)
    shared = of_two.replace(allocation={"shared-gpu": {"k": 2}})
    said = "a gang of 2 workers of 0.5 v100 takes the profile's times of gpu_share 1, whatever GPUs share"
    assert said in assumptions(shared, [Strategy("shared-gpu", "fifo")])
    assert not any("gang" in line for line in assumptions(of_two.replace(), [Strategy("fusion", "fifo")]))


def test_a_gang_of_cpu_workers_takes_the_times_of_one_worker_with_their_cores() -> None:
    said = "a gang of 2 workers of 1 cpu takes the profile's times of 2 cpu of one node, whatever their nodes"
    nodes = [{"name": name, "cores": 1} for name in "ab"]
    gang = make_setup(nodes, [profile_row(cores=cores, seconds=1.0 / cores) for cores in (1, 2)], gang=2)
    assert said in assumptions(gang, [Strategy("fusion", "fifo")])


def test_a_cost_that_is_left_out_is_not_assumed(tmp_path: Path) -> None:
    off = dict.fromkeys(("start_up", "restore", "evaluation", "checkpoint", "noise", "sharing"), False)
    assert assumptions(setup([row()], tmp_path, overheads=off).resolve(), FIFO) == []


@pytest.mark.parametrize(
    ("train_images", "real", "said"),
    [
        (50_000, {}, []),
        (500, {}, ["accuracy: ResNet-18's curve on 50000 training images, not fitted to 500"]),
        (None, {"augment": True}, ["accuracy: ResNet-18's curve without augmentation, not fitted to real.augment"]),
    ],
)
def test_accuracies_of_training_on_other_images_than_the_recordings(
    train_images: int | None, real: dict[str, Any], said: list[str], tmp_path: Path
) -> None:
    scenario = setup([row(**MEASURED)], tmp_path, real=real)
    [experiment] = scenario.workload.experiments
    for copies in (1, 2):
        trained = experiment.model_copy(update={"train_images": train_images, "count": copies})
        workload = scenario.workload.model_copy(update={"experiments": [trained]})
        told = assumptions(scenario.replace(workload=workload).resolve(), FIFO)
        assert [line for line in told if "curve" in line] == said
    own = scenario.replace(workload=workload, learning={"model": "sgd", **OWN_CURVE})
    assert not any("images" in line or "augment" in line for line in assumptions(own.resolve(), FIFO))


def test_accuracies_of_a_network_that_nobody_recorded(tmp_path: Path) -> None:
    scenario = setup([row("mynet", **MEASURED)], tmp_path)
    [line] = assumptions(scenario.resolve(), FIFO)
    assert line.startswith("accuracy: ResNet-18's curve on CIFAR-10, not fitted to mynet on cifar10; exploits and stop")
    own = setup([row("mynet", **MEASURED)], tmp_path, learning=OWN_CURVE)
    assert assumptions(own.resolve(), FIFO) == []


@pytest.mark.parametrize("model", ["sgd", "tabular"])
def test_hyperparameters_that_the_curve_ignores(tmp_path: Path, model: str) -> None:
    space = {
        "lr": {"low": 0.1, "high": 1.0},
        "momentum": {"low": 0.1, "high": 0.9},
        "dropout": {"low": 0.0, "high": 0.5},
        "optimizer": {"name": {"choices": ["sgd", "adam"]}},
        "depth": 3,
    }
    scenario = setup([row(**MEASURED)], tmp_path, learning={"model": model}).model_dump(exclude_none=True)
    scenario["workload"]["experiments"][0]["search_space"] = space
    lines = assumptions(hetsched.Scenario.of(scenario, tmp_path).resolve(), FIFO)
    expected = "learning: the curve knows nothing of dropout; optimizer.name: no value is better than another"
    assert [line for line in lines if line.startswith("learning")] == [expected]


def test_recordings_of_another_batch_size(tmp_path: Path) -> None:
    scenario = setup(
        [row(batch_size=48, **MEASURED)], tmp_path, 48, learning={"model": "tabular", "options": {"noise": 0.02}}
    )
    [line] = assumptions(scenario.resolve(), FIFO)
    assert line.startswith("accuracy: recordings of other batch sizes for resnet18 on cifar10, batch 48")


@pytest.mark.parametrize(("batch_size", "beyond"), [(15, True), (16, False), (100, False), (512, False), (513, True)])
def test_a_batch_size_beyond_those_of_the_shipped_curve(tmp_path: Path, batch_size: int, beyond: bool) -> None:
    """Accuracies at batch 100,000 went by recordings of at most 512 without a word."""
    scenario = setup([row(batch_size=batch_size, **MEASURED)], tmp_path, batch_size)
    said = (
        "accuracy: the curve goes on as it was fitted beyond the recorded batch sizes, 16 to 512, for resnet18 on "
        f"cifar10, batch {batch_size}; exploits and stop_score go by it"
    )
    assert assumptions(scenario.resolve(), FIFO) == [said] * beyond
    own = setup([row(batch_size=batch_size, **MEASURED)], tmp_path, batch_size, learning=OWN_CURVE)
    assert assumptions(own.resolve(), FIFO) == []


def test_the_default_constants_of_a_model_that_was_fitted_to_nothing(tmp_path: Path) -> None:
    scenario = setup([row(**MEASURED)], tmp_path, learning={"model": "multi-power", "options": {"noise": 0.02}})
    assert assumptions(scenario.resolve(), FIFO) == [
        "accuracy: a curve from 0.1 to 0.9 with the default constants of multi-power, not fitted to resnet18 on "
        "cifar10; exploits and stop_score go by it"
    ]
    own = setup([row(**MEASURED)], tmp_path, learning={"model": "multi-power", **OWN_CURVE})
    assert assumptions(own.resolve(), FIFO) == []


@pytest.mark.parametrize("model", ["sgd", "multi-power"])
def test_one_curve_of_two_networks(tmp_path: Path, model: str) -> None:
    rows = [row(network, **MEASURED) for network in ("resnet18", "mynet")]
    scenario = setup(rows, tmp_path, learning={"model": model, **OWN_CURVE})
    one = scenario.workload.experiments[0].model_dump()
    both = scenario.replace(workload={"experiments": [one, {**one, "name": "f", "model": "mynet"}]})
    [line] = assumptions(both.resolve(), FIFO)
    assert line.startswith(
        "accuracy: one curve, that of learning.options, for all of resnet18 on cifar10, mynet on cifar10"
    )


@pytest.mark.parametrize(
    ("mode", "start", "limit", "refused"),
    [
        ("min", None, None, True),
        ("max", None, None, False),
        ("min", 2.3, 0.01, False),
        ("max", 2.3, 0.01, True),
        ("min", 0.5, 0.5, False),
        ("max", 0.5, 0.5, False),
    ],
)
def test_a_curve_that_training_makes_worse_is_refused(
    tmp_path: Path, mode: str, start: float | None, limit: float | None, refused: bool
) -> None:
    """A loss rose from 0.1 to 0.9, and the untrained trial was the best one."""
    options = {"metric": "loss"} | ({} if start is None else {"start": start, "limit": limit})
    scenario = setup([row(**MEASURED)], tmp_path, learning={"model": "multi-power", "options": options})
    one = scenario.workload.experiments[0].model_dump() | {"metric": {"name": "loss", "mode": mode}, "stop_score": None}
    of_loss = scenario.replace(workload={"experiments": [one]}).resolve()
    if not refused:
        assert of_loss.learning_model() is not None
        return
    begins, ends = (0.1, 0.9) if start is None else (start, limit)
    said = (
        rf"learning.model 'multi-power': experiment 'e': training takes the loss from options.start = {begins} to "
        rf"options.limit = {ends}, which is worse by metric.mode '{mode}': set both in \[learning\]"
    )
    for study in (hetsched.simulate, hetsched.ablate, hetsched.compare, hetsched.validate):
        with pytest.raises(InputError, match=said):
            study(of_loss, "fusion+fifo", folder=tmp_path / "out")


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("sgd", "accuracy: the curve goes on as it was fitted beyond the 1000 iterations that were recorded"),
        (
            "tabular",
            "accuracy: a trial keeps its accuracy beyond the end of its recording, after 300 to 1000 iterations",
        ),
    ],
)
def test_accuracies_beyond_the_recordings(tmp_path: Path, model: str, said: str) -> None:
    """Accuracies of 20,000 iterations went by recordings of 1,000 without a word."""
    scenario = setup([row(**MEASURED)], tmp_path, learning={"model": model, "options": {"noise": 0.02}})
    for iterations, lines in ((300, []), (20_000, [said])):
        experiments = [{**scenario.workload.experiments[0].model_dump(), "stop_iterations": iterations}]
        longer = scenario.replace(workload={"experiments": experiments})
        assert assumptions(longer.resolve(), FIFO) == lines


def test_a_hyperparameter_that_no_curve_knows(tmp_path: Path) -> None:
    spans = {key: {"low": 0.001, "high": 0.1} for key in ("lr", "weight_decay")}
    scenario = setup([row(**MEASURED)], tmp_path)
    experiments = [{**scenario.workload.experiments[0].model_dump(), "search_space": spans}]
    decaying = scenario.replace(workload={"experiments": experiments})
    assert assumptions(decaying.resolve(), FIFO) == [
        "learning: the curve knows nothing of weight_decay: no value is better than another"
    ]


def test_accuracies_that_nobody_evaluates(tmp_path: Path) -> None:
    scenario = setup([row(**MEASURED)], tmp_path)
    of_one = {**scenario.workload.experiments[0].model_dump(), "evaluation_images": 0, "stop_score": None}
    unseen = scenario.replace(workload={"experiments": [of_one]})
    said = "scores: not evaluated, and unknown, for e"
    order = "; exploits go by the order of the trials: the first ones copy the last ones"
    assert assumptions(unseen.resolve(), FIFO) == [said + order]
    alone = scenario.replace(workload={"experiments": [of_one | {"pbt": {"enabled": False}}]})
    assert assumptions(alone.resolve(), FIFO) == [said]


def test_targets_without_scores_have_no_effect(tmp_path: Path) -> None:
    scenario = setup([row(**MEASURED)], tmp_path, metrics={"target_score": 0.5})
    assert [*uncertain_work(scenario.resolve().workload.experiments)]
    of_one = {**scenario.workload.experiments[0].model_dump(), "evaluation_images": 0}
    unseen = scenario.replace(workload={"experiments": [of_one]}).resolve()
    assert {
        "no effect: stop_score of e, as evaluation_images is 0",
        "no effect: metrics.target_score, as evaluation_images is 0",
    } <= set(assumptions(unseen, FIFO))
    assert not [*uncertain_work(unseen.workload.experiments)]


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        (
            {"checkpoints": {"network_bytes_per_s": 1e6}},
            "checkpoints.network_bytes_per_s, as checkpoints.place is 'both'",
        ),
        (
            {"checkpoints": {"network_bytes_per_s": 1e6, "place": "object-store"}, "overheads": {"restore": False}},
            "checkpoints.network_bytes_per_s, as overheads.restore is false",
        ),
        ({"overheads": {"host_cores": 2, "start_up": False}}, "overheads.host_cores, as overheads.start_up is false"),
    ],
)
def test_settings_of_costs_without_an_effect_are_said(tables: dict[str, Any], said: str, tmp_path: Path) -> None:
    assert f"no effect: {said}" in assumptions(setup([row(**MEASURED)], tmp_path, **tables).resolve(), FIFO)
    works: dict[str, Any] = {
        "checkpoints": {"network_bytes_per_s": 1e6, "place": "object-store"},
        "overheads": {"host_cores": 2},
    }
    assert not [
        line for line in assumptions(setup([row(**MEASURED)], tmp_path, **works).resolve(), FIFO) if "no eff" in line
    ]


def test_jobs_of_a_clusters_trace_are_dealt() -> None:
    scenario = hetsched.load_scenario(Path(__file__).parents[2] / "examples" / "helios.toml")
    lines = assumptions(scenario.resolve(), [])
    [line] = [line for line in lines if line.startswith("what the jobs of the trace train: dealt by lot (seed 0)")]
    assert line.endswith("with iterations by their durations on v100, and a checkpoint every 360 s there")
    assert list(hetsched.bound(scenario).assumptions) == [
        line,
        "the trace (helios): 18 jobs read, 16 kept, 0 of them changed, 2 left out",
        "left out: 1 took no GPU (first: line 4)",
        "left out: 1 had no duration (or one of 0 or less) (first: line 11)",
    ], "the bound is that of these jobs"


def test_a_results_folder_says_what_its_jobs_were_made_from(tmp_path: Path) -> None:
    """It has the jobs as they were dealt, and said nothing of the log."""
    setup = hetsched.load_scenario(Path(__file__).parents[2] / "examples" / "helios.toml").resolve()
    said = list(dealt_jobs(setup))
    assert len(said) == 4
    for folder, again in (("first", setup), ("second", None)):
        (again or load_setup(tmp_path / "first" / SCENARIO_NAME)).save(tmp_path / folder)
        assert list(dealt_jobs(load_setup(tmp_path / folder / SCENARIO_NAME))) == said


def test_every_output_says_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "s.toml"
    path.write_text(setup([row("mynet", **MEASURED)], tmp_path).to_toml())
    line = "accuracy: ResNet-18's curve on CIFAR-10, not fitted to mynet on cifar10; exploits and stop_score go by it"
    for number, command in enumerate((["compare"], ["simulate", "--strategy", "fusion+fifo"])):
        arguments = [command[0], str(path), *command[1:], "--out"]
        assert main([*arguments, f"{number}"]) == 0
        assert f"assumed, as nobody measured it:\n  {line}\n" in capfd.readouterr().out
        assert main([*arguments, f"{number}j", "--json"]) == 0
        assert json.loads(capfd.readouterr().out)["assumptions"] == [line]
        assert json.loads(Path(f"{number}/summary.json").read_text())["assumptions"] == [line]
        assert f"assumed = {line}\n" in Path(f"{number}/Running_Results.txt").read_text()


class Flat:
    """A learning model that learns nothing."""

    def fresh(self, kind: TrialKind) -> int:
        return 0

    def train(self, weights: int, kind: TrialKind, hyperparameters: Mapping[str, Any], iterations: int) -> int:
        return weights

    def score(self, weights: int, normal: float) -> float:
        return 0.5


def raising(*_: object) -> None:
    raise KeyError("gone")


def leaving(*_: object) -> None:
    sys.exit(0)


def closed(*_: object) -> None:
    raise GeneratorExit


@pytest.mark.parametrize(
    ("says", "message"),
    [
        ({"assumed": raising}, "assumed raised KeyError in test_assumptions.py:[0-9]+: 'gone'"),
        ({"assumed": leaving}, "assumed raised SystemExit in test_assumptions.py:[0-9]+: 0"),
        ({"assumed": closed}, "assumed raised GeneratorExit in test_assumptions.py:[0-9]+: "),
        ({"assumed": lambda *_: None}, "assumed raised TypeError: 'NoneType' object is not iterable"),
        ({"assumed": lambda *_: "a line"}, "assumed: expected a list of texts, found 'a line'"),
        ({"assumed": lambda *_: [3]}, r"assumed: expected a list of texts, found \[3\]"),
        ({"beyond": raising}, "beyond raised KeyError"),
        ({"refuses": raising}, "refuses raised KeyError"),
        ({"known_hyperparameters": "lr"}, "known_hyperparameters: expected a list of texts, found 'lr'"),
        ({"known_hyperparameters": None}, "known_hyperparameters raised TypeError"),
    ],
)
def test_a_learning_model_that_cannot_say_what_it_is_stops_a_study_before_its_runs(
    says: dict[str, Any], message: str, tmp_path: Path
) -> None:
    """It was asked when the runs were over: their figures were lost, in a traceback."""
    hetsched.register_learning("says")(type("Says", (Flat,), says))
    setup = make_setup().replace(learning={"model": "says"})
    for study in (hetsched.simulate, hetsched.ablate, hetsched.compare, hetsched.validate, hetsched.plan):
        with pytest.raises(HetschedError, match=f"learning model 'says': {message}"):
            study(setup, "fusion+fifo", folder=tmp_path / "out")
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("fails", "message"),
    [
        ({"score": leaving}, "raised SystemExit for trial e-. in test_assumptions.py:[0-9]+: 0"),
        ({"score": closed}, "raised GeneratorExit for trial e-. in test_assumptions.py:[0-9]+: "),
        ({"fresh": leaving}, "raised SystemExit for trial e-0 in test_assumptions.py:[0-9]+: 0"),
        ({"lot": lambda *_: "first"}, "raised TypeError for trial e-.: a lot of 'first': expected a number"),
    ],
)
def test_a_learning_model_that_fails_is_named(fails: dict[str, Any], message: str) -> None:
    """One that called sys.exit ended the command, with the status of success."""
    hetsched.register_learning("fails")(type("Fails", (Flat,), fails))
    with pytest.raises(HetschedError, match=f"learning model 'fails' {message}"):
        hetsched.simulate(make_setup().replace(learning={"model": "fails"}), "fusion+fifo")


@pytest.mark.parametrize("alone", [True, False])
def test_exploits_go_by_nothing_where_pbt_never_acts(alone: bool) -> None:
    """A line said that exploits go by the assumed curve, and the next one that there are none."""
    setup = make_setup(population=1 if alone else 4, stop_iterations=5).replace(learning={"model": "unknown"})
    lines = assumptions(setup, FIFO)
    assert not any("exploits" in line and "go by it" in line for line in lines)
    assert sum(line.startswith("PBT never acts") for line in lines) == 1
