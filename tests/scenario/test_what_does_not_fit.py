"""Where the profile has no step time a trial does not run: in simulations, bounds and comparisons
alike."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hetsched import bound, compare, load_scenario, simulate
from hetsched.core.events import ExperimentArrived, RunStarted, WorkerJoined
from hetsched.core.fits import Fits
from hetsched.core.state import State
from hetsched.domain.cluster import WorkerType
from hetsched.domain.profiles import ProfileRow, StepTimes
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import TrialKind
from hetsched.errors import InputError
from hetsched.scenario.profile_files import write_profile
from hetsched.scenario.scenario import Setup
from hetsched.studies.assumed_bounds import of_measured
from hetsched.studies.assumptions import assumptions
from tests.conftest import make_setup, profile_row

SCENARIO = """
name = "does-not-fit"
strategies = ["gpu-only+srtf", "gpu-only+fifo", "gpu-only+las"]
seeds = 1
workload.trace = "jobs.csv"
profile.sources = ["profile.csv"]
cluster.nodes = [
    { name = "v", cores = 8, gpus = 1, gpu_type = "v100" },
    { name = "k", cores = 8, gpus = 1, gpu_type = "k80" },
]
"""

FITS = {("v100", 1): 0.1, ("k80", 1): 0.5, ("v100", 2): 0.2}
"""Seconds per iteration by device and batch size: batch 2 does not fit a K80."""


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """Two jobs of 1,000 iterations, one of which fits the V100 alone."""
    (tmp_path / "jobs.csv").write_text("job_id,model,batch_size,iterations\n0,resnet18,1,1000\n1,resnet18,2,1000\n")
    rows = [profile_row(device, batch_size=batch, seconds=s) for (device, batch), s in FITS.items()]
    write_profile(tmp_path / "profile.csv", [row.model_copy(update=NO_COSTS) for row in rows])
    (tmp_path / "scenario.toml").write_text(SCENARIO)
    return tmp_path / "scenario.toml"


NO_COSTS = dict.fromkeys(("noise_cv", "evaluation_s_per_image", "start_up_s", "restore_s", "checkpoint_s"))


def test_a_job_that_fits_one_type_of_gpu_runs_there(case: Path) -> None:
    scenario = load_scenario(case)
    result = simulate(scenario, "gpu-only+srtf")
    # The shorter job is first on the faster GPU: 100 s, then 200 s of the other. The K80 idles.
    assert result.runs[0].metrics.makespan_s == pytest.approx(300.0)
    assert "no step time, so does not run there: resnet18 on cifar10, batch 2 on k80" in result.assumptions


def test_a_bound_and_a_comparison_say_the_same_of_it(case: Path) -> None:
    scenario = load_scenario(case)
    found = bound(scenario)
    # x iterations of job 0 on the V100: that is busy for 200 + 0.1 x s, and the job for 0.1 x + 0.5 (1,000 - x) s. Both
    # are 260 s for x = 600.
    assert found.overall.makespan_s == pytest.approx(260.0)
    said = "no step time, so does not run there: resnet18 on cifar10, batch 2 on k80"
    compared = compare(scenario)
    assert said in found.assumptions and said in compared.assumptions
    assert all(one.makespan_s.mean >= found.overall.makespan_s for one in compared.comparisons.values())


def test_a_job_that_fits_nowhere_is_refused_in_words(case: Path) -> None:
    profile = case.with_name("profile.csv")
    profile.write_text("".join(line for line in profile.read_text().splitlines(True) if ",2,v100," not in line))
    said = "line 3: resnet18 on cifar10, batch 2 on v100: .*measure it with 'hetsched profile'"
    result = simulate(load_scenario(case), "gpu-only+srtf")
    assert any(re.search(said, line) for line in result.assumptions)
    case.write_text(SCENARIO.replace("profile.sources", 'workload.unfit.step_time = "refuse"\nprofile.sources'))
    for study in (lambda: simulate(load_scenario(case), "gpu-only+srtf"), lambda: bound(load_scenario(case))):
        with pytest.raises(
            InputError, match="jobs.csv:3: had no step time on .*: resnet18 on cifar10, batch 2 on v100: "
        ):
            study()


def test_a_device_that_the_profile_spells_otherwise_is_pointed_out(case: Path) -> None:
    case.write_text(SCENARIO.replace('"k80"', '"K80"'))
    result = simulate(load_scenario(case), "gpu-only+srtf")
    said = result.warnings["gpu-only+srtf"]
    assert said.startswith("no step times, so nothing runs there: K80: ") and "did you mean 'k80'?" in said
    assert not any("nothing runs there" in line for line in result.assumptions)
    case.write_text(SCENARIO.replace('"k80"', '"K80"').replace('"v100"', '"V100"'))
    with pytest.raises(InputError, match="the profile has no device 'V100': did you mean 'v100'"):
        simulate(load_scenario(case), "gpu-only+srtf")


NOTHING = "bound of any allocation: no step times, so nothing runs there: "
SOME = "bound of any allocation: no step time, so does not run there: "
CORES = [profile_row(cores=cores, seconds=4 / cores) for cores in (1, 4)]
V100 = [profile_row("v100", batch_size=batch, seconds=0.1) for batch in (32, 64)]
MISSPELT = f"{NOTHING}V100: the profile has no device 'V100': did you mean 'v100'?"
UNMEASURED = f"{NOTHING}v100: measure it with 'hetsched profile', or a training of your own with 'hetsched plan'; or"


def with_gpus(experiments: Sequence[dict[str, Any]], gpu_type: str = "v100", strategies: Sequence[str] = ()) -> Setup:
    """A node with 2 GPUs and 4 cores. The profile has the model on cores with batches of 128, too."""
    rows = [*CORES, *V100, *(row.model_copy(update={"batch_size": 128}) for row in CORES)]
    nodes = [{"name": "a", "cores": 4, "gpus": 2, "gpu_type": gpu_type}]
    return make_setup(nodes, rows, strategies=strategies or ("uniform+fifo",), experiments=experiments)


def missing(assumptions: Sequence[str]) -> list[str]:
    return [line for line in assumptions if "no step time" in line]


def test_a_misspelt_device_that_no_allocation_takes_is_pointed_out_beside_the_bound() -> None:
    """The bound of any allocation was that of the cores alone, and nothing was said of the GPUs."""
    setup = with_gpus([{}], "V100")
    compared, simulated, bounds = compare(setup, seeds=1), simulate(setup, "uniform+fifo"), bound(setup)
    for result in (compared, simulated, bounds):
        assert missing(result.assumptions) == [MISSPELT]
        assert missing(result.document()["assumptions"]) == [MISSPELT]
    assert not compared.warnings and not simulated.warnings
    assert missing(of_measured(setup, [Strategy("uniform", "fifo")])) == [MISSPELT]


def test_what_the_warning_of_a_strategy_says_is_not_repeated() -> None:
    strategies = ["uniform+fifo", "fusion+fifo"]
    setup = with_gpus([{}], "V100", strategies)
    said = MISSPELT.removeprefix("bound of any allocation: ")
    compared = compare(setup, seeds=1)
    assert not missing(compared.assumptions)
    assert compared.warnings == {"fusion+fifo": said}
    assert missing(bound(setup).assumptions) == [said]
    # A real run tries these GPUs. Its bounds do without them.
    assert missing(of_measured(setup, [Strategy("fusion", "fifo")])) == [f"bounds: {said}"]


@pytest.mark.parametrize(
    ("experiments", "said"),
    [
        ([{"batch_size": 128}], UNMEASURED),
        ([{}, {"name": "f", "batch_size": 128}], f"{SOME}resnet18 on cifar10, batch 128 on v100"),
        ([{}, {"name": "f", "gang": 2}], f"{SOME}resnet18 on cifar10, batch 32 on 2 v100"),
        ([{"batch_size": 128, "devices": ["cpu"]}], ""),
        ([{"gang": 3}], ""),  # of 2 GPUs
        ([{"batch_size": 32}, {"name": "f", "batch_size": 64}], ""),
    ],
)
def test_a_bound_says_which_trials_cannot_use_a_device_that_no_worker_has(
    experiments: Sequence[dict[str, Any]], said: str
) -> None:
    lines = missing(assumptions(with_gpus(experiments), [Strategy("cpu-only", "fifo")]))
    found = [line for line in lines if line.startswith("bound")]
    assert len(found) == bool(said) and "".join(found).startswith(said)


@pytest.mark.parametrize(
    ("cores", "said"), [([], 0), ([CORES[0].model_copy(update={"batch_size": batch}) for batch in (64, 128)], 1)]
)
def test_cores_are_missed_only_by_models_that_the_profile_has_there(cores: list[ProfileRow], said: int) -> None:
    """Every node has cores, and most profiles of GPUs have no others."""
    setup = make_setup([{"name": "a", "cores": 4, "gpus": 2, "gpu_type": "v100"}], [*V100, *cores])
    assert [
        line.startswith(f"{NOTHING}cpu: ") for line in missing(assumptions(setup, [Strategy("gpu-only", "fifo")]))
    ] == [True] * said


ROWS = [
    profile_row("v100", batch_size=32),
    profile_row("k80", batch_size=32),
    profile_row("v100", batch_size=64),
]


@pytest.mark.parametrize("memory", [{}, {"gpu_memory_gib": 16.0}])
@pytest.mark.parametrize(("backend", "tried"), [("sim", False), ("ray", True)])
def test_a_real_run_tries_what_nobody_has_measured_and_a_simulation_cannot(
    backend: str, tried: bool, memory: dict[str, float]
) -> None:
    nodes = [{"name": gpu, "cores": 1, "gpus": 1, "gpu_type": gpu, **memory} for gpu in ("k80", "v100", "t4")]
    setup = make_setup(nodes, ROWS, batch_size=[32, 64])
    state = State()
    state.apply(RunStarted(0.0, "s", "gpu-only+fifo", backend, 0, False, False))
    for worker in setup.workers(Strategy("gpu-only", "fifo")):
        state.apply(WorkerJoined(0.0, worker))
    [experiment] = setup.workload.experiments
    state.apply(ExperimentArrived(0.0, experiment))
    fits = Fits(state, StepTimes(ROWS))
    assert fits.has_gaps
    found = {
        (kind.batch_size, worker.device): fits.runs(experiment, kind, worker)
        for kind in experiment.kinds
        for worker in state.types
    }
    assert found == {
        (32, "k80"): True,
        (64, "k80"): False,  # measured, and left out: it does not fit
        (32, "v100"): True,
        (64, "v100"): True,
        (32, "t4"): tried,
        (64, "t4"): tried,
    }


def test_a_gang_on_shares_of_gpus_has_the_memory_of_each_share() -> None:
    half, whole = (WorkerType("v100", 0, share, gpu_memory_gib=16.0) for share in (0.5, 1.0))
    assert [half.gang(workers).memory_gib for workers in (1, 2, 3)] == [8.0, 8.0, 8.0]
    assert whole.gang(2).memory_gib == 16.0
    times = StepTimes([profile_row("v100", memory_gib=12.0), profile_row("v100", gpu_share=0.5, memory_gib=7.0)])
    kind = TrialKind("resnet18", "cifar10", 32)
    assert times.seconds_per_iteration(kind, whole) is not None
    assert times.seconds_per_iteration(kind, half.gang(2)) is None
