"""Profiles: what is looked up, interpolated, unknown; what a bad file says."""

from importlib.metadata import EntryPoint, EntryPoints
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hetsched.domain.cluster import WorkerType
from hetsched.domain.curve import Curve
from hetsched.domain.missing_times import why_missing
from hetsched.domain.profiles import NOTHING, Costs, ProfileRow, StepTimes
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import TrialKind
from hetsched.errors import InputError
from hetsched.scenario import profile_files
from hetsched.scenario.loading import load
from hetsched.scenario.profile_files import read_profile, read_sources, write_profile
from hetsched.scenario.scenario import Scenario
from hetsched.studies.profile_check import check_profile
from sim.engine import simulate
from tests.conftest import make_setup, profile_row

ONE, TWO = WorkerType("cpu", 1, 0.0), WorkerType("cpu", 2, 0.0)
V100 = WorkerType("v100", 0, 1.0)


def kind(batch_size: int) -> TrialKind:
    return TrialKind("resnet18", "cifar10", batch_size)


def test_linear_in_the_batch_size_between_measurements() -> None:
    times = StepTimes([profile_row(batch_size=32, seconds=1.0), profile_row(batch_size=64, seconds=3.0)])
    assert times.seconds_per_iteration(kind(32), ONE) == 1.0
    assert times.seconds_per_iteration(kind(48), ONE) == pytest.approx(2.0)


def test_amdahl_between_core_counts() -> None:
    # 1 + 3 / cores
    times = StepTimes([profile_row(cores=1, seconds=4.0), profile_row(cores=3, seconds=2.0)])
    assert times.seconds_per_iteration(kind(32), TWO) == pytest.approx(2.5)


def test_outside_the_measurements_is_unknown_unless_extrapolation_is_asked_for() -> None:
    rows = [profile_row(batch_size=32, seconds=1.0), profile_row(batch_size=64, seconds=3.0)]
    assert StepTimes(rows).seconds_per_iteration(kind(96), ONE) is None
    assert StepTimes(rows).seconds_per_iteration(kind(32), V100) is None
    assert StepTimes(rows, extrapolate=True).seconds_per_iteration(kind(96), ONE) == pytest.approx(5.0)


def test_a_pace_multiplies_the_profile() -> None:
    times = StepTimes([profile_row("v100", seconds=0.1)])
    assert times.seconds_per_iteration(kind(32), V100._replace(pace=3.0)) == pytest.approx(0.3)


def test_costs_that_were_not_measured_here_come_from_the_model_elsewhere() -> None:
    bare = profile_row(
        "v100",
        seconds=0.96,
        noise_cv=None,
        evaluation_s_per_image=None,
        start_up_s=None,
        restore_s=None,
        checkpoint_s=None,
    )
    costs = StepTimes([bare, profile_row(start_up_s=7.0)]).costs(kind(32), V100)
    assert costs.start_up_s == 7.0
    assert costs.evaluation_s_per_image == pytest.approx(0.96 / 32 / 3)
    assert StepTimes([bare]).costs(kind(32), V100).start_up_s == 0.0


MORE: dict[str, Any] = {
    "evaluation_cv": 0.1,
    "start_up_cv": 0.2,
    "restore_cv": 0.3,
    "checkpoint_cv": 0.4,
    "checkpoint_bytes": 1000,
    "object_store_save_s": 0.01,
    "object_store_restore_s": 0.02,
    "sharing": 1.5,
}
"""The columns that a profile may have."""


def test_how_costs_vary_and_what_else_there_is_come_from_the_model_elsewhere_too() -> None:
    rows = [profile_row(**MORE), profile_row(cores=2), profile_row("v100"), profile_row("v100", model="resnet50")]
    times = StepTimes(rows)
    assert msgspec.structs.asdict(times.costs(kind(32), TWO)).items() >= MORE.items()
    on_a_gpu = times.costs(kind(32), V100)
    assert msgspec.structs.asdict(on_a_gpu).items() >= (MORE | {"sharing": 1.0}).items()
    of_another_model = times.costs(TrialKind("resnet50", "cifar10", 32), V100)
    assert (of_another_model.evaluation_cv, of_another_model.checkpoint_bytes, of_another_model.sharing) == (0, 0, 1)


