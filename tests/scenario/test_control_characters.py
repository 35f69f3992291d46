"""No name may have a control character, wherever it comes in: it would be in the names of files and
in tables."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hetsched.allocation.fits import check_allocation
from hetsched.domain.cluster import ClusterSpec, Node, NodeId, Worker, WorkerId
from hetsched.domain.names import EXPECTED
from hetsched.errors import InputError, PolicyError
from hetsched.scenario.csv_rows import read_rows
from hetsched.scenario.loading import load_setup
from hetsched.scenario.scenario import Scenario
from hetsched.scenario.traces.jobs import JobRow
from sim.learning.recordings import read_recordings

SCENARIO = """
name = "s"
strategies = ["uniform+fifo"]

[profile]
sources = ["profile.csv"]

[[cluster.nodes]]
name = "a"
cores = 1

[[workload.experiments]]
name = "e"
model = "m"
population = 1
"""
PROFILE = "model,batch_size,device,seconds_per_iteration\nm,512,cpu,1.0\n"
IN_EXPERIMENT = "population = 1"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "profile.csv").write_text(PROFILE)
    (tmp_path / "s.toml").write_text(SCENARIO)
    return tmp_path / "s.toml"


@pytest.mark.parametrize(
    ("key", "before", "after"),
    [
        ("name", '"s"', r'"s\u0000"'),
        ("strategies", '"uniform+fifo"', r'"uniform+fifo\u0000"'),
        ("profile.sources", '"profile.csv"', r'"profile\u0000.csv"'),
        ("cluster.nodes.name", '"a"', r'"a\n"'),
        ("workload.experiments.name", '"e"', r'"e\u001b"'),
        ("workload.experiments.model", '"m"', r'"m\u0000"'),
        ("workload.experiments.dataset", IN_EXPERIMENT, r'dataset = "\u0085"'),
        ("workload.experiments.devices", IN_EXPERIMENT, r'devices = ["cpu\u0000"]'),
        ("workload.experiments.search_space.", IN_EXPERIMENT, r'search_space = { "lr\u0007" = 1.0 }'),
        ("workload.experiments.pbt.mutate", IN_EXPERIMENT, r'pbt.mutate = ["lr\u0000"]'),
        ("workload.trace", "[profile]", '[workload]\ntrace = "t\\u0000.csv"\n[profile]'),
        ("policy_files", "strategies", 'policy_files = ["p\\u0000.py"]\nstrategies'),
        ("scheduling", "[profile]", '[scheduling."fifo\\u0000"]\nx = 1\n[profile]'),
        ("scheduling", "[profile]", '[scheduling.fifo]\n"x\\u0000" = 1\n[profile]'),
        ("learning.model", "[profile]", '[learning]\nmodel = "m\\u0000"\n[profile]'),
        ("faults.planned.worker", "[profile]", '[faults]\nplanned = [{ at_s = 1.0, worker = "a\\u0000" }]\n[profile]'),
    ],
)
def test_a_scenario_with_a_control_character_in_a_name_is_refused(
    file: Path, key: str, before: str, after: str
) -> None:
    file.write_text(SCENARIO.replace(before, after, 1))
    with pytest.raises(InputError, match=rf"s\.toml: {key}.*: expected a (text without control characters|name of)"):
        load_setup(file)


@pytest.mark.parametrize(("column", "place"), [("model", 0), ("device", 2)])
def test_a_profile_with_a_control_character_in_a_name_is_refused(file: Path, column: str, place: int) -> None:
    cells = ["m", "64", "cpu", "1.0"]
    cells[place] += "\0"
    (file.parent / "profile.csv").write_text(f"{PROFILE}{','.join(cells)}\n")
    with pytest.raises(InputError, match=rf"profile\.csv:3: {column}: {EXPECTED}, got"):
        load_setup(file)


@pytest.mark.parametrize("text", ["net\0", "two\x1b[31m"])
@pytest.mark.parametrize("column", ["recording", "model", "dataset", "hyperparameters.depth"])
def test_recordings_with_a_control_character_in_a_name_are_refused(column: str, text: str, tmp_path: Path) -> None:
    """Tables and the lines for a scenario had it."""
    file = tmp_path / "r.csv"
    head = "recording,model,dataset,batch_size,seed,iteration,lr,hyperparameters.depth,accuracy\n"
    cells = dict(zip(head.strip().split(","), ["a", "m", "d", "8", "0", "0", "0.1", "2", "0.1"], strict=True))
    if column.startswith("hyperparameters."):
        head, column = head.replace(column, f"hyperparameters.{text}"), "others"
    else:
        cells[column] = text
    file.write_text(f"{head}{','.join(cells.values())}\n")
    with pytest.raises(InputError, match=rf"r\.csv:2: {column}: {EXPECTED}"):
        read_recordings(file)


@pytest.mark.parametrize("column", ["model", "dataset", "user", "gpu_types", "state"])
def test_a_trace_with_a_control_character_is_refused(column: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"t\.csv:2: {column}: {EXPECTED}"):
        list(rows_of_trace(tmp_path / "t.csv", column))


def test_the_name_of_a_job_follows_the_rule_of_names(tmp_path: Path) -> None:
    """`workload.unfit.name` says what is done with it."""
    [(_, row)] = rows_of_trace(tmp_path / "t.csv", "job_id")
    assert row.job_id == "1\0"


def rows_of_trace(file: Path, column: str) -> Iterator[tuple[int, JobRow]]:
    """The rows of a trace with a control character in this column."""
    cells = {"job_id": "1", "model": "m", "dataset": "d", "user": "u", "iterations": "10", "gpu_types": "v100"}
    cells[column] = cells.get(column, "") + "\0"
    file.write_text(f"{','.join(cells)}\n{','.join(cells.values())}\n")
    return read_rows(file, JobRow, "trace", ["job_id"], renamed="job_id")


def test_tables_that_are_made_in_python_follow_the_same_rule(file: Path) -> None:
    scenario = load_setup(file).scenario
    experiment = scenario.workload.experiments[0].model_dump() | {"model": "m\ud800"}
    workload = scenario.workload.model_dump() | {"experiments": [experiment]}
    with pytest.raises(InputError, match=rf"workload\.experiments\.model.*: {EXPECTED}"):
        Scenario(**scenario.model_dump() | {"workload": workload})


def test_a_worker_of_a_policy_follows_the_same_rule() -> None:
    nodes = ClusterSpec((Node(NodeId("a"), 1),))
    with pytest.raises(PolicyError, match=rf"'mine': worker .* has the id .*: {EXPECTED}"):
        check_allocation("mine", nodes, [Worker(WorkerId("a/cpu0\x1b"), NodeId("a"), "cpu", 1)])


def test_text_of_an_option_may_have_several_lines(file: Path) -> None:
    file.write_text(SCENARIO.replace("[profile]", '[scheduling.fifo]\nx = "two\\nlines"\n[profile]'))
    with pytest.raises(InputError, match="option 'x'"):
        load_setup(file)
