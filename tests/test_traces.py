"""When work arrives: traces of jobs and random arrivals."""

from pathlib import Path

import pytest

from hetsched.errors import InputError
from hetsched.profiles import StepTimes
from hetsched.traces import arrive_at_random, read_jobs
from tests.conftest import ROWS, make_scenario, profile_row

HEAD = "job_id,model,batch_size,num_gpus,total_steps,arrival_s\n"


def jobs_of(tmp_path: Path, text: str):  # type: ignore[no-untyped-def]
    (tmp_path / "t.csv").write_text(text)
    return read_jobs(tmp_path / "t.csv", StepTimes(ROWS))


def test_a_line_is_an_experiment_of_one_trial_without_pbt(tmp_path: Path) -> None:
    first, second = jobs_of(tmp_path, HEAD + "0,resnet18,32,2,100,5.5\nb,resnet18,,,7,\n")
    assert (first.id, first.dataset, first.batch_sizes, first.gang) == ("job0", "cifar10", (32,), 2)
    assert (first.stop_iterations, first.arrival_s, first.population, first.pbt) == (100, 5.5, 1, None)
    assert (second.id, second.batch_sizes, second.gang, second.arrival_s) == ("jobb", (1,), 1, 0.0)
    assert first.evaluation_images == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("job_id,model\n0,resnet18\n", "t.csv: not a trace: column 'total_steps' is missing"),
        (HEAD, "t.csv: the trace has no jobs"),
        (
            HEAD + "0,resnet81,32,1,100,0\n",
            r"t.csv:2: model: the profile has no entry for 'resnet81': did you mean 'res",
        ),
        (HEAD + "0,resnet18,32,1,0,0\n", "t.csv:2: total_steps: .*greater than 0"),
        (HEAD + "0,resnet18,32,1,many,0\n", "t.csv:2: total_steps: .*valid integer"),
        (HEAD + "0,resnet18,32,1,9,0\n0,resnet18,32,1,9,0\n", "t.csv:3: job_id: a second job '0'"),
        (HEAD + "0,resnet18,32,1,9,0,what\n", "t.csv:2: "),
    ],
)
def test_a_mistake_is_named_by_file_line_and_column(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        jobs_of(tmp_path, text)


def test_a_model_on_two_data_sets_must_say_which(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(HEAD + "0,resnet18,32,1,9,0\n")
    times = StepTimes([*ROWS, profile_row(dataset="cifar100")])
    with pytest.raises(InputError, match="resnet18 on cifar10, cifar100: say which in 'dataset'"):
        read_jobs(tmp_path / "t.csv", times)


def test_random_arrivals_start_at_0_in_order_with_the_mean_gap() -> None:
    experiments = make_scenario(experiments=[{"name": f"e{n}"} for n in range(400)]).workload_spec().experiments
    arrived = arrive_at_random(experiments, 60.0, seed=1)
    times = [experiment.arrival_s for experiment in arrived]
    assert [experiment.id for experiment in arrived] == [experiment.id for experiment in experiments]
    assert times[0] == 0.0 and times == sorted(times)
    assert times[-1] / 399 == pytest.approx(60.0, rel=0.2)  # 4 standard errors of the mean of 399 exponential gaps
    assert arrive_at_random(experiments, 60.0, seed=1) == arrived != arrive_at_random(experiments, 60.0, seed=2)