def test_an_object_store_that_was_not_measured_is_as_slow_as_storage() -> None:
    costs = StepTimes([profile_row(checkpoint_s=0.25, restore_s=0.5)]).costs(kind(32), ONE)
    assert (costs.object_store_save_s, costs.object_store_restore_s) == (0.25, 0.5)


def test_a_cost_that_was_measured_as_nothing_is_nothing() -> None:
    rows = [profile_row(batch_size=batch, start_up_s=0.0, object_store_save_s=0.0) for batch in (64, 256)]
    costs = StepTimes([*rows, profile_row(cores=8, start_up_s=15.0)]).costs(kind(128), ONE)
    assert (costs.start_up_s, costs.object_store_save_s) == (0.0, 0.0)
    assert costs.object_store_restore_s == 0.5


def test_sharing_is_the_median_of_other_cpu_workers() -> None:
    rows = [profile_row(cores=cores, sharing=sharing) for cores, sharing in ((1, 1.5), (2, None), (4, 1.1), (64, 1.2))]
    times = StepTimes(rows)
    assert times.costs(kind(32), ONE).sharing == 1.5
    assert times.costs(kind(32), WorkerType("cpu", 3, 0.0)).sharing == pytest.approx(
        1.1 + (1.5 - 1.1) * (1 / 3 - 1 / 4) / (1 - 1 / 4)  # between 1 and 4 cores, linear in 1 / cores
    )
    assert times.costs(kind(64), TWO).sharing == 1.2  # there is no step time of this batch size


def test_costs_that_are_left_out_are_as_if_only_training_took_time() -> None:
    times = StepTimes([profile_row(**MORE)])
    costs = times.without(["sharing", "checkpoint_cv", "object_store_save_s"]).costs(kind(32), ONE)
    assert (costs.sharing, costs.checkpoint_cv, costs.object_store_save_s) == (1.0, 0.0, 0.0)
    assert (costs.restore_cv, costs.object_store_restore_s) == (0.3, 0.02)
    assert times.without(Costs.__struct_fields__).costs(kind(32), ONE) == NOTHING
    for profile in (times, times.without(["sharing"])):
        assert profile.costs(kind(32), ONE) is profile.costs(kind(32), ONE)  # they are asked for at every segment


