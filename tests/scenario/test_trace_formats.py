"""Which format a trace has, and what its reader makes of it. All traces here are made up, in the
exact columns of each format."""

from pathlib import Path
from typing import Any

import pytest

from hetsched.domain.cluster import WorkerType
from hetsched.domain.workload import Experiment
from hetsched.errors import InputError
from hetsched.scenario.loading import load_setup
from hetsched.scenario.scenario import Setup
from hetsched.scenario.traces.formats import COLUMNS, format_of
from tests.counting import calls_of

EXAMPLES = Path(__file__).parents[2] / "examples" / "traces"
SCENARIO = (EXAMPLES / "traces.toml").read_text()


def setup_of(folder: Path, trace: str | Path, extra: str = "", dealt: str = "") -> Setup:
    """The scenario of the examples over a trace: a text, or one of the examples."""
    path = trace if isinstance(trace, Path) else folder / "log"
    if isinstance(trace, str):
        path.write_text(trace)
    text = SCENARIO.replace('"acme-made-up.csv"', f'"{path}"\n{extra}')
    (folder / "s.toml").write_text(text.replace('device = "v100"', f'device = "v100"\n{dealt}'))
    return load_setup(folder / "s.toml")


def figures(setup: Setup) -> list[tuple[str, float, int]]:
    return [(job.id, job.arrival_s, job.gang) for job in setup.jobs]


def seconds(setup: Setup, job: Experiment) -> float:
    """On its gang of the reference device."""
    [kind] = job.kinds
    step_s = setup.times.seconds_per_iteration(kind, WorkerType("v100", 0, float(job.gang)))
    assert step_s is not None
    return job.stop_iterations * step_s


def out(setup: Setup) -> dict[str, Any]:
    assert setup.reading is not None
    return dict(setup.reading.left_out)


READ: dict[str, tuple[str, list[tuple[str, float, int, float]], dict[str, int]]] = {
    "acme-made-up.csv": (
        "acme",
        [("jobdlc01", 0.0, 8, 1800), ("jobdlc02", 120.0, 1, 120), ("jobdlc04", 300.0, 8, 3600 * 24 / 8)],
        {"took no GPU": 1, "had not ended when the log was taken": 1},
    ),
    "openb-made-up.csv": (
        "openb",
        [
            ("jobopenb-pod-0000", 0.0, 1, 3590),
            ("jobopenb-pod-0001", 60.0, 1, 1200 * 0.46),
            ("jobopenb-pod-0003", 120.0, 8, 1790),
        ],
        {"took no GPU": 1, "had not ended when the log was taken": 2},
    ),
    "gfs-made-up.csv": (
        "gfs",
        [
            ("jobhp-1", 0.0, 8, 14400),
            ("jobspot-1", 300.0, 1, 600),
            ("jobspot-2", 420.0, 1, 600),
            ("jobhp-2", 900.0, 2, 1800 * 3 / 2),
        ],
        {},
    ),
    "swf-made-up.swf": (
        "swf",
        [("job1", 0.0, 4, 600), ("job2", 60.0, 2, 1800 * 3 / 2), ("job4", 180.0, 1, 900)],
        {
            "had no duration (or one of 0 or less)": 1,
            "was a part of a job that has a line of its own": 1,
        },
    ),
    "philly-made-up.json": (
        "philly",
        [("jobapplication_1_0001", 0.0, 2, 5400), ("jobapplication_1_0002", 605.0, 1, 600)],
        {"took no GPU": 1},
    ),
}


@pytest.mark.parametrize("name", READ)
def test_a_published_format_is_told_and_read(tmp_path: Path, name: str) -> None:
    trace_format, jobs, left_out = READ[name]
    assert format_of(EXAMPLES / name) == trace_format
    setup = setup_of(tmp_path, EXAMPLES / name)
    assert figures(setup) == [job[:3] for job in jobs]
    assert [seconds(setup, job) for job in setup.jobs] == pytest.approx([job[3] for job in jobs], rel=2e-3)
    assert out(setup) == left_out


def test_the_example_of_helios_is_told_from_acme() -> None:
    assert format_of(EXAMPLES.parent / "helios-made-up.csv") == "helios"


def test_an_open_trace_may_leave_open_what_it_trains_and_for_how_long(tmp_path: Path) -> None:
    setup = setup_of(tmp_path, EXAMPLES / "jobs-made-up.csv")
    a, b, c = setup.jobs
    assert figures(setup) == [("joba", 0.0, 2), ("jobb", 300.0, 1), ("jobc", 450.0, 1)]
    assert (a.model, a.stop_iterations, a.checkpoint_interval, a.devices) == ("ResNet-18", 50_000, 2000, None)
    assert b.devices == ("v100", "p100") and seconds(setup, b) == pytest.approx(1800, rel=1e-3)
    assert c.model == "LM" and seconds(setup, c) == pytest.approx(300, rel=1e-2)
    assert b.checkpoint_interval == pytest.approx(b.stop_iterations * 360 / 1800, rel=1e-2)
    assert out(setup) == {"took no GPU": 1, "had not ended when the log was taken": 1}


