"""The scenario file: every mistake is one line with file, key, what was expected, and the nearest
right spelling."""

import pickle
import tomllib
from pathlib import Path
from typing import Any

import pytest

from hetsched.domain.cluster import ClusterSpec, Gpu, WorkerType
from hetsched.domain.registry import Strategy
from hetsched.errors import InputError, nearest, nearest_key
from hetsched.scenario.checks import check_profile_covers, parse_strategy, profiled_workers
from hetsched.scenario.loading import load, load_setup
from hetsched.scenario.profile_files import write_profile
from hetsched.scenario.scenario import Scenario
from hetsched.scenario.tables import FaultsTable, MetricsTable, OverheadsTable
from hetsched.version import __version__
from tests.conftest import ROWS, make_setup

GOOD = """
name = "good"
strategies = ["fusion+hrfs"]

[profile]
sources = ["p.csv"]

[[cluster.nodes]]
name = "a"
cores = 2

[[workload.experiments]]
name = "e"
batch_size = 32
"""


@pytest.fixture
def scenario_file(tmp_path: Path) -> Path:
    write_profile(tmp_path / "p.csv", ROWS)
    (tmp_path / "s.toml").write_text(GOOD)
    return tmp_path / "s.toml"


MISTAKES = [
    (
        "cores = 2",
        "core = 2",
        r"cluster.nodes.core \('a', the 1st of \[\[cluster.nodes\]\]\): unknown key: did you mean 'cores'\?",
    ),
    (
        "cores = 2",
        "cores = -2",
        r"cluster.nodes.cores \('a', the 1st of \[\[cluster.nodes\]\]\): .*greater than or equal to 1, got -2",
    ),
    (
        "cores = 2",
        'cores = "two"',
        r"cluster.nodes.cores \('a', the 1st of \[\[cluster.nodes\]\]\): .*valid integer, got 'two'",
    ),
    (
        "cores = 2",
        "cores = 2\ngpus = 1",
        r"cluster.nodes \('a', the 1st of \[\[cluster.nodes\]\]\): a node with gpus needs gpu_type",
    ),
    (
        "batch_size = 32",
        "populaton = 3",
        r"workload.experiments.populaton \('e', .*\): unknown key: did you mean 'population'\?",
    ),
    (
        "batch_size = 32",
        "pbt = { intervall = 3 }",
        r"workload.experiments.pbt.intervall \('e', .*\): unknown key: known: .*interval",
    ),
    ("[profile]", '"" = 1\n[profile]', r'"": unknown key'),
    ("cores = 2", 'cores = 2\n"" = 1', r'cluster.nodes."" .*: unknown key'),
    ("batch_size = 32", "stop_accuracy = 80", r"stop_accuracy .*: expected an accuracy, 0 to 1 .*, got 80"),
    ("batch_size = 32", "stop_score = 80", r"stop_score .*: expected an accuracy, 0 to 1 .*, got 80"),
    ("batch_size = 32", 'metric = { mode = "min" }', r"metric .*: name is missing: without it the metric is accuracy"),
    ("batch_size = 32", 'metric = { name = "mse" }', r"metric .*: mode is missing: say 'max' if the larger mse is"),
    ("batch_size = 32", 'metric = { name = "[loss]" }', r"metric.name .*: expected letters .*, got '\[loss\]'"),
    ("batch_size = 32", 'metric = { mode = "least" }', r"metric.mode .*: .*'max' or 'min', got 'least'"),
    ("batch_size = 32", "search_space.lr = {low = 2.0, high = 1.0}", r"search_space.lr .*: low must not exceed high"),
    (
        "batch_size = 32",
        "search_space.lrr = {low = 0.1, high = 1.0}",
        r"experiments.e.search_space.lr: missing: the learning model 'sgd' needs a learning rate, found lrr",
    ),
    (
        "batch_size = 32",
        "search_space.lr = {low = -0.1, high = 1.0}",
        r"experiments.e.search_space.lr: expected numbers of at least 0 for the learning model 'sgd', got -0.1",
    ),
    ("batch_size = 32", "evaluation_images = 1" + "0" * 400, r"evaluation_images .*: .*less than or equal to"),
    ("batch_size = 32", "population = 1000000000", r"experiments.population .*: .*less than or equal to 1000000, got"),
    ("batch_size = 32", "gang = 1000000000", r"experiments.gang .*: .*less than or equal to 1000000, got"),
    ("batch_size = 32", "count = 1000000000", r"experiments.count .*: .*less than or equal to 1000000, got"),
    ("cores = 2", "cores = 1000000000", r"cluster.nodes.cores .*: .*less than or equal to 10000, got"),
    ("cores = 2", "cores = 2\ncount = 1000000000", r"cluster.nodes.count .*: .*less than or equal to 1000000, got"),
    (
        "batch_size = 32",
        "pbt.perturbation_factors = [0.0, 1.2]",
        r"perturbation_factors .*; the 1st of .*perturbation_factors\): .*greater than or equal to",
    ),
    (
        "batch_size = 32",
        "search_space.momentum = {low = 0.1, high = 0.9}",
        r"search_space.lr .*: missing|search_space.lr: missing",
    ),
    ("batch_size = 32", 'pbt.bounds = "rays"', r"pbt.bounds.*: .*'range' or 'ray', got 'rays'"),
    ("batch_size = 32", 'devices = ["cpi"]', r"experiments.e.devices: the cluster has no 'cpi': did you mean 'cpu'"),
    ("[profile]", "[real]\ntime_scale = inf\n[profile]", r"real.time_scale: .*finite"),
    ("[profile]", "[learning.options]\nbest_rate = 1.0\n[profile]", r"'sgd' has no option 'best_rate'"),
    ("[profile]", "[profile]\nx = " + "[" * 5000 + "]" * 5000, r"not TOML"),
    ("cores = 2", 'cores = 2\n[[cluster.nodes]]\nname = "a"\ncores = 1', r"cluster: 2 nodes are called 'a'"),
    ('name = "good"', "", r"name: missing: this key is needed"),
    ("cores = 2", "cores = }", r"not TOML: Invalid value \(at line \d+, column \d+\)$"),
    ("cores = 2", "cores = two", r"not TOML: Invalid value .*: 'cores = two': text needs quotes"),
    ('name = "good"', 'name = "../up"', r"name: expected a name of letters .*, got '../up'"),
    ('name = "a"', 'name = "RTX 3090"', r"nodes.name \('RTX 3090', the 1st of .*: expected a name of letters"),
    (
        "cores = 2",
        "cores = 2\n[[cluster.nodes]]\ncores = 1",
        r"nodes.name \(the 2nd of \[\[cluster.nodes\]\]\): missing",
    ),
    (
        "fusion+hrfs",
        "fusion+hfrs",
        r"strategies: 'fusion\+hfrs': unknown scheduling policy 'hfrs': did you mean 'hrfs'\?",
    ),
    ("fusion+hrfs", "fussion+hrfs", r"unknown allocation policy 'fussion': did you mean 'fusion'\?"),
    ("fusion+hrfs", "hrfs", r"strategies: 'hrfs': a strategy is ALLOCATION\+SCHEDULING"),
    ('"p.csv"', '"q.csv"', r"profile.sources: 'q.csv' is neither a shipped profile nor a CSV file"),
    ('"p.csv"', '"cpu-epic"', r"profile.sources: 'cpu-epic' .*did you mean 'cpu-epyc'\?"),
    ("[profile]", "[profile", r"not TOML"),
    ("[profile]", "[metrics]\ndeadline_s = 0.0\n[profile]", r"metrics.deadline_s: .*greater than 0, got 0.0$"),
    ("[profile]", "[metrics]\nbudget = 0.0\n[profile]", r"metrics.budget: .*greater than 0, got 0.0$"),
    ('name = "good"', f'name = "{"g" * 101}"', r"name: string should have at most 100 characters, got"),
    (
        "[profile]",
        "[scheduling.hypersched]\nint = inf\n[profile]",
        r"scheduling.hypersched.int: input should be .*a valid boolean.* or a finite number.*, got inf$",
    ),
    (
        "[profile]",
        "[overheads]\nworker_variation = true\n[profile]",
        r"overheads.worker_variation: input should be 'pai' or a valid number, got True$",
    ),
    (
        "batch_size = 32",
        "batch_size = [0]",
        r"batch_size \('e', the 1st of .*; the 1st of .*\): input should be greater than or equal to 1, got 0$",
    ),
    ("cores = 2", "cores = 2\ngpus = 1000000", r"cluster.nodes.gpus .*: .*less than or equal to 10000"),
    (
        "batch_size = 32",
        "search_space.lr = {low = 0.1, choices = [1]}",
        r"search_space.lr.low \('e', .*\): this key does not go with choices: leave one of them out$",
    ),
]


