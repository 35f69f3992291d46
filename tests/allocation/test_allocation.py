"""What the allocation policies make of nodes: small clusters computed by hand."""

from collections.abc import Iterable
from functools import partial
from itertools import chain, product
from pathlib import Path

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from hetsched.allocation.fits import check_allocation
from hetsched.allocation.sliced import WORTHWHILE
from hetsched.domain.cluster import Worker, WorkerId, gpu_workers
from hetsched.domain.profiles import ProfileRow, StepTimes
from hetsched.domain.registry import Strategy
from hetsched.errors import InputError, PolicyError
from hetsched.scenario.profile_files import read_profile, write_profile
from hetsched.scenario.scenario import Setup
from tests.conftest import NO_OVERHEADS, ROWS, Simulate, make_setup, profile_row

V100 = {"name": "g", "cores": 4, "gpus": 2, "gpu_type": "v100"}

AMDAHL = [
    profile_row(cores=1, seconds=4.0),  # 0.25 iterations a second
    profile_row(cores=2, seconds=2.5),  # 0.4
    profile_row(cores=4, seconds=2.0),  # 0.5
    profile_row("v100", seconds=0.1),
]
"""More cores gain ever less. Between 2 and 4, 3 cores take 2 + 0.5 x (1/3 - 1/4) / (1/2 - 1/4) = 2
1/6 s."""


def workers_of(setup: Setup, name: str, **options: int) -> list[Worker]:
    """The workers that a policy makes, which fit their nodes."""
    setup = setup.replace(allocation={name: options})
    workers = setup.workers(Strategy(name, "fifo"))
    check_allocation(name, setup.cluster, workers)
    return workers


def cuts(workers: list[Worker]) -> dict[str, list[int]]:
    """The cores of the CPU workers of each node."""
    return {
        node: [worker.cores for worker in workers if worker.node == node and worker.device == "cpu"]
        for node in dict.fromkeys(worker.node for worker in workers)
    }


@pytest.mark.parametrize(
    ("name", "expected"), [("fusion", {"g": [2], "a": [2, 2]}), ("cpu-only", {"g": [2, 2], "a": [2, 2]})]
)
def test_cores_are_cut_into_workers_of_a_size(name: str, expected: dict[str, list[int]]) -> None:
    """Of g, fusion has two cores feed its GPUs; a has one core too many."""
    workers = workers_of(make_setup([V100, {"name": "a", "cores": 5}]), name, cores_per_worker=2)
    assert cuts(workers) == expected


def test_a_worker_without_cores_is_refused() -> None:
    with pytest.raises(InputError, match="cores_per_worker must be at least 1, not 0"):
        workers_of(make_setup([V100]), "fusion", cores_per_worker=0)


@pytest.mark.parametrize(("name", "most"), [("fusion", 4), ("cpu-only", 5)])
def test_a_worker_larger_than_every_node_is_refused(name: str, most: int) -> None:
    setup = make_setup([{"name": "a", "cores": 5, "gpus": 1, "gpu_type": "k80"}, {"name": "b", "cores": 2}])
    assert len(workers_of(setup, name, cores_per_worker=most)) == (2 if name == "fusion" else 1)
    expected = rf"allocation.{name}.cores_per_worker = {10**20}: expected at most {most}: no node has more cores"
    with pytest.raises(InputError, match=expected):
        workers_of(setup, name, cores_per_worker=10**20)


def test_gpu_only_leaves_the_cores_idle() -> None:
    workers = workers_of(make_setup([V100, {"name": "a", "cores": 8}]), "gpu-only")
    assert [(w.id, w.device, w.cores, w.gpu_share) for w in workers] == [
        ("g/gpu0", "v100", 1, 1.0),
        ("g/gpu1", "v100", 1, 1.0),
    ]


def test_gpu_only_without_a_gpu_is_an_error_of_the_input() -> None:
    with pytest.raises(InputError, match="gpu-only needs a GPU"):
        workers_of(make_setup([{"name": "a", "cores": 8}]), "gpu-only")


def test_cpu_only_leaves_the_gpus_idle() -> None:
    workers = workers_of(make_setup([V100, {"name": "a", "cores": 8}]), "cpu-only")
    assert [(w.id, w.device, w.cores, w.gpu_share) for w in workers] == [
        ("g/cpu0", "cpu", 4, 0.0),
        ("a/cpu0", "cpu", 8, 0.0),
    ]