def test_types_of_gpus_are_known_whatever_their_capitals(tmp_path: Path) -> None:
    [job] = setup_of(tmp_path, "job_id,gpu_types,duration_s,num_gpus\n1,P100|T4,60,1\n").jobs
    assert job.devices == ("p100",)


def test_a_trace_may_have_names_of_its_own_for_types(tmp_path: Path) -> None:
    setup = setup_of(tmp_path, EXAMPLES / "openb-made-up.csv", dealt='gpu_types = { V100M16 = "v100" }')
    assert setup.jobs[2].devices == ("v100",)
    with pytest.raises(InputError, match="trace_models.gpu_types.T4: the cluster has no 'v10': did you mean 'v100'"):
        setup_of(tmp_path, EXAMPLES / "openb-made-up.csv", dealt='gpu_types = { T4 = "v10" }')


@pytest.mark.parametrize("log", [False, True])
def test_a_name_for_a_type_that_the_trace_has_not_is_refused(log: bool, tmp_path: Path) -> None:
    """It renamed nothing, without a word."""
    trace = EXAMPLES / "openb-made-up.csv" if log else "job_id,gpu_types,duration_s\n1,V100M16|T4,60\n"
    with pytest.raises(InputError, match="(log|csv): workload.trace_models.gpu_types.V100M17: the trace has no .*V100"):
        setup_of(tmp_path, trace, dealt='gpu_types = { v100m16 = "v100", V100M17 = "v100" }')


def test_a_name_for_a_type_of_a_trace_without_types_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gpu_types.V100: the trace has no 'V100': its jobs name no types of GPUs"):
        setup_of(tmp_path, "job_id,duration_s\n1,60\n", dealt='gpu_types = { V100 = "v100" }')


@pytest.mark.parametrize("rule", ["leave-out", "refuse"])
def test_types_that_the_cluster_has_not(tmp_path: Path, rule: str) -> None:
    trace = "job_id,gpu_types,duration_s\n1,A100,60\n2,,60\n"
    assert [job.devices for job in setup_of(tmp_path, trace).jobs] == [None, None]
    if rule == "refuse":
        with pytest.raises(InputError, match="log:2: named only GPU types that the cluster has not: A100"):
            setup_of(tmp_path, trace, "unfit.gpu_type = 'refuse'")
    else:
        assert [job.id for job in setup_of(tmp_path, trace, "unfit.gpu_type = 'leave-out'").jobs] == ["job2"]


def test_models_that_the_profile_has_not_may_be_left_out(tmp_path: Path) -> None:
    trace = "job_id,model,duration_s,batch_size\n1,mine,60,\n2,ResNet-18,60,128\n"
    with pytest.raises(InputError, match="log:2: model: the profile has no entry for 'mine'"):
        setup_of(tmp_path, trace)
    assert [job.id for job in setup_of(tmp_path, trace, "unfit.model = 'leave-out'").jobs] == ["job2"]


