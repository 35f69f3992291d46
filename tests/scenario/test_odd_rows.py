"""Odd rows of a cluster's log do not refuse the file: each is read, or left out and counted."""

import json
from pathlib import Path

import pytest

from hetsched.domain.cluster import Gpu
from hetsched.domain.profiles import StepTimes
from hetsched.errors import InputError
from hetsched.scenario.profile_files import read_profile, write_profile
from hetsched.scenario.traces.dealing import Dealing, DealtModel
from hetsched.scenario.traces.formats import format_of
from hetsched.scenario.traces.trace import Trace, read_trace
from hetsched.scenario.traces.unfit import Unfit
from sim.learning.recordings import read_recordings
from tests.conftest import profile_row

HEAD = "job_id,gpu_num,submit_time,duration\n"
SWF = "1 0 0 600 1 -1 -1 1 -1 -1 1 1 1 1 1 1 -1 -1\n"
NO_GPU, NO_DURATION = "took no GPU", "had no duration (or one of 0 or less)"
NO_STEP_TIME = "had no step time on the cluster's GPUs"


def trace_of(folder: Path, text: str, memory_gib: float | None = None) -> Trace:
    path = folder / "log"
    path.write_text(text)
    row = profile_row("v100", batch_size=1, seconds=0.5).model_copy(update={"memory_gib": 24.0})
    dealing = Dealing((DealtModel(row.model, row.dataset, row.batch_size, None),), "v100")
    return read_trace(path, format_of(path), dealing, Unfit(), StepTimes([row]), {Gpu("v100", memory_gib): 8}, {})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (HEAD + "1,1,0,600\n2,-1,0,600\n", NO_GPU),
        ("jobid,num_gpus,submitted_time,run_time\n1,1,0,600\n2,-1,0,600\n", NO_GPU),
        (
            "name,num_gpu,gpu_milli,creation_time,deletion_time,scheduled_time\n1,1,1000,0,600,0\n2,-1,-1,0,9,0\n",
            NO_GPU,
        ),
        ("job_name,gpu_request,worker_num,submit_time,duration\n1,1,1,0,600\n2,-1,-1,0,600\n", NO_GPU),
        (SWF + SWF.replace("1 0 0 600", "2 0 0 nan"), NO_DURATION),
        (SWF + SWF.replace("1 0 0 600", "2 0 0 inf"), NO_DURATION),
    ],
)
def test_a_row_that_is_no_job_is_left_out(tmp_path: Path, text: str, reason: str) -> None:
    trace = trace_of(tmp_path, text)
    assert [(job.id, job.stop_iterations) for job in trace.jobs] == [("job1", 1200)]
    assert trace.reading is not None and trace.reading.left_out == {reason: 1}


@pytest.mark.parametrize(
    "text",
    [
        HEAD.replace(",", ", ") + "1, 1 , 2020-04-01 00:00:00 , 600\n",
        "\n" + HEAD + "1,1,0,600\n",
        (" \n" + HEAD + "1,1,0,600\n").replace("\n", "\r\n"),
        "; a comment\n" + SWF.replace("-1 -1\n", "nan inf\n"),
    ],
)
def test_blanks_and_unknown_numbers_that_nobody_needs_change_nothing(tmp_path: Path, text: str) -> None:
    [job] = trace_of(tmp_path, text).jobs
    assert (job.gang, job.stop_iterations) == (1, 1200)


def test_a_number_that_overflows_is_capped(tmp_path: Path) -> None:
    usual = "".join(f"{number},1,{number}000,600\n" for number in range(3))
    *_, job = trace_of(tmp_path, HEAD + usual + "9,1e300,9000,1e300\n").jobs
    assert (job.gang, job.stop_iterations) == (1, 10**9)


def test_gpus_of_gfs_whose_product_overflows_take_the_next_smaller_gang(tmp_path: Path) -> None:
    """It was an OverflowError."""
    head = "job_name,gpu_request,worker_num,submit_time,duration\n"
    trace = trace_of(tmp_path, head + "1,1,1,0,600\n2,1e300,1000000000000,9,600\n3,1,1,9000,600\n")
    assert [job.gang for job in trace.jobs] == [1, 1, 1]


def test_philly_with_a_byte_order_mark_and_nulls(tmp_path: Path) -> None:
    times = {"start_time": "2017-10-07 01:00:00", "end_time": "2017-10-07 01:10:00"}
    whole = {
        "jobid": "1",
        "submitted_time": "2017-10-07 01:00:00",
        "attempts": [{**times, "detail": [{"gpus": ["0"]}]}],
    }
    odd = [
        {"jobid": "2", "submitted_time": None, "attempts": None},
        {"jobid": "3", "attempts": [{**times, "detail": None}]},
        {"jobid": "4", "attempts": [{**times, "detail": [{"gpus": None}]}]},
    ]
    trace = trace_of(tmp_path, "\ufeff" + json.dumps([whole, *odd]))
    assert [(job.id, job.stop_iterations) for job in trace.jobs] == [("job1", 1200)]
    assert trace.reading is not None and trace.reading.left_out == {NO_GPU: 3}