@pytest.mark.parametrize(("old", "new", "message"), MISTAKES)
def test_a_mistake_is_one_line_that_says_what_to_do(scenario_file: Path, old: str, new: str, message: str) -> None:
    scenario_file.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(InputError, match=message) as caught:
        load_setup(scenario_file)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{scenario_file}: ") for line in lines)
    assert len({line.partition(": ")[2].partition(": ")[0] for line in lines}) == len(lines), "a line per key"


def test_a_planned_fault_of_a_worker_that_the_strategy_does_not_make(scenario_file: Path) -> None:
    scenario_file.write_text(GOOD + '[[faults.planned]]\nworker = "a/cpu7"\nat_s = 5.0\n')
    expected = rf"^{scenario_file}: faults.planned: fusion\+fifo has no worker 'a/cpu7': did you mean"
    with pytest.raises(InputError, match=expected):
        check_profile_covers(scenario_file, load_setup(scenario_file), Strategy("fusion", "fifo"))


def test_every_mistake_gets_its_line(scenario_file: Path) -> None:
    scenario_file.write_text(GOOD.replace("cores = 2", "core = 0").replace("batch_size", "batchsize"))
    with pytest.raises(InputError) as caught:
        load_setup(scenario_file)
    assert len(str(caught.value).splitlines()) == 3  # an unknown key twice, and cores is missing