# 4 cores by AMDAHL, cut into 1, 2, 3 or 4 workers:
#   4        0.5
#   2 2      0.4 + 0.4                 = 0.8
#   2 1 1    0.4 + 0.25 + 0.25         = 0.9
#   1 1 1 1  0.25 + 0.25 + 0.25 + 0.25 = 1.0
# so the k fastest workers train 0.5, 0.8, 0.9 and 1.0 iterations a second at most.


@pytest.mark.parametrize(("trials", "cut"), [(1, [4]), (2, [2, 2]), (3, [2, 1, 1]), (4, [1, 1, 1, 1]), (9, [1] * 4)])
def test_a_node_is_cut_for_the_trials_that_there_are(trials: int, cut: list[int]) -> None:
    setup = make_setup([{"name": "a", "cores": 4}], AMDAHL, population=trials)
    assert cuts(workers_of(setup, "sliced")) == {"a": cut}


def test_cuts_are_chosen_jointly() -> None:
    # Two nodes, 5 trials: 0.9 + 0.8 (3 and 2 workers) beats 1.0 + 0.5 (4 and 1).
    setup = make_setup([{"name": "a", "cores": 4}, {"name": "b", "cores": 4}], AMDAHL, population=5)
    assert cuts(workers_of(setup, "sliced")) == {"a": [2, 1, 1], "b": [2, 2]}


def test_a_trial_on_a_gpu_needs_no_cores() -> None:
    # Three trials: a V100 (10 iterations a second) takes one, the 4 cores that it leaves on its node the other two.
    nodes = [{"name": "g", "cores": 5, "gpus": 1, "gpu_type": "v100"}]
    workers = workers_of(make_setup(nodes, AMDAHL, population=3), "sliced")
    assert [(w.id, w.cores) for w in workers] == [("g/gpu0", 1), ("g/cpu0", 2), ("g/cpu1", 2)]


def test_a_node_that_no_trial_needs_is_not_cut() -> None:
    setup = make_setup([{"name": n, "cores": 4} for n in "abc"], AMDAHL, population=1)
    assert cuts(workers_of(setup, "sliced")) == {"a": [4], "b": [4], "c": [4]}


def test_cuts_that_gain_nothing_are_not_made() -> None:
    # ROWS scale linearly up to 4 cores: one worker of 4 trains as much as 4 of 1.
    setup = make_setup([{"name": "a", "cores": 4}], ROWS, population=9, evaluation_images=0)
    assert cuts(workers_of(setup, "sliced")) == {"a": [4]}


def test_cuts_share_what_segments_cost() -> None:
    # Training scales linearly, evaluation does not: four workers of one core evaluate four trials at once.
    setup = make_setup([{"name": "a", "cores": 4}], ROWS, population=9, evaluation_images=1000)
    assert cuts(workers_of(setup, "sliced")) == {"a": [1, 1, 1, 1]}


def test_the_number_of_trials_may_be_given() -> None:
    setup = make_setup([{"name": "a", "cores": 4}], AMDAHL, population=9)
    assert cuts(workers_of(setup, "sliced", trials=2)) == {"a": [2, 2]}
    with pytest.raises(InputError, match="trials: expected a whole number, at least 1"):
        workers_of(setup, "sliced", trials=0)


def test_core_counts_that_the_profile_does_not_know_are_not_considered() -> None:
    # Of 8 cores, only workers of 1 to 4 are known: 2 to 8 workers. For one trial, a worker of 4 is the fastest.
    setup = make_setup([{"name": "a", "cores": 8}], AMDAHL, population=1)
    assert cuts(workers_of(setup, "sliced")) == {"a": [4, 4]}
    # Extrapolated, 8 cores take 2 + 0.5 x (1/8 - 1/4) / (1/2 - 1/4) = 1.75 s, which is faster.
    further = setup.replace_times(StepTimes(AMDAHL, extrapolate=True))
    assert cuts(workers_of(further, "sliced")) == {"a": [8]}
    # Where nothing is known, a node is one worker, as in fusion.
    unknown = setup.replace_times(StepTimes([]))
    assert cuts(workers_of(unknown, "sliced")) == {"a": [8]}


def test_a_node_that_is_never_cut_counts_with_its_speed() -> None:
    # Only a worker of 5 cores runs both models, so b has no cut. Whole, it trains 2 x 5 iterations of resnet18 per
    # second. a trains 2 of resnet50 whole, and 4 in two workers: 14 are more than 12, but without b 4 are not.
    free = partial(profile_row, evaluation_s_per_image=0.0, checkpoint_s=0.0)
    rows = [free(cores=cores, seconds=1.0, model="resnet50") for cores in (1, 5)]
    rows += [free(cores=cores, seconds=0.2) for cores in (5, 6)]
    tables = [{"name": model, "model": model, "population": 2} for model in ("resnet18", "resnet50")]
    setup = make_setup([{"name": "a", "cores": 2}, {"name": "b", "cores": 6}], rows, experiments=tables)
    assert cuts(workers_of(setup, "sliced")) == {"a": [1, 1], "b": [6]}


