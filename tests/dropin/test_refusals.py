"""What `HeterogeneousPBT` cannot do is said in one line, which names the argument and the
remedy."""

import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("ray")

from ray import tune

from hetsched.errors import InputError
from hetsched.tune import HeterogeneousPBT
from real.dropin import population
from tests.dropin.fake_tune import FakeController, FakeTrial, ray_node, ray_with

RATES = {"lr": tune.loguniform(1e-3, 1.0)}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"time_attr": "time_total_s"}, "time_attr: .* 'training_iteration', got 'time_total_s'"),
        ({"perturbation_interval": 0.5}, "perturbation_interval: expected a whole number of iterations, got 0.5"),
        ({"perturbation_interval": float("nan")}, "perturbation_interval: .*, got nan"),
        ({"perturbation_interval": float("inf")}, "perturbation_interval: .*, got inf"),
        ({"perturbation_interval": "5"}, "perturbation_interval: .*, got '5'"),
        (
            {"perturbation_intervall": 5},
            "'perturbation_intervall': did you mean 'perturbation_interval'",
        ),
        ({"stategy": "fusion+fifo"}, "has no argument 'stategy': did you mean 'strategy'"),
        ({"seed": "x"}, "seed: expected a whole number from 0 to 1,000,000,000,000,000,000, got 'x'"),
        ({"seed": -1}, "seed: expected a whole number from 0 .*, got -1"),
        ({"seed": 10**18 + 1}, "seed: expected a whole number from 0 .*, got 1000000000000000001"),
        ({"synch": True}, "synch: .* strategy='fusion\\+pbt-sync'"),
        ({"strategy": "fusion+lookahed"}, "strategy: 'fusion\\+lookahed': .* did you mean 'lookahead'"),
        ({"strategy": "fusion+eta"}, "strategy: 'eta' hands out packages .* choose another policy"),
        ({"profile": "no-such.csv"}, "no-such.csv"),
        (
            {"hyperparam_mutations": {"net": {"name": tune.choice(["a", "b"])}}},
            "hyperparam_mutations.net.name: tune.choice has 'a', .* give a list, \\['a', 'b'\\]",
        ),
    ],
)
def test_an_argument(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        HeterogeneousPBT(**{"hyperparam_mutations": RATES, **arguments})
    assert "\n" not in str(error.value)


def begun(tmp_path: Path, resources: Any = None, **arguments: Any) -> FakeController:
    """A scheduler that has been given a trial."""
    trial = FakeTrial("t0", {"lr": 0.1}, {"training_iteration": 4}, tmp_path)
    trial.placement_group_factory = resources or trial.placement_group_factory
    scheduler = HeterogeneousPBT(
        metric="score", mode="max", perturbation_interval=2, hyperparam_mutations=RATES, folder=tmp_path, **arguments
    )
    controller = FakeController(scheduler, [trial])
    controller.step()
    return controller


@pytest.mark.parametrize(
    ("resources", "arguments", "said"),
    [
        (tune.PlacementGroupFactory([{"CPU": 1}, {"CPU": 1}]), {}, "tune.with_resources: .* takes 2 bundles"),
        (tune.PlacementGroupFactory([{"CPU": 2.5}]), {}, "asks for 2.5 CPUs; .* workers of whole ones: ask for 3"),
        (tune.PlacementGroupFactory([{"CPU": 0.5}]), {}, "asks for 0.5 CPUs; .* workers of whole ones: ask for 1"),
        (tune.PlacementGroupFactory([{"CPU": 1, "disk": 1}]), {}, "tune.with_resources: .* asks for disk"),
        (tune.PlacementGroupFactory([{"CPU": 1, "GPU": 1}]), {}, "ask for a GPU, and no node .* has one"),
        (tune.PlacementGroupFactory([{"CPU": 8}]), {}, "trials ask for 8 CPUs, and no node .* has more than 2"),
        (None, {"devices": "gpu"}, "devices: the Ray cluster has no 'gpu': it has 'cpu'; or say 'all'"),
        (None, {"strategy": "gpu-only+fifo"}, "the allocation gpu-only needs a GPU, and no node has one"),
        (None, {"options": {"fifo": {}}}, "options: 'fifo' is no policy of fusion\\+lookahead"),
    ],
)
def test_a_trial_or_a_cluster(resources: Any, arguments: dict[str, Any], said: str, tmp_path: Path) -> None:
    with ray_with(ray_node("a", 2)), pytest.raises(Exception, match=said) as error:
        begun(tmp_path, resources, **arguments)
    assert "\n" not in str(error.value)


def test_a_trial_that_comes_late(tmp_path: Path) -> None:
    with ray_with(ray_node("a", 2)):
        controller = begun(tmp_path)
        late = FakeTrial("t1", {"lr": 0.1}, {}, tmp_path)
        with pytest.raises(InputError, match="leave out max_concurrent_trials"):
            controller._scheduler.on_trial_add(controller, late)


def test_another_experiment_in_the_same_folder(tmp_path: Path) -> None:
    with ray_with(ray_node("a", 2)):
        begun(tmp_path)
        trial = FakeTrial("other", {"lr": 0.1}, {"training_iteration": 4}, tmp_path)
        again = HeterogeneousPBT(
            metric="score", mode="max", perturbation_interval=2, hyperparam_mutations=RATES, folder=tmp_path
        )
        with pytest.raises(InputError, match="is the log of other trials: name another experiment"):
            FakeController(again, [trial]).step()


def test_a_worker_is_as_large_as_a_trial_asks(tmp_path: Path) -> None:
    with ray_with(ray_node("a", 8)):
        controller = begun(tmp_path, tune.PlacementGroupFactory([{"CPU": 4}]))
        workers = controller._scheduler._run.state.workers
    assert [worker.cores for worker in workers.values()] == [4, 4]


def test_it_is_pickled_as_the_user_made_it(tmp_path: Path) -> None:
    with ray_with(ray_node("a", 2)):
        scheduler = begun(tmp_path)._scheduler
        copy = pickle.loads(pickle.dumps(scheduler))
    assert copy._pbt_settings == scheduler._pbt_settings
    assert copy._run is None and copy._known == []


def test_domains_are_those_of_the_user() -> None:
    mutations = {
        "lr": tune.loguniform(1e-4, 1.0),
        "momentum": tune.quniform(0.0, 1.0, 0.25),
        "layers": tune.randint(1, 8),
        "width": [8, 16],
        "choice": tune.choice([1, 2]),
        "one": [3],
        "net": {"drawn": lambda: 0.5},
    }
    config = {"lr": 0.1, "momentum": 0.5, "layers": 3, "width": 8, "choice": 2, "one": 3, "seed": 7}
    configs = [{**config, "net": {"drawn": drawn}, "data": object()} for drawn in (0.25, 0.75)]
    assert population.search_space(mutations, configs) == {
        "lr": {"low": 1e-4, "high": 1.0, "scale": "log"},
        "momentum": {"low": 0.0, "high": 1.0, "step": 0.25},
        "layers": {"low": 1, "high": 7, "integer": True},
        "width": {"choices": [8, 16], "ordered": True},
        "choice": {"choices": [1, 2]},
        "one": 3,
        "seed": 7,
        "net.drawn": {"low": 0.25, "high": 0.75},
    }


def test_what_a_checkpoint_brought_back_is_named() -> None:
    result = {"config/lr": 0.1, "config/net/width": 8}
    assert list(population.put_back(result, {"lr": 0.2, "net": {"width": 8}})) == ["lr = 0.1 where the trial has 0.2"]


def test_checkpoints_that_are_taken_over_outlive_their_source(tmp_path: Path) -> None:
    from ray.train._internal.session import _TrainingResult
    from ray.tune import Checkpoint

    from real.dropin.retention import Borrowed

    source = tmp_path / "source"
    source.mkdir()
    (source / "weights").write_text("7")
    trial: Any = FakeTrial("t0", {}, {}, tmp_path)
    trial.storage = SimpleNamespace(trial_fs_path=str(tmp_path / "target"))
    trial.run_metadata.checkpoint_manager.checkpoint_config.num_to_keep = 1
    borrowed = Borrowed()
    state = borrowed.keep(trial, _TrainingResult(Checkpoint(str(source)), {"training_iteration": 3}))
    (source / "weights").unlink()
    copy = Path(state.checkpoint.path)
    assert (copy / "weights").read_text() == "7"
    assert state.metrics == {"training_iteration": 3}
    borrowed.give_back(trial)
    assert not copy.exists()


def test_a_profile_that_names_no_data_set_is_of_the_script(tmp_path: Path) -> None:
    """Its step times were those of cifar10, and no trial of a script trains on that."""
    (tmp_path / "p.csv").write_text("model,batch_size,device,seconds\ntrain,1,cpu,0.5\n")
    [row] = HeterogeneousPBT(hyperparam_mutations=RATES, profile=tmp_path / "p.csv")._rows
    assert row.dataset == "own"