def test_a_profile_without_the_later_columns_is_read(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(
        "model,dataset,batch_size,device,cores,gpu_share,seconds_per_iteration,noise_cv,evaluation_s_per_image,"
        "start_up_s,restore_s,checkpoint_s,provenance\nresnet18,cifar10,32,cpu,1,0,0.5,,,,,,made up\n"
    )
    (row,) = read_profile(tmp_path / "p.csv")
    assert row.seconds_per_iteration == 0.5
    assert all(getattr(row, name) is None for name in MORE)


def test_four_columns_are_enough(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("model,batch_size,device,seconds\nmynet,32,v100,0.1\nmynet,32,cpu,0.5\n")
    on_gpu, on_cpu = read_profile(tmp_path / "p.csv")
    assert (on_gpu.worker_type, on_cpu.worker_type) == (V100, ONE)
    assert (on_gpu.seconds_per_iteration, on_cpu.seconds_per_iteration) == (0.1, 0.5)
    assert (on_gpu.dataset, on_gpu.provenance) == ("cifar10", "not said")
    assert StepTimes([on_gpu, on_cpu]).costs(on_gpu.kind, V100) == msgspec.structs.replace(
        NOTHING, evaluation_s_per_image=0.1 / 32 / 3
    )


def test_the_example_of_a_notebook_is_the_one_on_the_page() -> None:
    file = ROOT / "examples" / "notebook-profile.csv"
    assert f"```csv\n{file.read_text()}```" in (ROOT / "docs" / "profiles.md").read_text()
    assert [str(row.worker_type) for row in read_profile(file)] == ["v100", "v100", "1 cpu"]


def test_a_worker_of_several_cores_or_a_part_of_a_gpu_needs_one_column_more(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(
        "model,batch_size,device,cores,gpu_share,seconds_per_iteration\nm,32,v100,,0.5,0.1\nm,32,cpu,2,,0.5\n"
    )
    assert [row.worker_type for row in read_profile(tmp_path / "p.csv")] == [V100._replace(gpu_share=0.5), TWO]


def test_all_columns_that_are_missing_are_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("Model,batch,secs\nm,32,0.1\n")
    with pytest.raises(InputError) as caught:
        read_profile(tmp_path / "p.csv")
    assert str(caught.value).endswith(
        "p.csv: not a profile: columns 'model', 'batch_size', 'device' and 'seconds_per_iteration' or 'seconds' are "
        "missing from the first line: is 'Model' meant for 'model'? is 'batch' meant for 'batch_size'? is 'secs' "
        "meant for 'seconds_per_iteration', which is in seconds?"
    )


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    rows = [profile_row(seconds=0.1 + 0.2, **MORE), profile_row("v100", noise_cv=None)]
    write_profile(tmp_path / "p.csv", rows)
    assert set(MORE) < set((tmp_path / "p.csv").read_text().splitlines()[0].split(","))
    assert read_profile(tmp_path / "p.csv") == rows


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("checkpoint_s", "checkpoints"), "not a column.*'checkpoints': did you mean 'check"),
        (lambda text: text.replace("cpu,1,0.0", "CPU,0,1.0").replace(",1.5,", ",,"), "'CPU' is written 'cpu'"),
        (lambda text: text.replace("\n", ",4\n").replace(",4", ",model", 1), "column 'model' is 2 times in the first"),
        (lambda text: text.replace(",4.5,", ",-4.5,"), "p.csv:2: seconds_per_iteration: expected 1e-09 or more"),
        (lambda text: text.replace(",4.5,", ",fast,"), "p.csv:2: seconds_per_iteration: expected a number"),
        (lambda text: text.replace(",4.5,", ",inf,"), "p.csv:2: seconds_per_iteration: .*finite"),
        (lambda text: text.replace(",1.5,", ",0.9,"), "p.csv:2: sharing: expected 1 or more"),
        (lambda text: text.replace(",cpu,1,0.0,", ",v100,0,1.0,"), "p.csv:2: .*sharing is for cpu rows"),
        (lambda text: text.replace(",sharing,", ",shareing,"), "did you mean 'sharing'"),
        (lambda text: text.replace(",cpu,1,", ",cpu,0,"), "p.csv:2: .*cpu row has cores"),
        (lambda text: text + text.splitlines()[1] + "\n", "p.csv:3: .*measured in line 2 already"),
        (lambda text: text.splitlines()[0] + "\n", "has no rows"),
        (lambda text: "\0", "p.csv: not a"),
    ],
)
def test_a_bad_profile_names_file_line_and_column(tmp_path: Path, change: object, message: str) -> None:
    path = tmp_path / "p.csv"
    write_profile(path, [profile_row(seconds=4.5, sharing=1.5)])
    path.write_text(change(path.read_text()))  # type: ignore[operator]
    with pytest.raises(InputError, match=message):
        read_profile(path)


ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("path", sorted((ROOT / "sim" / "data").glob("*.csv")), ids=lambda path: path.stem)
def test_every_shipped_row_has_a_provenance(path: Path) -> None:
    for row in read_profile(path):
        assert row.provenance.startswith(("measured 20", "published: "))


def test_published_rows_keep_the_two_resnets_apart() -> None:
    rows = read_profile(ROOT / "sim" / "data" / "gavel-osdi20.csv")
    assert {(row.model, row.dataset) for row in rows} == {("resnet18-cifar", "cifar10"), ("resnet50", "imagenet")}
    assert {row.device for row in rows} == {"k80", "p100", "v100"}
    assert all("simulation_throughputs" in row.provenance for row in rows)  # Gavel published two tables that differ


