"""What becomes of jobs of a trace that do not fit the cluster or the profile, and what is said of
it."""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import asdict

from hetsched.cli.main import main
from hetsched.domain.profiles import StepTimes
from hetsched.errors import InputError
from hetsched.scenario.loading import load_setup
from hetsched.scenario.scenario import Setup
from hetsched.scenario.traces.trace import read_trace
from hetsched.scenario.traces.unfit import Unfit
from hetsched.studies.bound import bound
from hetsched.studies.simulate import simulate
from tests.conftest import ROWS, make_setup

BARE = "start_up = false\nrestore = false\nevaluation = false\ncheckpoint = false\nnoise = false\n"

HELIOS = "job_id,gpu_num,state,submit_time,duration\n"

PHILLY = [
    {
        "status": "Pass",
        "jobid": name,
        "submitted_time": submitted,
        "attempts": [{"start_time": start, "end_time": end, "detail": [{"gpus": ["g"] * gpus}]}],
    }
    for name, submitted, start, end, gpus in (
        ("a1", "2017-10-06 14:39:55", "2017-10-06 14:40:02", "2017-10-06 15:40:02", 3),
        ("a2", "2017-10-06 14:50:00", "2017-10-06 14:50:02", "2017-10-06 15:00:02", 1),
    )
]


def written(folder: Path, trace: str, extra: str = "", gpus: int = 8, dealt: str = "") -> Path:
    """A scenario whose trace is this text."""
    (folder / "log").write_text(trace)
    (folder / "s.toml").write_text(
        f'name = "odd"\nstrategies = ["gpu-only+srtf"]\nseeds = 1\n[workload]\ntrace = "log"\n{extra}'
        f'[workload.trace_models]\ndevice = "v100"\nmodels = [{{ model = "ResNet-18", batch_size = 128 }}]\n{dealt}'
        f'[profile]\nsources = ["gavel-osdi20-jobs"]\n[overheads]\n{BARE}'
        f'[[cluster.nodes]]\nname = "v"\ncores = 8\ngpus = {gpus}\ngpu_type = "v100"\n'
    )
    return folder / "s.toml"


def setup_of(folder: Path, trace: str, extra: str = "", gpus: int = 8, dealt: str = "") -> Setup:
    return load_setup(written(folder, trace, extra, gpus, dealt))


def document(setup: Setup) -> dict[str, Any]:
    assert setup.reading is not None
    return setup.reading.document()


def test_an_odd_gang_of_philly_takes_the_next_smaller_size_for_as_many_gpu_seconds(tmp_path: Path) -> None:
    setup = setup_of(tmp_path, json.dumps(PHILLY))
    odd, single = setup.jobs
    assert (odd.gang, single.gang) == (2, 1)
    assert bound(setup).overall.makespan_s == pytest.approx(3 * 3600 / 2, rel=1e-4)
    assert document(setup) == {
        "file": "log",
        "format": "philly",
        "read": 2,
        "kept": 2,
        "changed": {
            "jobs": 1,
            "took a number of GPUs that does not fit, and takes the next smaller one that does": 1,
        },
        "left_out": {"jobs": 0},
    }


def test_jobs_that_have_not_ended_are_left_out_and_counted(tmp_path: Path) -> None:
    log = HELIOS + (
        "1,1,COMPLETED,2020-06-09 18:00:00,600\n"
        "2,1,RUNNING,2020-06-09 18:10:00,9500000\n3,1,SUSPENDED,2020-06-09 18:20:00,600\n"
    )
    setup = setup_of(tmp_path, log)
    assert bound(setup).overall.makespan_s == pytest.approx(600, rel=1e-3)
    assert document(setup)["left_out"] == {"jobs": 2, "had not ended when the log was taken": 2}
    kept = setup_of(tmp_path, log, "unfit = { running = 'keep' }\n")
    assert [job.id for job in kept.jobs] == ["job1", "job2", "job3"]
    assert document(kept)["changed"]["jobs"] == 2
    with pytest.raises(InputError, match=r'log:3: had not ended when .*workload.unfit.running is "refuse"'):
        setup_of(tmp_path, log, "unfit = { running = 'refuse' }\n")