def test_a_job_whose_model_needs_more_memory_than_a_gpu_has_is_left_out(tmp_path: Path) -> None:
    """24 GiB fit a card of 32, and none of 16 (ray#45955)."""
    text = HEAD + "1,1,0,600\n"
    assert len(trace_of(tmp_path, text, memory_gib=32.0).jobs) == 1
    with pytest.raises(InputError, match=f"none of its 1 job is left: 1 {NO_STEP_TIME}"):
        trace_of(tmp_path, text, memory_gib=16.0)


HUGE = "9" * 400


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (HEAD + f"1,{HUGE},0,600\n", "gpu_num"),
        (f"name,num_gpu,gpu_milli,creation_time,deletion_time,scheduled_time\n1,{HUGE},1000,0,600,0\n", "num_gpu"),
        (f"job_name,gpu_request,worker_num,submit_time,duration\n1,1,{HUGE},0,600\n", "worker_num"),
        (f"job_id,arrival_s,model,batch_size,iterations\n1,0,m,{HUGE},10\n", "batch_size"),
    ],
)
def test_an_integer_that_is_too_large_is_named(tmp_path: Path, text: str, found: str) -> None:
    with pytest.raises(InputError, match=found):
        trace_of(tmp_path, text)


def test_profiles_and_recordings_name_an_integer_that_is_too_large(tmp_path: Path) -> None:
    write_profile(tmp_path / "p.csv", [profile_row("v100", batch_size=37, seconds=0.5)])
    (tmp_path / "p.csv").write_text((tmp_path / "p.csv").read_text().replace(",37,", f",{HUGE},"))
    with pytest.raises(InputError, match=r"p.csv:2: batch_size: expected 1e\+09 or less, got '9{59}\.\.\.$"):
        read_profile(tmp_path / "p.csv")
    (tmp_path / "r.csv").write_text(
        f"recording,model,dataset,batch_size,seed,iteration,lr,accuracy\n0,m,d,1,{HUGE},0,1,0\n"
    )
    with pytest.raises(InputError, match=r"r.csv:2: seed has 400 digits, expected an integer up to 10\^18"):
        read_recordings(tmp_path / "r.csv")


OWN = "job_id,model,batch_size,iterations,user\na,m,32,10,ann\n"
OPEN = '"b,m,32,10,bob\nc,m,32,10,"carl"\n'


@pytest.mark.parametrize(
    "text",
    [
        OWN + OPEN,  # the cell of b took in c
        OWN + OPEN.replace('"', "").replace("bob", '"bob'),
        OWN + '"b\n",m,32,10,bob\n',
        OWN + '"b,m,32,10,bob',
        HEAD + "1,1,0,600\n" + '2,1,0,"600\n3,1,0,600\n',
        "jobid,num_gpus,submitted_time,run_time\n1,1,0,600\n" + '2,1,0,"600\n3,1,0,600\n',
    ],
)
def test_a_line_that_ends_within_quotes_is_named(tmp_path: Path, text: str) -> None:
    """Its cell took in the lines below without a word."""
    with pytest.raises(InputError, match="log:3: a cell begins with a quote, and no quote ends it in its line: close"):
        trace_of(tmp_path, text)


def test_profiles_and_recordings_name_a_line_that_ends_within_quotes(tmp_path: Path) -> None:
    head, row = "model,batch_size,device,seconds,provenance\n", "m,{},v100,0.1,{}\n"
    (tmp_path / "p.csv").write_text(head + row.format(1, '"a, b"') + row.format(2, '"measured') + row.format(3, "x"))
    with pytest.raises(InputError, match="p.csv:3: a cell begins with a quote"):
        read_profile(tmp_path / "p.csv")
    (tmp_path / "p.csv").write_text(head + row.format(1, '"a, b" ') + row.format(2, 'a "12" GiB') + row.format(3, '""'))
    assert [found.provenance for found in read_profile(tmp_path / "p.csv")] == ["a, b", 'a "12" GiB', "not said"]
    head = "recording,model,dataset,batch_size,seed,iteration,lr,accuracy\n"
    (tmp_path / "r.csv").write_text(head + '0,m,"d,1,0,0,1,0\n0,m,d,1,0,1,1,0.5\n')
    with pytest.raises(InputError, match="r.csv:2: a cell begins with a quote"):
        read_recordings(tmp_path / "r.csv")


def test_a_number_with_its_digits_in_groups_is_named(tmp_path: Path) -> None:
    """Python and pydantic read 3_2 as 32. In a table it is a slip."""
    write_profile(tmp_path / "p.csv", [profile_row("v100", batch_size=32, seconds=0.5)])
    text = (tmp_path / "p.csv").read_text()
    (tmp_path / "p.csv").write_text(text.replace(",32,", ",3_2,"))
    with pytest.raises(InputError, match=r"p.csv:2: batch_size: expected a number without '_', got '3_2'"):
        read_profile(tmp_path / "p.csv")
    (tmp_path / "p.csv").write_text(text.replace("resnet18", "res_net"))
    assert read_profile(tmp_path / "p.csv")[0].model == "res_net"