def test_shipped_cpu_figures_are_plausible() -> None:
    times = StepTimes(read_profile(ROOT / "sim" / "data" / "cpu-epyc.csv"))
    for model, dataset in (("resnet18", "cifar10"), ("resnet50", "cifar100"), ("resnet18-cifar", "cifar10")):
        for batch in (32, 64, 128, 256, 512):
            one = times.seconds_per_iteration(TrialKind(model, dataset, batch), ONE)
            two = times.seconds_per_iteration(TrialKind(model, dataset, batch), TWO)
            assert one is not None and two is not None
            assert 1.0 < one / two < 2.3


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.toml")), ids=lambda path: path.stem)
def test_every_example_loads(path: Path) -> None:
    assert isinstance(load(path), Scenario)


class WatchedRow:
    """A row that counts how often one of its columns is read."""

    reads = 0

    def __init__(self, row: ProfileRow) -> None:
        self._row = row

    def __getattr__(self, column: str) -> Any:
        WatchedRow.reads += 1
        return getattr(self._row, column)


def reads_of_a_run(batch_sizes: int, folder: Path) -> int:
    """How often a simulation reads rows: one trial of each batch size, and rows of all for two
    types of worker."""
    batches = [8 * number for number in range(1, batch_sizes + 1)]
    rows = [profile_row(cores=cores, batch_size=batch, sharing=1.5) for batch in batches for cores in (1, 2)]
    nodes = [{"name": "a", "cores": 1}, {"name": "b", "cores": 2}]
    setup = make_setup(nodes, batch_size=batches, population=batch_sizes, stop_iterations=10)
    watched: Any = [WatchedRow(row) for row in rows]
    WatchedRow.reads = 0
    folder.mkdir()
    simulate(setup.replace_times(StepTimes(watched)), Strategy("fusion", "srtf"), 0, folder)
    return WatchedRow.reads


def test_a_profile_of_twice_the_rows_takes_twice_the_time_and_four_times_four(tmp_path: Path) -> None:
    """With as many times the kinds of trial as well: each is looked up by bisection."""
    some, twice, four = (reads_of_a_run(batch_sizes, tmp_path / str(batch_sizes)) for batch_sizes in (50, 100, 200))
    assert 0 < some < twice < 2.2 * some
    assert twice < four < 2.2 * twice