def test_what_was_left_out_is_said_by_every_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = HELIOS + "1,3,COMPLETED,2020-06-09 18:00:00,600\n2,1,RUNNING,2020-06-09 18:10:00,10\n3,0,COMPLETED,7,5\n"
    scenario = str(written(tmp_path, log))
    for number, command in enumerate((["bound"], ["compare"], ["simulate", "--strategy", "gpu-only+srtf"])):
        out = [] if command == ["bound"] else ["--out", str(tmp_path / f"out{number}")]
        assert main([command[0], scenario, *command[1:], *out]) == 0
        said = capsys.readouterr().out
        assert "the trace (helios): 3 jobs read, 1 kept, 1 of them changed, 2 left out" in said
        assert "left out: 1 had not ended when the log was taken (first: line 3)" in said
        assert "left out: 1 took no GPU (first: line 4)" in said
        if out:
            out[1] += "-json"
        assert main([command[0], scenario, *command[1:], *out, "--json"]) == 0
        found = json.loads(capsys.readouterr().out)["trace"]
        assert (found["read"], found["kept"], found["left_out"]["jobs"]) == (3, 1, 2)


@pytest.mark.parametrize(
    ("row", "rule", "kept", "reason"),
    [
        ("1,32,COMPLETED,0,60", "", 8, "took a number of GPUs that does not fit, and takes the next smaller"),
        ("1,32,COMPLETED,0,60", "gang = 'leave-out'", None, "took a number of GPUs that does not fit"),
        ("1,0.5,COMPLETED,0,60", "", 1, "took a share of a GPU, and takes a whole one"),
        ("1,0.5,COMPLETED,0,60", "share = 'leave-out'", None, "took a share of a GPU"),
        ("1,1,COMPLETED,,60", "", None, "had no time of submission"),
        ("1,1,COMPLETED,0,NaN", "", None, "had no duration"),
        ("1,1,COMPLETED,0,-5", "", None, "had no duration"),
        ("1,1,COMPLETED,0,999999999", "iterations = 'leave-out'", None, "had too many iterations"),
        ("1,1,COMPLETED,0,999999999", "", 1, "had more than 1000000000 iterations, and trains so many"),
    ],
)
def test_each_rule_changes_or_leaves_out(tmp_path: Path, row: str, rule: str, kept: int | None, reason: str) -> None:
    rest = "".join(f"r{n},1,COMPLETED,{n},60\n" for n in range(5))
    extra = f"unfit = {{ {rule} }}\n" if rule else ""
    setup = setup_of(tmp_path, HELIOS + f"{row}\n" + rest, extra)
    gangs = {job.id: job.gang for job in setup.jobs}
    assert gangs.get("job1") == kept  # type: ignore[call-overload]
    said = document(setup)["left_out" if kept is None else "changed"]
    assert said["jobs"] == 1 and any(text.startswith(reason) for text in said)
    key = {"had no time ": "time", "had no durat": "time", "took a share": "share", "took a numbe": "gang"}
    refused = key.get(reason[:12], "iterations")
    with pytest.raises(InputError, match=r"log:2: .*is \"refuse\""):
        setup_of(tmp_path, HELIOS + f"{row}\n" + rest, f"unfit = {{ {refused} = 'refuse' }}\n")


def test_a_share_of_a_gpu_has_as_many_gpu_seconds(tmp_path: Path) -> None:
    half, whole = setup_of(tmp_path, HELIOS + "1,0.5,COMPLETED,0,1200\n2,1,COMPLETED,0,600\n").jobs
    assert half.stop_iterations == whole.stop_iterations


def test_a_trace_of_which_nothing_is_left_says_why(tmp_path: Path) -> None:
    with pytest.raises(
        InputError,
        match=r"none of its 2 jobs is left: 1 took no GPU \(first: line 2\); 1 had not ended .* \(first: line 3\)",
    ):
        setup_of(tmp_path, HELIOS + "1,0,COMPLETED,0,60\n2,1,RUNNING,0,60\n")


def test_a_job_of_a_json_log_is_named_by_its_place_and_id(tmp_path: Path) -> None:
    reading = setup_of(tmp_path, json.dumps(PHILLY)).reading
    assert reading is not None and "(first: job 0 (a1): 3 GPUs, now 2)" in reading.lines()[1]