@pytest.mark.parametrize(
    ("trace", "message"),
    [
        (
            "job_id,gpu_num,submit_time,durations\n",
            "the nearest is helios, and of its columns 'duration' .is it 'durat",
        ),
        ("jobid,submitted_time,num_gpus\n", "the nearest is philly, and of its columns 'run_time' is missing"),
        (
            "name,num_gpu,gpu_milli,created\n",
            "openb, and of its columns 'creation_time'.*, 'deletion_time', 'scheduled_time' are missing",
        ),
        (
            "job_name,gpu_request,submit_time,duration\n",
            "the nearest is gfs, and of its columns 'worker_num' is missing",
        ),
        ("job_id,model\n", "hetsched, and of its columns 'iterations or total_steps or duration_s' is missing"),
        ("when,who\n1,2\n", "names no column of hetsched, philly, helios, acme, swf, openb, gfs: .* docs/traces"),
        ("", "log: the trace has no jobs: the file is empty"),
        (" \n\n", "log: the trace has no jobs: the file is empty"),
        ("; a comment\n1 2 3\n", "log:2: not a line of an SWF trace: expected 18 numbers, got 3"),
        ("; a comment\n1 two\n", "log:2: not a line of an SWF trace: expected 18 numbers, got '1 two'"),
        ("job_id,duration_s,num_gpus\n1,,1\n", "log:2: iterations: missing, and no line"),
        ("job_id,model,iterations,duration_s\n1,LM,5,6\n", "iterations and duration_s both say"),
        ("job_id,iterations\n1,5\n", "iterations need a model"),
        ("job_id,model,batch_size,iterations\n1,LM,80,5\n", "say what they train: leave out workload.trace_models"),
        ("job_id,duration_s,arrival_s\n1,5,-3\n", "arrival_s: '-3': expected 0 or more"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, trace: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        setup_of(tmp_path, trace)


def helios(rows: list[tuple[Any, ...]], columns: str = "") -> str:
    lines = ["job_id,gpu_num,submit_time,duration" + columns]
    return "\n".join([*lines, *(",".join(map(str, (n, 1, *row))) for n, row in enumerate(rows))]) + "\n"


@pytest.mark.parametrize(
    ("trace", "message"),
    [
        (
            helios([(1_591_700_000_000, 60_000)]),
            "line 2: submit_time: '1591700000000' s would be after the year 5000: .*divide",
        ),
        (helios([(0, 60_000), (2_600_000_000, 60_000)]), "jobs arrive over 82 years: .* divide milliseconds by 1000"),
        (helios([(0, 3_600_000)]), "half of the jobs take 42 days or more: .* divide milliseconds by 1000"),
        (
            helios(
                [("2020-06-09 08:00:00", 60_000, "2020-06-09 08:00:00", "2020-06-09 08:01:00")], ",start_time,end_time"
            ),
            "durations are in milliseconds, by the dates of the jobs' start and end: divide them by 1000",
        ),
        (
            helios([(f"2020-06-09 08:{n:02}:00", 60_000) for n in range(20)]),
            "half of the jobs take 60000 s or more, and all of them arrive within 1140 s",
        ),
    ],
    ids=["since 1970", "a long log", "long jobs", "start and end", "a short log"],
)
def test_milliseconds_are_not_taken_for_seconds(tmp_path: Path, trace: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        setup_of(tmp_path, trace)


def test_seconds_are_taken_for_seconds(tmp_path: Path) -> None:
    rows = [(1_591_700_000 + 600 * n, 36_000) for n in range(30)]
    assert len(setup_of(tmp_path, helios(rows)).jobs) == 30


def test_all_csv_formats_have_columns_of_their_own() -> None:
    """A file with exactly the needed columns of a format is of that format."""
    for name, columns in COLUMNS.items():
        needed = {names[0] for names in columns.needed}
        others = [other for other, its in COLUMNS.items() if other != name and not its.missing(needed)]
        assert all(COLUMNS[other].known(needed) < columns.known(needed) for other in others), name


def test_reading_takes_time_by_the_number_of_jobs(tmp_path: Path) -> None:
    def calls(jobs: int) -> int:
        trace = helios([(60 * n, 600 + n % 7) for n in range(jobs)])
        return calls_of(lambda: setup_of(tmp_path, trace))

    assert calls(2_000) < 5 * calls(500)


@pytest.mark.parametrize(
    ("trace", "message"),
    [
        ("job_id;gpu_num;submit_time;duration\n1;1;0;60\n", "has ';' between its columns: save the file with commas"),
        ("job_id\tgpu_num\tsubmit_time\tduration\n", "has tabs between its columns"),
        ('{"jobid": "a"}', "a trace in JSON is Philly's list of jobs"),
        ("; c\n1 0 10 nan 4 -1 -1 4 900 -1 1 1 1 1 1 1 -1 -1\n", "none of its 1 job is left: 1 had no duration"),
        ("job_id;gpu_num;submit_time, UTC;duration\n", "has ';' between its columns: save the file with commas"),
        ("job_id,duration_s,arrival_s\n1,60,5\n2,60,2026-03-01\n", "log:3: arrival_s: .* some at a date"),
        ("job_id,duration_s,arrival_s,\n1,60,5,\n", "a column has no name: take it out"),
        (
            "job_id,model,duration_s\n1,LM,60\n",
            "(?s)none of its 1 job is left: .*line 2: LM on WikiText-2, batch 1 on v100",
        ),
        ("job_id,duration_s,num_gpus\n1,60,two\n", "log:2: num_gpus: expected a number, got 'two'"),
        (
            "job_id,gpu_num,submit_time,duration,start_time,end_time\n1,1,0,60,2020-06-09 08:00,2020-06-09 09:00\n",
            "durations are in minutes, by the dates .* multiply them by 60",
        ),
    ],
)
def test_a_file_that_nearly_fits_is_told_what_to_do(tmp_path: Path, trace: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        setup_of(tmp_path, trace)


def test_a_trace_that_is_no_text_is_to_be_unpacked(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_bytes(b"\x1f\x8b\x08\x00")
    with pytest.raises(InputError, match="not a text in UTF-8: unpack the file, or save it in UTF-8"):
        setup_of(tmp_path, tmp_path / "log.csv")


@pytest.mark.parametrize(
    ("dealt", "message"),
    [
        ("checkpoint_s = 0", "checkpoint_s: expected seconds above 0, or false"),
        ("checkpoint_s = true", "checkpoint_s: expected seconds above 0, or false"),
        ("window_s = [200.0, 100.0]", "window_s: expected its start and then its end, .* 200 is not before 100"),
    ],
)
def test_what_a_trace_is_dealt_is_checked(tmp_path: Path, dealt: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        setup_of(tmp_path, "job_id,duration_s\n1,60\n", dealt=dealt)


def test_the_first_job_of_a_reason_says_what_it_had(tmp_path: Path) -> None:
    reading = setup_of(tmp_path, "job_id,gpu_types,duration_s,num_gpus\n1,a100,60,1.5\n").reading
    assert reading is not None and [line.partition(" (first: ")[2] for line in reading.lines()[1:]] == [
        "line 2: a100)",
        "line 2: 1.5 GPUs, now 2)",
    ]