def test_a_package_whose_profiles_cannot_be_had_is_in_nobodys_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was a traceback for every scenario. It is named to who asks for a profile that is
    nowhere."""
    group = "hetsched.profiles"
    points = [EntryPoint("gone", "nosuchmodule.data", group), EntryPoint("ours", "sim.data", group)]
    monkeypatch.setattr(profile_files, "entry_points", lambda **_: EntryPoints(points))
    shipped = next((Path(str(files("sim.data")))).glob("*.csv")).stem
    assert read_sources([shipped], tmp_path)
    with pytest.raises(InputError, match="those of nosuchmodule.data cannot be had: ModuleNotFoundError"):
        read_sources(["theirs"], tmp_path)


NEEDS_12 = [profile_row("v100", memory_gib=12.0), profile_row("v100", seconds=3.0, batch_size=64, memory_gib=24.0)]


@pytest.mark.parametrize(
    ("memory_gib", "share", "batch_size", "there"),
    [
        (None, 1.0, 64, True),  # the scenario says nothing of the memory
        (16.0, 1.0, 32, True),
        (12.0, 1.0, 32, True),
        (16.0, 1.0, 64, False),
        (16.0, 1.0, 48, False),  # needs 18 GiB, between 12 and 24
        (18.0, 1.0, 48, True),
    ],
)
def test_what_does_not_fit_the_memory_has_no_step_time(
    memory_gib: float | None, share: float, batch_size: int, there: bool
) -> None:
    times, worker = StepTimes(NEEDS_12), WorkerType("v100", 0, share, None, memory_gib)
    of_batch = kind(batch_size)
    assert (times.seconds_per_iteration(of_batch, worker) is not None) is there
    assert there or "GiB that each GPU has for it" in why_missing(times, of_batch, worker)


def test_a_share_of_a_gpu_has_its_share_of_the_memory_and_a_gang_has_all_on_each() -> None:
    rows = [profile_row("v100", gpu_share=share, memory_gib=12.0) for share in (0.5, 1.0, 2.0)]
    of_rows, whole = rows[0].kind, WorkerType("v100", 0, 1.0, None, 16.0)
    there = {
        share: StepTimes(rows).seconds_per_iteration(of_rows, whole._replace(gpu_share=share)) is not None
        for share in (0.5, 1.0, 2.0)
    }
    assert there == {0.5: False, 1.0: True, 2.0: True}


def test_needs_of_memory_are_written_and_read(tmp_path: Path) -> None:
    write_profile(tmp_path / "p.csv", NEEDS_12)
    assert [row.memory_gib for row in read_profile(tmp_path / "p.csv")] == [12.0, 24.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model;batch_size;device;seconds\nm;1;v100;1\n", "has ';' between its columns: save the file with commas"),
        (
            "model,batch_size,device,seconds,seconds_per_iteration\n",
            "'seconds' and 'seconds_per_iteration' mean the same",
        ),
        ("model,batch_size,device,seconds,memory_gib\nm,1,cpu,1,16\n", "p.csv:2: memory_gib is what .* in a cpu row"),
        (
            "model,batch_size,device,seconds,memory_gib\nm,1,v100,1,16384\n",
            "p.csv:2: memory_gib: .* divide MiB by 1024",
        ),
        (",model,batch_size,device,seconds\n0,m,1,v100,1\n", "a column has no name: take it out"),
    ],
)
def test_a_profile_that_nearly_fits_is_told_what_to_do(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_profile(tmp_path / "p.csv")


OWN_TRAINING = """
name = "s"
strategies = ["uniform+fifo"]
training.class = "mine.py:Mine"
profile.sources = ["p.csv"]
cluster.nodes = [{ name = "a", cores = 1 }]
workload.experiments = [
    { name = "e", population = 2, stop_iterations = 10, search_space = { lr = { low = 0.1, high = 1.0 } } },
]
"""


@pytest.mark.parametrize(("key", "batch_size"), [("", 1), ("batch_size = 8, ", 8)])
def test_a_row_of_an_own_training_has_the_only_batch_size_of_its_scenario(
    key: str, batch_size: int, tmp_path: Path
) -> None:
    """It was refused, though the scenario says none either."""
    (tmp_path / "mine.py").write_text("class Mine: ...")
    (tmp_path / "p.csv").write_text("model,device,seconds\nMine,cpu,0.1\n")
    (tmp_path / "s.toml").write_text(OWN_TRAINING.replace('{ name = "e", ', '{ name = "e", ' + key))
    scenario = load(tmp_path / "s.toml")
    assert [row.batch_size for row in scenario.resolve().times.rows] == [batch_size]
    found = check_profile(tmp_path / "p.csv", scenario)
    assert found.covers and found.defaults["batch_size"] == f"{batch_size}, as in the experiments"


def test_a_row_without_a_batch_size_is_refused_where_several_may_be_meant(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("class Mine: ...")
    (tmp_path / "p.csv").write_text("model,device,seconds\nMine,cpu,0.1\n")
    text = OWN_TRAINING.replace('{ name = "e", ', '{ name = "e", batch_size = [8, 16], ')
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(InputError, match="column 'batch_size' is missing"):
        load(tmp_path / "s.toml").resolve()


def test_the_growth_of_a_state_is_not_taken_from_other_workers() -> None:
    times = StepTimes([profile_row(state_growth=0.05), profile_row(cores=2), profile_row("v100")])
    growth = [times.costs(kind(32), worker).state_growth for worker in (ONE, TWO, V100)]
    assert growth == [0.05, 0, 0]


def test_what_is_behind_a_second_batch_size_is_found_without_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """All rows of the network were read again for each batch size: most of the time of a short simulation."""
    times = StepTimes([profile_row(batch_size=size) for size in range(16, 64)])
    found = [times.rows_behind(kind(20), ONE)]
    monkeypatch.setattr(Curve, "through", lambda _: pytest.fail("all rows are read again"))
    found.append(times.rows_behind(kind(30), ONE))
    assert [[row.batch_size for row in rows] for rows in found] == [[20], [30]]