def test_a_saved_scenario_has_the_jobs_as_they_were_changed(tmp_path: Path) -> None:
    setup = setup_of(tmp_path, HELIOS + "1,3,COMPLETED,0,600\n2,0.5,COMPLETED,5,60\n")
    setup.save(tmp_path / "saved")
    again = load_setup(tmp_path / "saved" / "scenario.toml")
    assert [asdict(job) for job in again.jobs] == [asdict(job) for job in setup.jobs]
    assert document(again)["changed"] == {"jobs": 0}


CASE_5 = HELIOS + (
    "1,1,COMPLETED,2020-06-09 08:00:00,36000\n2,1,COMPLETED,2020-06-09 08:10:00,60\n"
    "3,1,COMPLETED,2020-06-09 08:20:00,60\n"
)


@pytest.mark.parametrize("policy", ["las", "srtf", "gavel-las"])
def test_preemptive_policies_preempt_on_a_clusters_trace(tmp_path: Path, policy: str) -> None:
    """Short jobs wait for a checkpoint, at most 360 s, and not for the end of the job of 10 hours:
    with checkpoints every 1,000 iterations the mean JCT is 12,093 s, without them 35,460 s."""
    result = simulate(setup_of(tmp_path, CASE_5, gpus=1), f"gpu-only+{policy}")
    [run] = result.runs
    assert run.metrics.mean_jct_s is not None and run.metrics.mean_jct_s < 12_093 + 2 * 360
    assert not result.warnings


@pytest.mark.parametrize(("policy", "warned"), [("las", True), ("srtf", True), ("fifo", False), ("gavel-las", False)])
def test_a_policy_that_cannot_preempt_is_warned_of(tmp_path: Path, policy: str, warned: bool) -> None:
    result = simulate(setup_of(tmp_path, CASE_5, gpus=1, dealt="checkpoint_s = false\n"), f"gpu-only+{policy}")
    text = result.warnings.get(f"gpu-only+{policy}", "")
    assert ("for 3 jobs of 3 (such as job1): set checkpoint_steps" in text) == warned


def test_the_interval_is_so_many_seconds_on_the_reference_device(tmp_path: Path) -> None:
    [job] = setup_of(tmp_path, HELIOS + "1,1,COMPLETED,0,3600\n", dealt="checkpoint_s = 60.0\n").jobs
    assert job.checkpoint_interval == pytest.approx(job.stop_iterations / 60, rel=1e-2)


def test_a_saved_scenario_says_the_rule_only_if_it_has_a_clusters_log(tmp_path: Path) -> None:
    """The digests of the suite's scenarios, which have none, stay what they are."""
    setup_of(tmp_path, HELIOS + "1,1,COMPLETED,0,600\n").save(tmp_path / "saved")
    assert "[workload.unfit]" in (tmp_path / "saved" / "scenario.toml").read_text()
    assert "unfit" not in make_setup(experiments=[{"name": "e"}]).scenario.to_toml()


OWN = "job_id,model,batch_size,gpu_types,iterations,arrival_s\n"


def test_a_cluster_without_gpus_lacks_all_gpu_types(tmp_path: Path) -> None:
    """The rule said nothing of these jobs there, and refused none."""
    (tmp_path / "t.csv").write_text(
        OWN + "a,resnet18,32,v100,100,0\nb,resnet18,32,v100|k80,100,0\nc,resnet18,32,,100,5\n"
    )
    counts = []
    for unfit in (Unfit(), Unfit(gpu_type="leave-out")):
        trace = read_trace(tmp_path / "t.csv", "hetsched", None, unfit, StepTimes(ROWS), {}, {})
        assert trace.reading is not None
        counts.append((len(trace.jobs), trace.reading.changed, trace.reading.left_out))
    reason = "named only GPU types that the cluster has not"
    assert counts[0] == (3, {f"{reason}, and may run on any": 2}, {})
    assert counts[1] == (1, {}, {reason: 2})
    with pytest.raises(InputError, match=f't.csv:2: {reason}: v100 .workload.unfit.gpu_type is "refuse"'):
        read_trace(tmp_path / "t.csv", "hetsched", None, Unfit(gpu_type="refuse"), StepTimes(ROWS), {}, {})


def test_jobs_with_iterations_arrive_within_20_years_too(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(OWN + "a,resnet18,32,,100,5\nb,resnet18,32,,100,1700000000\n")
    with pytest.raises(InputError, match="t.csv: jobs arrive over 54 years: times must be in seconds"):
        read_trace(tmp_path / "t.csv", "hetsched", None, Unfit(), StepTimes(ROWS), {}, {})
