"""Names of jobs that cannot be used, and times that cannot be read, follow a rule: no file is
refused for one of its rows."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from hetsched.domain.cluster import Gpu
from hetsched.domain.profiles import StepTimes
from hetsched.errors import InputError
from hetsched.scenario.traces.dealing import Dealing, DealtModel
from hetsched.scenario.traces.formats import format_of
from hetsched.scenario.traces.trace import Trace, read_trace
from hetsched.scenario.traces.unfit import Unfit
from tests.conftest import profile_row

ROW = profile_row("v100", batch_size=1, seconds=0.5)
HEAD = "job_id,gpu_num,submit_time,duration\n"
SWF = "{} 0 0 {} 1 -1 -1 1 -1 -1 1 1 1 1 1 1 -1 -1\n"
NO_NAME, TWICE = "had no name of letters, digits, and . _ - after one", "had the name of an earlier job"
UNREAD = "had a time that cannot be read"


def trace_of(
    folder: Path, text: str, rule: Unfit | None = None, gangs: bool = True, window_s: tuple[float, float] | None = None
) -> Trace:
    path = folder / "log"
    path.write_text(text)
    dealing = Dealing(
        (DealtModel(ROW.model, ROW.dataset, ROW.batch_size, None),), "v100", gangs=gangs, window_s=window_s
    )
    return read_trace(path, format_of(path), dealing, rule or Unfit(), StepTimes([ROW]), {Gpu("v100"): 8}, {})


def ids(trace: Trace) -> list[str]:
    return [job.id.removeprefix("job") for job in trace.jobs]


def changed(trace: Trace) -> dict[str, int]:
    assert trace.reading is not None
    return {reason.removesuffix(", and goes by another"): number for reason, number in trace.reading.changed.items()}


def rows(names: Sequence[str]) -> str:
    return HEAD + "".join(f'"{name}",1,{number},60\n' for number, name in enumerate(names))


@pytest.mark.parametrize(
    ("names", "kept", "reasons"),
    [
        (["a", "a", "a"], ["a", "a-2", "a-3"], {TWICE: 2}),
        (["a", "a", "a-2"], ["a", "a-3", "a-2"], {TWICE: 1}),
        (["job 11", "job_11", "jöb/11"], ["job_11-2", "job_11", "j_b_11"], {NO_NAME: 2}),
        (["11!", "-1", "", "NULL", "ж"], ["11", "1", "unnamed", "unnamed-2", "unnamed-3"], {NO_NAME: 5}),
        (["x" * 300 + " "], ["x" * 300], {}),
        (["x" * 300 + "!"], ["x" * 100], {NO_NAME: 1}),
    ],
)
def test_a_name_that_cannot_be_used_is_changed(
    tmp_path: Path, names: list[str], kept: list[str], reasons: dict[str, int]
) -> None:
    trace = trace_of(tmp_path, rows(names))
    assert ids(trace) == kept and len(set(kept)) == len(names)
    assert changed(trace) == reasons


@pytest.mark.parametrize(
    "text",
    [
        "jobid,num_gpus,submitted_time,run_time\na,1,0,60\na,1,0,60\n,1,0,60\n",
        "name,num_gpu,gpu_milli,creation_time,deletion_time,scheduled_time\n" + "a,1,1000,0,60,0\n" * 2 + ",1,0,0,9,0",
        "job_name,gpu_request,worker_num,submit_time,duration\na,1,1,0,60\na,1,1,0,60\n,1,1,0,60\n",
        "job_id,num_gpus,arrival_s,duration_s\na,1,0,60\na,1,0,60\n,1,0,60\n",
        SWF.format(7, 60) * 2 + SWF.format(-1, 60),
    ],
)
def test_names_follow_the_rule_in_every_format(tmp_path: Path, text: str) -> None:
    first = "7" if text.startswith("7") else "a"
    assert ids(trace_of(tmp_path, text)) == [first, f"{first}-2", "unnamed"]
    left = trace_of(tmp_path, text, Unfit(name="leave-out"))
    assert ids(left) == [first]
    assert left.reading is not None and left.reading.left_out == {TWICE: 1, NO_NAME: 1}
    with pytest.raises(InputError, match=f"log:[23]: {TWICE}: '{first}' .workload.unfit.name is \"refuse\""):
        trace_of(tmp_path, text, Unfit(name="refuse"))


def test_a_shorter_window_has_the_same_names(tmp_path: Path) -> None:
    text = rows(["a", "a", "b", "a"])
    assert ids(trace_of(tmp_path, text, window_s=(1.0, 9.0))) == ids(trace_of(tmp_path, text))[1:]


PHILLY = [
    {
        "jobid": name,
        "submitted_time": submitted,
        "attempts": [{"start_time": start, "end_time": "2017-10-07 02:00:00", "detail": [{"gpus": ["0"]}]}],
    }
    for name, submitted, start in (
        ("good", "2017-10-07 01:00:00", "2017-10-07 01:00:00"),
        ("bad", "2017-10-07 01:00:00", "07.10.2017 1 Uhr"),
    )
]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + "good,1,2020-04-01,60\nbad,1,yesterday,60\n", "submit_time: 'yesterday' is neither seconds nor a date"),
        (HEAD + "good,1,0,60\nbad,1,5,1 day\n", "duration: '1 day' is no number of seconds"),
        (HEAD + "good,1,0,60\nbad,1,1591700000000,60\n", "submit_time: .* after the year 5000"),
        (HEAD + "good,1,0,60\nbad,1,inf,60\n", "submit_time: 'inf' is not a time"),
        ("jobid,num_gpus,submitted_time,run_time\ngood,1,0,60\nbad,1,0,?\n", "run_time: '.' is no number of seconds"),
        ("job_name,gpu_request,worker_num,submit_time,duration\ngood,1,1,0,60\nbad,1,1,x,60\n", "submit_time: 'x' is"),
        (
            "name,num_gpu,gpu_milli,creation_time,deletion_time,scheduled_time\ngood,1,0,0,9,0\nbad,1,0,0,soon,0\n",
            "deletion_time: 'soon' is neither",
        ),
        (json.dumps(PHILLY), "start_time: '07.10.2017 1 Uhr' is neither"),
        ("job_id,duration_s,arrival_s\ngood,60,2020-04-01\nbad,60,1.4.2020\n", "arrival_s: '1.4.2020' is neither"),
        ("job_id,duration_s,arrival_s\nbad,60,?\ngood,60,3\n", "arrival_s: '.' is neither"),
    ],
)
def test_a_time_that_cannot_be_read_follows_the_rule_of_times(tmp_path: Path, text: str, said: str) -> None:
    trace = trace_of(tmp_path, text)
    assert ids(trace) == ["good"]
    assert trace.reading is not None and trace.reading.left_out == {UNREAD: 1}
    with pytest.raises(InputError, match=rf"log.*: {UNREAD}: {said}.*workload.unfit.time is \"refuse\""):
        trace_of(tmp_path, text, Unfit(time="refuse"))


def test_a_date_that_only_checks_the_units_may_be_anything(tmp_path: Path) -> None:
    text = "job_id,gpu_num,submit_time,duration,start_time,end_time\na,1,0,60,x,9\nb,1,0,60,0,?\n"
    assert ids(trace_of(tmp_path, text)) == ["a", "b"]


def test_jobs_on_one_gpu_each_follow_the_rule_of_shares(tmp_path: Path) -> None:
    text = HEAD + "half,0.5,0,60\nmore,2.5,0,60\n"
    trace = trace_of(tmp_path, text, gangs=False)
    assert changed(trace) == {"took a share of a GPU, and takes a whole one": 1}
    assert [(job.gang, job.stop_iterations) for job in trace.jobs] == [(1, 60), (1, 300)]
    assert ids(trace_of(tmp_path, text, Unfit(share="leave-out"), gangs=False)) == ["more"]


@pytest.mark.parametrize("number", ["nan", "1e3", "+5", "-1."])
def test_swf_is_told_by_18_numbers_however_they_are_spelt(tmp_path: Path, number: str) -> None:
    text = SWF.format(1, 60).replace("-1 -1\n", f"{number} -1\n")
    assert ids(trace_of(tmp_path, text)) == ["1"]


@pytest.mark.parametrize("text", [HEAD + "a,1,0,1e300\n", HEAD + "a,1e300,0,60\n", SWF.format("1e300", 60)])
def test_a_huge_number_is_said_in_few_digits(tmp_path: Path, text: str) -> None:
    try:
        reading = trace_of(tmp_path, text).reading
        assert reading is not None
        said = " ".join(reading.lines())
    except InputError as error:
        said = str(error)
    assert 0 < len(said.replace(str(tmp_path), "")) < 300 and "e+" in said