def test_a_missing_profile_entry_names_what_was_measured(scenario_file: Path) -> None:
    scenario_file.write_text(GOOD.replace("batch_size = 32", "batch_size = 48"))
    with pytest.raises(
        InputError, match=r"no entry for resnet18 on cifar10, batch 48 on a worker of 2 cpu; measured: "
    ):
        profiled_workers(load_setup(scenario_file), parse_strategy("fusion+hrfs"))
    scenario_file.write_text(GOOD.replace("batch_size = 32", 'model = "resnet81"'))
    with pytest.raises(InputError, match=r"experiments.e.model: the profile has no model 'resnet81': did you mean"):
        profiled_workers(load_setup(scenario_file), parse_strategy("fusion+hrfs"))


def test_missing_and_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the scenario: No such file"):
        load_setup(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="not a text file"):
        load_setup(tmp_path / "binary.toml")


def test_the_resolved_scenario_is_the_scenario(scenario_file: Path) -> None:
    scenario = load(scenario_file)
    assert Scenario.of(tomllib.loads(scenario.to_toml()), scenario_file.parent) == scenario


def test_nodes_are_counted_out(scenario_file: Path) -> None:
    scenario_file.write_text(GOOD.replace("cores = 2", "cores = 2\ncount = 3"))
    assert [node.id for node in load_setup(scenario_file).cluster] == ["a0", "a1", "a2"]