def test_kinds_count_by_their_trials() -> None:
    # Batch 32 trains 0.1 iterations a second on one core and 1 on two, batch 64 trains 0.5 and 0.6. With 3 trials of
    # batch 32 and 1 of batch 64, one worker of 2 cores counts 3 x 1 + 1 x 0.6 = 3.6, two of 1 core count
    # 2 x (3 x 0.1 + 1 x 0.5) = 1.6. With 1 and 3 it is 1 x 1 + 3 x 0.6 = 2.8 and 2 x (1 x 0.1 + 3 x 0.5) = 3.2.
    rows = [
        profile_row(cores=1, seconds=10.0),
        profile_row(cores=2, seconds=1.0),
        profile_row(cores=1, seconds=2.0, batch_size=64),
        profile_row(cores=2, seconds=1 / 0.6, batch_size=64),
    ]
    for batch_sizes, cut in ([32, 32, 32, 64], [2]), ([32, 64, 64, 64], [1, 1]):
        setup = make_setup([{"name": "a", "cores": 2}], rows, batch_size=batch_sizes)
        assert cuts(workers_of(setup, "sliced")) == {"a": cut}


@pytest.mark.parametrize(
    "speed",
    [
        {1: 0.3, 2: 0.35, 3: 0.9, 4: 0.95, 5: 0.9, 6: 2.0},  # no rule of thumb works
        {1: 1.0, 2: 2.0, 3: 1.5, 4: 1.5, 5: 0.5, 6: 2.0},  # many cuts are equally fast
        {1: 2.0, 2: 1.5, 3: 0.5, 4: 2.0, 5: 1.5, 6: 0.5},
    ],
)
def test_the_cuts_are_the_best_that_there_are(speed: dict[int, float]) -> None:
    """Against every combination of cuts: the fastest, and of equals the one with the fewest
    workers."""
    free = partial(profile_row, evaluation_s_per_image=0.0, checkpoint_s=0.0)
    rows = [free(cores=cores, seconds=1 / each) for cores, each in speed.items()]
    rows.append(free("k80", seconds=1 / 0.5))

    def every_cut(cores: int) -> list[list[int]]:
        return [[cores // m + 1] * (cores % m) + [cores // m] * (m - cores % m) for m in range(1, cores + 1)]

    def together(cores: Iterable[int], trials: int) -> float:
        return sum(sorted([0.5, *(speed[each] for each in cores)], reverse=True)[:trials])

    for sizes, trials in product([(3, 4, 5), (6, 6), (2, 6, 1)], range(1, 10)):
        nodes = [{"name": f"n{place}", "cores": cores} for place, cores in enumerate(sizes)]
        nodes.append({"name": "g", "cores": 1, "gpus": 1, "gpu_type": "k80"})
        workers = workers_of(make_setup(nodes, rows, population=trials), "sliced")
        made = [cores for cut in cuts(workers).values() for cores in cut]
        choices = [list(chain(*choice)) for choice in product(*(every_cut(cores) for cores in sizes))]
        best = max(together(choice, trials) for choice in choices)
        if best > (1 + WORTHWHILE) * together(sizes, trials) + 1e-9:
            assert together(made, trials) == pytest.approx(best)
            assert len(made) == min(len(each) for each in choices if together(each, trials) > best - 1e-9)
        else:
            assert made == list(sizes)


def shares(**seconds_by_share: float) -> list[ProfileRow]:
    return [*AMDAHL, *(profile_row("v100", seconds=s, gpu_share=1 / int(k[1:])) for k, s in seconds_by_share.items())]


def test_a_gpu_is_shared_by_as_many_as_train_most() -> None:
    # A V100 trains 10 iterations a second alone, 2 x 6.25 = 12.5 for two, 3 x 3.33 = 10 for three.
    setup = make_setup([V100], shares(k2=0.16, k3=0.3))
    workers = workers_of(setup, "shared-gpu")
    assert [(w.id, w.cores, w.gpu_share) for w in workers] == [
        ("g/gpu0.0", 1, 0.5),
        ("g/gpu0.1", 1, 0.5),
        ("g/gpu1.0", 1, 0.5),
        ("g/gpu1.1", 1, 0.5),
    ]
    assert [w.id for w in workers_of(make_setup([V100], shares(k2=0.21)), "shared-gpu")] == [
        "g/gpu0",
        "g/gpu1",
        "g/cpu0",
    ]


def test_gpus_of_each_type_are_shared_by_their_own_number() -> None:
    rows = [*shares(k2=0.16), profile_row("k80", seconds=0.5), profile_row("k80", seconds=1.1, gpu_share=0.5)]
    nodes = [V100, {"name": "h", "cores": 2, "gpus": 1, "gpu_type": "k80"}]
    workers = workers_of(make_setup(nodes, rows), "shared-gpu")
    assert [(w.id, w.cores) for w in workers if w.node == "h"] == [("h/gpu0", 1), ("h/cpu0", 1)]
    assert sum(w.node == "g" for w in workers) == 4


def test_a_given_number_of_workers_uses_the_share_as_the_profile_writes_it(tmp_path: Path) -> None:
    # Every worker keeps a core as far as there are cores: 4 of 6 have one.
    write_profile(tmp_path / "profile.csv", shares(k3=0.3))
    rows = read_profile(tmp_path / "profile.csv")
    assert [w.cores for w in workers_of(make_setup([V100], rows), "shared-gpu", k=3)] == [1, 1, 1, 1, 0, 0]
    rounded = [*AMDAHL, profile_row("v100", seconds=0.3, gpu_share=0.33)]
    workers = workers_of(make_setup([V100], rounded), "shared-gpu", k=3)
    assert {w.gpu_share for w in workers} == {0.33}
    assert len({w.id for w in workers}) == 6


def test_a_share_without_a_row_is_an_error_of_the_input() -> None:
    setup = make_setup([V100], shares(k2=0.16))
    with pytest.raises(InputError, match="no row for resnet18 on cifar10, batch 32 on a v100 with a gpu_share of 1/4"):
        workers_of(setup, "shared-gpu", k=4)
    with pytest.raises(InputError, match="k: expected a whole number of workers, from 1 to 10,000, got 0"):
        workers_of(setup, "shared-gpu", k=0)
    with pytest.raises(InputError, match="k: expected a whole number of workers, from 1 to 10,000, got 30000000"):
        workers_of(setup, "shared-gpu", k=30_000_000)
    # A share that was not measured for all of the workload is not taken either.
    alone = profile_row("v100", batch_size=64, seconds=0.2)
    mixed = make_setup([V100], [*shares(k2=0.01), alone], batch_size=[32, 64])
    assert [w.id for w in workers_of(mixed, "shared-gpu")] == ["g/gpu0", "g/gpu1", "g/cpu0"]


def test_a_gpu_that_nobody_may_use_needs_no_row() -> None:
    setup = make_setup([V100], AMDAHL, devices=["cpu"])
    assert len(workers_of(setup, "shared-gpu", k=2)) == 4


def test_trials_share_a_gpu_at_the_speed_of_the_profile(simulate_log: Simulate) -> None:
    # 4 trials of 20 iterations at 0.16 s, all at once on two V100: 3.2 s. Alone on a GPU, two at a time: 2 x 2 = 4 s.
    nodes = [{"name": "g", "cores": 2, "gpus": 2, "gpu_type": "v100"}]
    setup = make_setup(nodes, shares(k2=0.16), overheads=NO_OVERHEADS)
    assert simulate_log(setup, "shared-gpu+fifo")[-1].time == pytest.approx(3.2)
    assert simulate_log(setup, "gpu-only+fifo")[-1].time == pytest.approx(4.0)


def test_a_bundle_on_which_all_runs_goes_before_a_faster_one() -> None:
    # The larger batch has a step time on cores only, where the smaller one is 40 times slower than on a V100.
    rows = [*AMDAHL, *(profile_row(cores=cores, batch_size=64, seconds=8.0 / cores) for cores in (1, 2, 4))]
    assert {w.device for w in workers_of(make_setup([V100], rows, batch_size=[32, 64]), "uniform")} == {"cpu"}
    assert {w.device for w in workers_of(make_setup([V100], rows, batch_size=32), "uniform")} == {"v100"}


@pytest.mark.parametrize("of_other_sizes", [(), (1,)])
def test_a_bundle_may_leave_cores_of_every_node_over(of_other_sizes: tuple[int, ...]) -> None:
    # Of 4 cores a bundle of 3 leaves one over. All batch sizes have a step time on 3 cores, at most one on others.
    rows = [profile_row(cores=3, batch_size=size, seconds=1.0) for size in (32, 64)]
    rows += [profile_row(cores=cores, batch_size=32, seconds=1.0) for cores in of_other_sizes]
    setup = make_setup([{"name": "n", "cores": 4}], rows, batch_size=[32, 64])
    assert [worker.cores for worker in workers_of(setup, "uniform")] == [3]


def test_what_has_no_step_time_on_any_cut_of_a_node_does_not_keep_it_from_being_cut() -> None:
    # Batch 64 runs on the GPU alone: the cores are cut for batch 32, as if batch 64 were not there.
    node = {"name": "n", "cores": 4}
    rows = [*AMDAHL, profile_row("v100", batch_size=64, seconds=0.2)]
    both = make_setup([node, V100], rows, batch_size=[32, 64], population=8)
    alone = make_setup([node, V100], rows, batch_size=32, population=8)
    assert workers_of(both, "sliced") == workers_of(alone, "sliced")
    assert len([worker for worker in workers_of(both, "sliced") if worker.node == "n"]) == 4


MIXED = {"name": "m", "cores": 4, "gpus": {"v100": 1, "k80": 2}}


def test_a_node_may_have_gpus_of_several_types() -> None:
    """The worker of every GPU is of its type, under every policy that makes one."""
    for name in ("fusion", "gpu-only", "uniform", "sliced", "shared-gpu"):
        gpus = {w.id: w.device for w in workers_of(make_setup([MIXED]), name) if w.device != "cpu"}
        assert gpus == {"m/gpu0": "v100", "m/gpu1": "k80", "m/gpu2": "k80"}, name


def test_each_type_of_a_mixed_node_is_cut_by_its_own_rows() -> None:
    """On the V100 two side by side train 2 / 0.15 s, more than 1 / 0.1 s; nothing is known of
    shared K80s."""
    times = StepTimes(
        [
            profile_row("v100", seconds=0.1),
            profile_row("v100", seconds=0.15, gpu_share=0.5),
            profile_row("k80", seconds=1.0),
        ]
    )
    workers = workers_of(make_setup([MIXED]).replace_times(times), "shared-gpu")
    shares = {w.id: (w.device, w.gpu_share) for w in workers if w.device != "cpu"}
    assert shares == {
        "m/gpu0.0": ("v100", 0.5),
        "m/gpu0.1": ("v100", 0.5),
        "m/gpu1": ("k80", 1.0),
        "m/gpu2": ("k80", 1.0),
    }


def test_workers_of_a_mixed_node_are_counted_by_type() -> None:
    cluster = make_setup([MIXED]).cluster
    v100, k80 = (worker for worker in gpu_workers(cluster.nodes[0])[:2])
    with pytest.raises(PolicyError, match=r"2 cores and 2 of its v100 GPUs, it has 4 and 1"):
        check_allocation("mine", cluster, [v100, replace(v100, id=WorkerId("other"))])
    check_allocation("mine", cluster, [v100, k80, replace(k80, id=WorkerId("other"))])


BIG = [
    profile_row("v100", seconds=0.1, memory_gib=12.0),
    profile_row("v100", seconds=0.11, gpu_share=0.5, memory_gib=12.0),
]
"""Two trials of 12 GiB fit a card of 32 GiB, and not one of 16."""


@pytest.mark.parametrize("of_half", [12.0, None])
def test_a_gpu_is_shared_as_far_as_its_memory_goes(of_half: float | None) -> None:
    """Cards of 16 and of 32 GiB in one cluster. What is not said of a half is that of the whole."""
    nodes = [V100 | {"name": "small", "gpu_memory_gib": 16.0}, V100 | {"name": "large", "gpu_memory_gib": 32.0}]
    setup = make_setup(nodes).replace_times(StepTimes([BIG[0], BIG[1].model_copy(update={"memory_gib": of_half})]))
    of = {w.id: w.gpu_share for w in workers_of(setup, "shared-gpu") if w.device == "v100"}
    assert of == {
        **{f"small/gpu{gpu}": 1.0 for gpu in range(2)},
        **{f"large/gpu{gpu}.{part}": 0.5 for gpu in range(2) for part in range(2)},
    }
    with pytest.raises(
        InputError, match=r"k = 2: .* needs more memory than each of 2 workers on a v100 has, which is 8 GiB"
    ):
        workers_of(setup, "shared-gpu", k=2)


def test_the_memory_of_a_worker_is_that_of_its_gpu_whatever_the_policy_says() -> None:
    cluster = make_setup([V100 | {"gpu_memory_gib": 16.0}]).cluster
    worker = gpu_workers(cluster.nodes[0])[0]
    for said in (UNSET, 80.0):
        [checked] = check_allocation("mine", cluster, [replace(worker, gpu_memory_gib=said)])
        assert checked.type.memory_gib == 16.0
