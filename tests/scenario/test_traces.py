"""When work arrives: traces of jobs, experiments and clusters, and random arrivals. All traces here
are made up."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from hetsched.core.events import ExperimentArrived, TrialCompleted
from hetsched.domain.cluster import Gpu
from hetsched.domain.profiles import StepTimes
from hetsched.domain.workload import PBT, Experiment
from hetsched.errors import InputError
from hetsched.scenario.arrivals import arrive_at_random, arrive_in_bursts
from hetsched.scenario.loading import load_setup
from hetsched.scenario.profile_files import write_profile
from hetsched.scenario.search_space import HRFS_SEARCH_SPACE, domains
from hetsched.scenario.traces.cluster_job import GPU_HOURS
from hetsched.scenario.traces.dealing import Dealing, DealtModel
from hetsched.scenario.traces.formats import format_of
from hetsched.scenario.traces.trace import read_trace
from hetsched.scenario.traces.unfit import Unfit
from tests.conftest import ROWS, Simulate, make_setup, profile_row

SPACE = domains(HRFS_SEARCH_SPACE)

HEAD = "job_id,model,batch_size,num_gpus,total_steps,arrival_s\n"


def jobs_of(tmp_path: Path, text: str, times: StepTimes | None = None) -> list[Experiment]:
    (tmp_path / "t.csv").write_text(text)
    times = times or StepTimes(ROWS)
    return list(read_trace(tmp_path / "t.csv", "hetsched", None, Unfit(), times, {Gpu("v100"): 8}, SPACE).jobs)


def test_a_line_is_an_experiment_of_one_trial_without_pbt(tmp_path: Path) -> None:
    first, second = jobs_of(
        tmp_path,
        HEAD + "0,resnet18,32,2,100,5.5\nb,resnet18,,,7,\n",
        StepTimes([*GANGS, profile_row("v100", batch_size=1)]),
    )
    assert (first.id, first.dataset, first.batch_sizes, first.gang) == ("job0", "cifar10", (32,), 2)
    assert (first.stop_iterations, first.arrival_s, first.population, first.pbt) == (100, 5.5, 1, None)
    assert (second.id, second.batch_sizes, second.gang, second.arrival_s) == ("jobb", (1,), 1, 0.0)
    assert (first.evaluation_images, first.search_space) == (0, {})


def test_a_line_with_a_population_is_an_experiment_under_pbt(tmp_path: Path) -> None:
    head = "job_id,model,batch_size,iterations,arrival_s,population,stop_accuracy,perturbation_interval\n"
    first, second, third = jobs_of(
        tmp_path, head + "a,resnet18,32,900,60,8,0.9,25\nb,resnet18,32,900,,4,,\nc,resnet18,32,900,,,0.5,\n"
    )
    assert (first.id, first.population, first.stop_iterations, first.stop_score) == ("joba", 8, 900, 0.9)
    assert first.pbt == PBT(perturbation_interval=25)
    assert (first.arrival_s, first.evaluation_images, first.search_space) == (60.0, 10_000, SPACE)
    assert (second.pbt, second.stop_score) == (PBT(), None)
    assert (third.pbt, third.population, third.evaluation_images) == (None, 1, 10_000)  # its accuracy matters


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("job_id,total_steps\n0,9\n", "t.csv:2: .*iterations need a model"),
        ("job_id,model\n0,resnet18\n", "t.csv:2: iterations: missing"),
        ("job_id,model,totl_steps\n", "t.csv: not a column of a trace: 'totl_steps': did you mean 'total_steps'"),
        (HEAD, "t.csv: the trace has no jobs"),
        (
            HEAD + "0,resnet81,32,1,100,0\n",
            r"t.csv:2: model: the profile has no entry for 'resnet81': did you mean 'res",
        ),
        (HEAD + "0,resnet18,32,1,0,0\n", "t.csv:2: total_steps: expected more than 0"),
        (HEAD + "0,resnet18,32,1,many,0\n", "t.csv:2: total_steps: expected a whole number"),
        (HEAD + "0,resnet18,32,1,9,0,what\n", "t.csv:2: "),
        (
            "job_id,model,iterations,total_steps\n0,resnet18,9,9\n",
            "t.csv: the columns 'iterations' and 'total_steps' mean the same: keep one",
        ),
        (
            "job_id,model,iterations,perturbation_interval\n0,resnet18,9,3\n",
            "t.csv:2: .*perturbation_interval is for a population above 1",
        ),
        (
            "job_id,model,iterations,population,checkpoint_steps\n0,resnet18,9,3,3\n",
            "t.csv:2: .*checkpoint_steps is for a population of 1",
        ),
        (
            "job_id,model,iterations,stop_accuracy,evaluation_images\n0,resnet18,9,0.5,0\n",
            "t.csv:2: .*stop_score needs evaluation_images",
        ),
    ],
)
def test_a_mistake_is_named_by_file_line_and_column(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        jobs_of(tmp_path, text)


def test_a_model_on_two_data_sets_must_say_which(tmp_path: Path) -> None:
    times = StepTimes([*ROWS, profile_row(dataset="cifar100")])
    with pytest.raises(InputError, match="resnet18 on cifar10, cifar100: say which in 'dataset'"):
        jobs_of(tmp_path, HEAD + "0,resnet18,32,1,9,0\n", times)


# Random arrivals.


def listed(number: int) -> tuple[Experiment, ...]:
    return make_setup(experiments=[{"name": f"e{n}"} for n in range(number)]).workload.experiments


def test_random_arrivals_start_at_0_in_order_with_the_mean_gap() -> None:
    experiments = listed(400)
    arrived = arrive_at_random(experiments, 60.0, seed=1)
    times = [experiment.arrival_s for experiment in arrived]
    assert [experiment.id for experiment in arrived] == [experiment.id for experiment in experiments]
    assert times[0] == 0.0 and times == sorted(times)
    assert times[-1] / 399 == pytest.approx(60.0, rel=0.2)  # 4 standard errors of the mean of 399 exponential gaps
    assert arrive_at_random(experiments, 60.0, seed=1) == arrived != arrive_at_random(experiments, 60.0, seed=2)


def test_bursts_at_fixed_gaps_are_at_multiples_of_the_gap() -> None:
    arrived = arrive_in_bursts(listed(7), size=3, gap_s=100.0, seed=0, fixed=True)
    assert [experiment.arrival_s for experiment in arrived] == [0, 0, 0, 100, 100, 100, 200]
    assert [experiment.id for experiment in arrived] == [f"e{n}" for n in range(7)]
    assert arrive_in_bursts([], size=3, gap_s=100.0, seed=0) == []


def test_random_bursts_have_the_mean_gap_and_the_spread() -> None:
    arrived = arrive_in_bursts(listed(1200), size=3, gap_s=60.0, seed=1, spread_s=5.0)
    times = [experiment.arrival_s for experiment in arrived]
    starts = times[::3]
    assert starts[0] == 0.0 and starts == sorted(starts)
    assert starts[-1] / 399 == pytest.approx(60.0, rel=0.2)
    offsets = [times[number] - starts[number // 3] for number in range(1200) if number % 3]
    assert 0.0 <= min(offsets) < 0.2 and 4.8 < max(offsets) < 5.0
    assert arrive_in_bursts(listed(1200), size=3, gap_s=60.0, seed=1, spread_s=5.0) == arrived


# Traces of clusters.

GANGS = [*ROWS, profile_row("v100", seconds=0.06, gpu_share=2.0), profile_row("v100", seconds=0.2, model="vgg")]
"""A v100 trains resnet18 at 10 iterations a second, two at 1 / 0.06, and vgg at 5."""

RESNET = DealtModel("resnet18", None, 32, None)
VGG = DealtModel("vgg", "cifar10", 32, None)

HELIOS = """job_id,user,vc,gpu_num,cpu_num,node_num,state,submit_time,start_time,end_time,duration,queue
11,ua,vx,1,4,1,COMPLETED,2020-06-09 18:41:01,2020-06-09 18:41:01,2020-06-09 18:51:01,600,0
12,ub,vx,0,4,1,COMPLETED,2020-06-09 18:40:00,2020-06-09 18:41:01,2020-06-09 18:51:01,600,61
13,ua,vy,2,8,1,FAILED,2020-06-09 18:42:31,2020-06-09 19:00:00,2020-06-09 20:00:00,3600,1049
14,uc,vy,1,4,1,CANCELLED,2020-06-09 18:43:00,2020-06-09 18:44:00,2020-06-09 18:44:00,0,60
15,uc,vy,1,4,1,COMPLETED,2020-06-09 18:41:00,2020-06-09 18:44:00,2020-06-09 18:44:30,30,180
"""


def dealt(
    tmp_path: Path, text: str, *models: DealtModel, rule: Unfit | None = None, **options: Any
) -> list[Experiment]:
    path = tmp_path / "cluster.csv"
    path.write_text(text)
    trace_format = format_of(path)
    assert trace_format != "hetsched"
    dealing = Dealing(models or (RESNET,), "v100", **options)
    return list(read_trace(path, trace_format, dealing, rule or Unfit(), StepTimes(GANGS), {Gpu("v100"): 8}, {}).jobs)


def figures(jobs: list[Experiment]) -> list[tuple[str, float, int, int]]:
    return [(job.id, job.arrival_s, job.gang, job.stop_iterations) for job in jobs]


def test_a_helios_job_trains_for_its_duration_on_the_reference_device(tmp_path: Path) -> None:
    """Jobs 12 (no GPU) and 14 (never ran) are left out; times are since the first job that is
    left."""
    jobs = dealt(tmp_path, HELIOS)
    assert figures(jobs) == [("job15", 0.0, 1, 300), ("job11", 1.0, 1, 6000), ("job13", 91.0, 2, 60_000)]
    assert {(job.model, job.dataset, job.batch_sizes) for job in jobs} == {("resnet18", "cifar10", (32,))}
    assert all(job.pbt is None and job.evaluation_images == 0 for job in jobs)


def test_jobs_can_be_the_completed_ones_of_a_window_on_one_gpu_each(tmp_path: Path) -> None:
    assert [job.id for job in dealt(tmp_path, HELIOS, jobs="completed")] == ["job15", "job11"]
    assert figures(dealt(tmp_path, HELIOS, window_s=(61.0, 151.0))) == [("job11", 0.0, 1, 6000)]
    assert figures(dealt(tmp_path, HELIOS, gangs=False))[-1] == ("job13", 91.0, 1, 72_000)  # 2 GPU-hours


def test_a_window_begins_at_the_traces_first_job_also_if_that_job_is_left_out(tmp_path: Path) -> None:
    """Job 12 has no GPU and is submitted at 18:40:00. Jobs 15 and 11 follow a minute later."""
    minute = (60.0, 61.5)
    assert [job.id for job in dealt(tmp_path, HELIOS, window_s=minute)] == ["job15", "job11"]
    assert [job.id for job in dealt(tmp_path, HELIOS, window_s=minute, jobs="completed")] == ["job15", "job11"]


def test_arrivals_are_since_the_first_job_that_is_kept(tmp_path: Path) -> None:
    """The first job is of a category without a model. It is left out when models are dealt."""
    small = DealtModel("resnet18", None, 32, "medium")
    rule = Unfit(model="leave-out")
    assert figures(dealt(tmp_path, HELIOS, small, rule=rule)) == [("job13", 0.0, 2, 60_000)]


MIXED = """job_id,model,batch_size,num_gpus,iterations,duration_s,arrival_s
first,other,32,1,100,,{0}
a,resnet18,32,2,100,,{50}
b,resnet18,32,1,100,,{100}
c,,,2,,60,{200}
"""
"""A trace of our own format. The profile lacks the model of the first job. The last job is dealt
one."""


def mixed(tmp_path: Path, since_s: int = 0, **options: Any) -> list[tuple[str, float, int, int]]:
    path = tmp_path / "t.csv"
    path.write_text(re.sub(r"\{(\d+)\}", lambda found: str(since_s + int(found[1])), MIXED))
    dealing, rule = Dealing((RESNET,), "v100", **options), Unfit(model="leave-out")
    return figures(list(read_trace(path, "hetsched", dealing, rule, StepTimes(GANGS), {Gpu("v100"): 8}, {}).jobs))


def test_arrivals_of_our_format_are_as_given_or_since_the_first_job_that_is_kept(tmp_path: Path) -> None:
    assert [arrival for _, arrival, *_ in mixed(tmp_path)] == [50.0, 100.0, 200.0]
    assert [arrival for _, arrival, *_ in mixed(tmp_path, since_s=1_500_000_000)] == [0.0, 50.0, 150.0]


@pytest.mark.parametrize("since_s", [0, 1_500_000_000])
def test_a_window_selects_jobs_of_our_format(tmp_path: Path, since_s: int) -> None:
    assert [job[:2] for job in mixed(tmp_path, since_s, window_s=(100.0, 201.0))] == [("jobb", 0.0), ("jobc", 100.0)]


def test_without_gangs_jobs_of_our_format_keep_their_iterations(tmp_path: Path) -> None:
    """The duration of 60 s on two GPUs becomes 120 s on one."""
    assert [job[2:] for job in mixed(tmp_path, gangs=False)] == [(1, 100), (1, 100), (1, 1200)]


ATTEMPT = {"start_time": "2017-10-07 01:12:00", "end_time": "2017-10-07 01:13:00", "detail": [{"ip": "m1"}]}
GPUS = {"detail": [{"ip": "m1", "gpus": ["gpu0"]}, {"ip": "m2", "gpus": ["gpu3"]}]}
PHILLY: list[dict[str, Any]] = [
    {
        "status": "Pass",
        "vc": "v",
        "user": "u",
        "jobid": "application_1_1",
        "submitted_time": "2017-10-07 01:11:00",
        "attempts": [ATTEMPT | GPUS, ATTEMPT | {"end_time": "2017-10-07 01:17:00"}],
    },
    {"status": "Failed", "jobid": "application_1_2", "submitted_time": "2017-10-07 01:10:00", "attempts": []},
    {"status": "Killed", "jobid": "k", "submitted_time": "2017-10-07 01:12:30", "attempts": [ATTEMPT | GPUS]},
    {
        "status": "Killed",
        "jobid": "runs on",
        "submitted_time": "2017-10-07 01:12:00",
        "attempts": [ATTEMPT | GPUS | {"end_time": None}],
    },
]


def test_a_philly_job_runs_from_its_first_attempt_to_the_end_of_its_last(tmp_path: Path) -> None:
    """300 and 60 s on two GPUs. The job that was never started and the one that had not ended are
    left out."""
    jobs = dealt(tmp_path, json.dumps(PHILLY))
    assert figures(jobs) == [("jobapplication_1_1", 0.0, 2, 5000), ("jobk", 90.0, 2, 1000)]
    assert [job.id for job in dealt(tmp_path, json.dumps(PHILLY), jobs="completed")] == ["jobapplication_1_1"]


def test_a_table_of_philly_jobs_may_have_seconds_for_times(tmp_path: Path) -> None:
    head = "jobid,submitted_time,run_time,num_gpus,vc,status\n"
    jobs = dealt(tmp_path, head + "a,1000.5,300,2,v,Pass\nb,990,60,1,v,Killed\nc,980,,,v,Failed\n")
    assert figures(jobs) == [("jobb", 0.0, 1, 600), ("joba", 10.5, 2, 5000)]


def test_models_are_dealt_at_random_by_the_seed_and_the_jobs_name(tmp_path: Path) -> None:
    head = "jobid,submitted_time,run_time,num_gpus\n"
    lines = [f"j{n},{n},60,1\n" for n in range(200)]
    jobs = dealt(tmp_path, head + "".join(lines), RESNET, VGG)
    models = {job.id: job.model for job in jobs}
    assert 70 < list(models.values()).count("vgg") < 130  # 4 standard deviations of 7
    assert {job.model: job.stop_iterations for job in jobs} == {"resnet18": 600, "vgg": 300}
    fewer = dealt(tmp_path, head + "".join(lines[::3]), RESNET, VGG)
    assert all(models[job.id] == job.model for job in fewer)
    assert models != {job.id: job.model for job in dealt(tmp_path, head + "".join(lines), RESNET, VGG, seed=1)}


def test_models_are_dealt_by_gpu_hours(tmp_path: Path) -> None:
    head = "jobid,submitted_time,run_time,num_gpus\n"
    hours = {"a": 0.99, "b": 1.0, "c": 9.9, "d": 10.0, "e": 99.0, "f": 100.0}
    text = head + "".join(f"{name},0,{h * 3600},1\n" for name, h in hours.items())
    times = StepTimes([profile_row("v100", batch_size=batch) for batch in (1, 2, 3, 4)])
    models = [DealtModel("resnet18", None, batch, category) for batch, category in enumerate(GPU_HOURS, start=1)]
    path = tmp_path / "philly.csv"
    path.write_text(text)
    one_of_each = Dealing(tuple(models), "v100")
    jobs = read_trace(path, "philly", one_of_each, Unfit(), times, {Gpu("v100"): 8}, {}).jobs
    assert [job.batch_sizes[0] for job in jobs] == [1, 2, 2, 3, 3, 4]
    with pytest.raises(
        InputError, match=r"philly.csv:5: had the category 'large', for which workload.trace_models.models has no model"
    ):
        read_trace(path, "philly", Dealing(tuple(models[:2]), "v100"), Unfit(), times, {Gpu("v100"): 8}, {})


@pytest.mark.parametrize(
    ("text", "models", "message"),
    [
        (HELIOS.replace(",1,4,", ",one,4,"), (), "csv:2: gpu_num: expected a number"),
        (
            HELIOS.replace("gpu_num", "gpu_nums"),
            (),
            "the nearest is helios, and of its columns 'gpu_num' .is it 'gpu_nums'.. is missing",
        ),
        (
            HELIOS,
            (DealtModel("vg", None, 1, None),),
            r"trace_models.models \(the 1st of them\): model: .* for 'vg': did you mean 'vgg'",
        ),
        (HELIOS.splitlines()[0] + "\n", (), "cluster.csv: the trace has no jobs"),
        ('[{"jobid": 3}]', (), r"not a Philly job log: .*\$\[0\].jobid"),
        ("[", (), "not a Philly job log"),
    ],
)
def test_a_mistake_in_a_clusters_trace_is_named(
    tmp_path: Path, text: str, models: tuple[DealtModel, ...], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        dealt(tmp_path, text, *models)


# In a scenario.

SCENARIO = """
name = "trace"
strategies = ["gpu-only+srtf"]
profile.sources = ["p.csv"]
cluster.nodes = [{ name = "n", cores = 2, gpus = 2, gpu_type = "v100" }]
[workload]
"""
MODELS = '[workload.trace_models]\ndevice = "v100"\nmodels = [{ model = "resnet18", batch_size = 32 }]\n'


def scenario_of(folder: Path, workload: str, trace: str = HELIOS) -> Any:
    write_profile(folder / "p.csv", GANGS)
    (folder / "t.csv").write_text(trace)
    (folder / "s.toml").write_text(SCENARIO + workload)
    return load_setup(folder / "s.toml")


def test_a_clusters_trace_is_simulated_and_saved_as_it_was_dealt(tmp_path: Path, simulate_log: Simulate) -> None:
    scenario = scenario_of(tmp_path, 'trace = "t.csv"\n' + MODELS)
    arrived = [e for e in simulate_log(scenario, "gpu-only+srtf") if isinstance(e, ExperimentArrived)]
    assert [event.time for event in arrived] == [0.0, 1.0, 91.0]
    scenario.save(tmp_path / "saved")
    again = load_setup(tmp_path / "saved" / "scenario.toml")
    assert again.workload == scenario.workload
    assert again.scenario.workload.trace_models is None


def test_a_trace_of_experiments_is_simulated(tmp_path: Path, simulate_log: Simulate) -> None:
    trace = "job_id,model,batch_size,iterations,arrival_s,population,perturbation_interval\n"
    scenario = scenario_of(tmp_path, 'trace = "t.csv"\n', trace + "a,resnet18,32,40,0,4,10\nb,resnet18,32,7,3,,\n")
    completed = {e.trial for e in simulate_log(scenario, "gpu-only+srtf") if isinstance(e, TrialCompleted)}
    assert completed == {"joba-0", "joba-1", "joba-2", "joba-3", "jobb-0"}


def test_bursts_in_a_scenario() -> None:
    workload = make_setup(experiments=[{"name": "e", "count": 4}]).scenario.workload
    burst = type(workload).model_validate(
        workload.model_dump() | {"bursts": {"size": 2, "gap_s": 60.0, "gaps": "fixed"}}
    )
    assert [experiment.arrival_s for experiment in burst.listed_experiments()] == [0, 0, 60, 60]


@pytest.mark.parametrize(
    ("workload", "message"),
    [
        ('trace = "t.csv"\n', "workload.trace: .*t.csv: a helios trace: say in workload.trace_models what"),
        (MODELS, "workload: .*nothing to train"),
        ('trace = "none.csv"\n' + MODELS, "none.csv: cannot read the trace: No such file"),
        ('trace_format = "helios"\nexperiments = [{ name = "e" }]\n', "trace_format is for a trace, and there is none"),
        ('trace = "t.csv"\ntrace_format = "phily"\n' + MODELS, "workload.trace_format"),
        ('trace = "t.csv"\ntrace_format = "philly"\n' + MODELS, "not a Philly trace: columns 'jobid', .* are missing"),
        ('trace = "t.csv"\ntrace_format = "hetsched"\n' + MODELS, "not a column of a trace: 'vc'"),
        ('trace = "t.csv"\nbursts = { size = 2, gap_s = 1.0 }\n' + MODELS, "bursts is for listed experiments"),
        (
            'experiments = [{ name = "e" }]\nbursts = { size = 2, gap_s = 1.0 }\npoisson = { mean_gap_s = 1.0 }\n',
            "poisson and bursts both say when",
        ),
        (
            'trace = "t.csv"\n' + MODELS.replace("v100", "v10"),
            "no step time of resnet18 on cifar10, batch 32 on 1 x v10",
        ),
        ('trace = "t.csv"\n' + MODELS.replace("v100", "cpu"), "trace_models.device: .*expected the type of a GPU"),
    ],
)
def test_a_mistake_in_the_workload_is_named(tmp_path: Path, workload: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        scenario_of(tmp_path, workload)


def test_the_example_of_a_clusters_trace_is_simulated(tmp_path: Path, simulate_log: Simulate) -> None:
    examples = Path(__file__).parents[2] / "examples"
    for name in ("helios.toml", "helios-made-up.csv"):
        shutil.copy(examples / name, tmp_path / name)
    setup = load_setup(tmp_path / "helios.toml")
    arrived = [e for e in simulate_log(setup, setup.scenario.strategies[0]) if isinstance(e, ExperimentArrived)]
    assert len(arrived) == 16