def test_files_are_read_once(scenario_file: Path) -> None:
    setup = load(scenario_file).resolve()
    for file in (scenario_file, scenario_file.with_name("p.csv")):
        file.unlink()
    changed = setup.replace(overheads=OverheadsTable(start_up=False))
    [experiment] = changed.workload.experiments
    [kind] = experiment.kinds
    assert changed.times is setup.times is setup.charged_times
    costs = [times.costs(kind, WorkerType("cpu", 1, 0.0)) for times in (setup.charged_times, changed.charged_times)]
    assert [cost.start_up_s for cost in costs] == [5.0, 0.0]
    assert [cost.restore_s for cost in costs] == [0.5, 0.5]
    with pytest.raises(InputError, match=r"profile.sources: 'p.csv' is neither"):
        changed.scenario.resolve()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seeds": -3}, "seeds: .*, got -3"),
        ({"sedes": 3}, "sedes: unknown key: did you mean 'seeds'"),
        ({"metrics": 3}, "metrics: input should be a table with keys of .*budget, .*, got 3"),
        ({"overheads": {"start_up": "no"}}, "overheads.start_up: .*, got 'no'"),
        ({"faults": FaultsTable(late={"z": 1.0})}, "faults.late: the cluster has no node 'z'"),
    ],
)
def test_a_replaced_value_is_checked(change: dict[str, Any], message: str, scenario_file: Path) -> None:
    setup = load(scenario_file).resolve()
    for replace in (setup.scenario.replace, setup.replace):
        with pytest.raises(InputError, match=message):
            replace(**change)


def test_a_replaced_scenario_says_all_else_as_before(scenario_file: Path) -> None:
    scenario = load(scenario_file)
    changed = scenario.replace(seeds=3)
    assert changed.seeds == 3
    assert changed.replace(seeds=scenario.seeds) == scenario
    assert changed.path("p.csv") == scenario.path("p.csv")
    assert scenario.replace(overheads={"noise": False}).overheads == OverheadsTable(noise=False)


def test_a_profile_or_a_trace_that_was_read_is_not_replaced_without_a_word(scenario_file: Path) -> None:
    setup = load(scenario_file).resolve()
    with pytest.raises(InputError, match="profile: was read already.*change the scenario and resolve that"):
        setup.replace(profile={"sources": ["cpu-epyc"]})
    with pytest.raises(InputError, match="workload.trace: was read already"):
        setup.replace(workload=setup.scenario.workload.model_copy(update={"trace": "jobs.csv"}))


def test_a_scenario_made_in_python_finds_its_files_in_the_folder_that_it_is_given(scenario_file: Path) -> None:
    scenario = Scenario.of(tomllib.loads(GOOD), scenario_file.parent)
    assert scenario.resolve().times.rows == load_setup(scenario_file).times.rows
    with pytest.raises(InputError, match=r"profile.sources: 'p.csv' is neither"):
        Scenario.of(tomllib.loads(GOOD)).resolve()


def test_a_setup_travels_to_another_process(scenario_file: Path) -> None:
    setup = load_setup(scenario_file).freeze_workers([parse_strategy("fusion+hrfs")])
    copy = pickle.loads(pickle.dumps(setup))
    assert (copy.scenario, copy.cluster, copy.workload) == (setup.scenario, setup.cluster, setup.workload)
    assert copy.frozen_workers == setup.frozen_workers
    assert copy.times.rows == setup.times.rows


def test_what_a_search_space_leaves_out_is_not_searched(scenario_file: Path) -> None:
    def searched(line: str) -> set[str]:
        scenario_file.write_text(GOOD.replace("batch_size = 32", f"batch_size = 32\n{line}"))
        setup = load_setup(scenario_file)
        setup.save(scenario_file.parent / "saved")
        [experiment] = setup.workload.experiments
        assert load_setup(scenario_file.parent / "saved" / "scenario.toml").workload.experiments == (experiment,)
        return set(experiment.searched)

    assert searched("") == {"lr", "momentum"}  # as HRFS
    assert searched("search_space.lr = {low = 0.1, high = 1.0}") == {"lr"}
    constant = "search_space = {lr = {low = 0.1, high = 1.0}, momentum = {low = 0.9, high = 0.9}}"
    assert searched(constant) == {"lr"}


def test_a_saved_scenario_says_which_hetsched_wrote_it(scenario_file: Path, tmp_path: Path) -> None:
    load_setup(scenario_file).save(tmp_path / "out")
    saved = tmp_path / "out" / "scenario.toml"
    first, _, rest = saved.read_text().partition("\n")
    assert first == f"# written by hetsched {__version__}"
    saved.write_text(f"{first}\nnovel = 1\n{rest}")
    with pytest.raises(InputError) as error:
        load_setup(saved)
    assert "written by" not in str(error.value)
    saved.write_text(f"# written by hetsched 99.1\nnovel = 1\n{rest}")
    with pytest.raises(InputError, match="novel: unknown key(.|\n)*was written by hetsched 99.1, this is"):
        load_setup(saved)


def test_frozen_workers_are_those_of_the_cluster(scenario_file: Path) -> None:
    """A setup of a plan or of a validation, with another cluster, was simulated on workers that
    this one has not."""
    strategy = parse_strategy("fusion+fifo")
    frozen = load_setup(scenario_file).freeze_workers([strategy])
    other = frozen.replace(cluster={"nodes": [{"name": "z", "cores": 2}]})
    assert {worker.node for worker in other.workers(strategy)} == {"z"}
    optioned = frozen.replace(allocation={"fusion": {"cores_per_worker": 1}})
    assert {worker.cores for worker in optioned.workers(strategy)} == {1}
    assert frozen.replace(seeds=3, overheads={"noise": False}).frozen_workers == frozen.frozen_workers


def cluster_of(node: dict[str, Any]) -> ClusterSpec:
    return make_setup([{"name": "n", "cores": 4} | node]).cluster


def test_a_node_lists_its_gpus_by_type() -> None:
    [node] = cluster_of({"gpus": {"v100": 1, "t4": 2}, "gpu_memory_gib": {"v100": 32.0, "t4": 16.0}})
    assert (node.gpus, node.gpu_type) == (3, None)
    assert node.each_gpu == (Gpu("v100", 32.0), Gpu("t4", 16.0), Gpu("t4", 16.0))


def test_a_table_of_one_type_says_the_same_as_gpu_type() -> None:
    assert cluster_of({"gpus": {"t4": 2}}) == cluster_of({"gpus": 2, "gpu_type": "t4"})
    assert cluster_of({"gpus": 2, "gpu_type": "t4", "gpu_memory_gib": 16.0}) == cluster_of(
        {"gpus": {"t4": 2}, "gpu_memory_gib": {"t4": 16.0}}
    )


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({"gpus": {}}, "expected a number of GPUs, or a table of numbers by type"),
        ({"gpus": {"cpu": 2}}, "expected a number of GPUs, or a table of numbers by type"),
        ({"gpus": {"t4": 2}, "gpu_type": "t4"}, "leave gpu_type out"),
        ({"gpus": {"t4": 0}}, r"cluster.nodes.gpus.t4 .* greater than or equal to 1"),
        ({"gpu_memory_gib": 16.0}, "gpu_memory_gib: the node has no GPUs"),
        ({"gpus": {"t4": 2}, "gpu_memory_gib": {"t3": 16.0}}, "the node has no 't3': "),
        ({"gpus": {"t4": 2}, "gpu_memory_gib": 16384.0}, "16384 GiB is more than a GPU has: divide MiB by 1024"),
        ({"gpus": {"t4": 2}, "gpu_memory_gib": "16GB"}, "a valid number or a valid dictionary, got '16GB'$"),
    ],
)
def test_what_a_node_cannot_say_of_its_gpus(node: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        cluster_of(node)


def test_devices_of_a_mixed_node_are_known() -> None:
    nodes = [{"name": "n", "cores": 4, "gpus": {"v100": 1, "k80": 1}}]
    make_setup(nodes, devices=["k80"])
    with pytest.raises(InputError, match="the cluster has no 't4'"):
        make_setup(nodes, devices=["t4"])


def test_a_whole_deadline_fits_an_option_of_whole_numbers() -> None:
    """A policy's `deadline_s: int` was refused "1800.0"."""
    metrics = MetricsTable(deadline_s=1800.0, budget=2.5)
    assert [(type(limit), limit) for limit in metrics.limits.values()] == [(int, 1800), (float, 2.5)]


def test_advice_on_a_key_says_if_it_is_in_seconds() -> None:
    assert nearest_key("deadline_ms", ["deadline_s"]) == "did you mean 'deadline_s', which is in seconds?"
    assert nearest_key("network_byte_per_s", ["network_bytes_per_s"]) == "did you mean 'network_bytes_per_s'?"
    assert nearest("vit_s_61", ["vit_s_16"]) == "did you mean 'vit_s_16'?"
