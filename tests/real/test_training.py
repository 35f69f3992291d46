"""Training one trial: what is kept, what is reset, and what survives a checkpoint."""

import math
import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, Any, get_args

import pytest

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402

from hetsched.domain.workload import SpeedUp  # noqa: E402
from hetsched.errors import HetschedError, InputError  # noqa: E402
from real.checkpoints.snapshot import take  # noqa: E402
from real.checkpoints.write_behind import WriteBehind  # noqa: E402
from real.training.augmentation import augmented  # noqa: E402
from real.training.global_generators import GlobalGenerators  # noqa: E402
from real.training.trainer import CheckpointError, Settings  # noqa: E402
from real.training.training import Training, _normalised  # noqa: E402

SMALL = Settings("resnet18", "synthetic", batch_size=8, train_images=40, evaluation_images=50)
SGD = {"lr": 0.05, "momentum": 0.9}
SPEED_UPS = get_args(SpeedUp)

TINY = """
from torch import nn
from real.training.models import register

@register("tiny")
def tiny(classes):
    layers = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 30 * 30, classes)
    return nn.Sequential(*layers)
"""


@pytest.fixture(autouse=True)
def same_thread_count_afterwards() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """As `SMALL`, with a network that takes a hundredth of the time."""
    file = tmp_path_factory.mktemp("models") / "tiny.py"
    file.write_text(TINY)
    return replace(SMALL, model="tiny", model_file=file)


@pytest.fixture
def training(tiny: Settings) -> Training:
    return Training(tiny)


def weights(training: Training) -> Tensor:
    joined: Tensor = torch.cat([value.flatten().double() for value in training._model.state_dict().values()])
    return joined


def rates(training: Training) -> list[float]:
    assert training._optimizer is not None
    return [training._optimizer.param_groups[0][name] for name in ("lr", "momentum", "weight_decay")]


@pytest.mark.parametrize("seed", [2**32 + 1, -1])
def test_a_seed_of_which_torch_takes_only_a_part_is_refused(training: Training, seed: int) -> None:
    """Seed 2^32 + 1 gave the numbers of seed 1."""
    with pytest.raises(ValueError, match=f"seed: expected a whole number from 0 to 4294967295, got {seed}"):
        training.reset(SGD, seed)
    with pytest.raises(ValueError, match="seed: expected"):
        GlobalGenerators.seeded(seed)


def test_a_reset_is_a_function_of_its_seed(training: Training) -> None:
    training.reset(SGD, seed=1)
    first_loss = training.train(2)
    first = weights(training)
    training.reset(SGD, seed=2)
    training.train(3)
    assert not torch.equal(weights(training), first)
    training.reset(SGD, seed=1)
    assert training.iterations == 0
    assert training.train(2) == first_loss
    assert torch.equal(weights(training), first)


def test_a_restored_trial_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    training = Training(SMALL)
    training.reset(SGD, seed=3)
    training.train(6)  # past the end of an epoch, which has 5 batches
    whole = weights(training)
    training.reset(SGD, seed=3)
    training.train(3)
    size = training.save(tmp_path / "new folder" / "checkpoint")
    assert size == (tmp_path / "new folder" / "checkpoint").stat().st_size > 80_000_000  # weights and momentum

    elsewhere = Training(SMALL)
    elsewhere.load(tmp_path / "new folder" / "checkpoint", SGD, seed=3)
    assert elsewhere.iterations == 3
    elsewhere.train(3)
    assert elsewhere.iterations == 6
    assert torch.equal(weights(elsewhere), whole)


def test_a_snapshot_is_a_state_as_a_file_is(training: Training, tmp_path: Path) -> None:
    training.reset(SGD, seed=3)
    training.train(2)
    snapshot = take(training.state())
    behind = WriteBehind(Training.write)
    behind.write(snapshot, tmp_path / "checkpoint")
    training.train(3)
    whole = weights(training)
    for _ in range(2):  # what is done with a copy does nothing to the snapshot
        training.take_up(snapshot, SGD, seed=3)
        assert training.iterations == 2
        training.train(3)
        assert torch.equal(weights(training), whole)
    behind.flush()
    training.load(tmp_path / "checkpoint", SGD, seed=3)
    training.train(3)
    assert torch.equal(weights(training), whole)


def test_a_file_that_could_not_be_written_behind_is_reported_once_and_the_next_written_at_once(
    training: Training, tmp_path: Path
) -> None:
    training.reset(SGD, seed=3)
    snapshot, behind = take(training.state()), WriteBehind(Training.write)
    (tmp_path / "file").touch()
    behind.write(snapshot, tmp_path / "file" / "one")
    with pytest.raises(OSError, match="checkpoint cannot be written") as caught:
        behind.flush()
    assert caught.value.filename == str(tmp_path / "file" / "one")
    behind.check()
    with pytest.raises(OSError, match="checkpoint cannot be written"):
        behind.write(snapshot, tmp_path / "file" / "two")
    behind.write(snapshot, tmp_path / "three")
    assert (tmp_path / "three").stat().st_size > 0
    behind.write(snapshot, tmp_path / "four")
    behind.flush()
    assert (tmp_path / "four").read_bytes() == (tmp_path / "three").read_bytes()


def test_augmented_images_are_shifted_and_mirrored_and_nothing_else() -> None:
    images = torch.arange(1, 1 + 50 * 3 * 32 * 32).reshape(50, 3, 32, 32)
    seen = set()
    for image, made in zip(images, augmented(images, seed=1), strict=True):
        matches = [
            (down, right, mirrored)
            for down in range(-4, 5)
            for right in range(-4, 5)
            for mirrored in (False, True)
            if torch.equal(made, shifted(image.flip(-1) if mirrored else image, down, right))
        ]
        assert len(matches) == 1
        seen.add(matches[0])
    assert len(seen) > 30 and {mirrored for *_, mirrored in seen} == {False, True}
    assert torch.equal(augmented(images, seed=1), augmented(images, seed=1))
    assert not torch.equal(augmented(images, seed=1), augmented(images, seed=2))


def shifted(image: Tensor, down: int, right: int) -> Tensor:
    """By so many pixels, black where nothing was."""
    result: Tensor = torch.zeros_like(image)
    result[:, max(0, down) : 32 + min(0, down), max(0, right) : 32 + min(0, right)] = image[
        :, max(0, -down) : 32 + min(0, -down), max(0, -right) : 32 + min(0, -right)
    ]
    return result


def test_augmentation_is_the_trials_own_and_leaves_evaluation_alone(tiny: Settings) -> None:
    settings = replace(tiny, augment=True)
    plain, one, other = Training(tiny), Training(settings), Training(settings)
    for training in (plain, one, other):
        training.reset(SGD, seed=3)
    assert one.evaluate() == plain.evaluate()
    one.train(3)
    other.train(1)
    other.train(2)
    plain.train(3)
    assert torch.equal(weights(one), weights(other))
    assert not torch.equal(weights(one), weights(plain))


def test_an_exploit_keeps_the_trials_own_hyperparameters_and_seed(training: Training, tmp_path: Path) -> None:
    training.reset({"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}, seed=1)
    training.train(1)
    training.save(tmp_path / "source")
    training.load(tmp_path / "source", {"lr": 0.002, "momentum": 0.5}, seed=2)
    assert rates(training) == [0.002, 0.5, 0.0]
    taken = training._batch(1, 8)[1]
    training.reset(SGD, seed=2)
    assert torch.equal(training._batch(1, 8)[1], taken)


def test_configure_changes_the_step_but_not_the_weights(training: Training) -> None:
    training.reset(SGD, seed=1)
    training.train(1)
    before = weights(training)
    training.configure({"lr": 0.0, "momentum": 0.0})
    assert torch.equal(weights(training), before)
    parameters = [parameter.clone() for parameter in training._model.parameters()]
    training.train(1)
    assert all(map(torch.equal, parameters, training._model.parameters()))  # a learning rate of 0 moves nothing


def test_a_batch_size_that_is_searched_is_what_train_is_told(training: Training) -> None:
    training.reset({"lr": 0.1, "batch_size": 4}, seed=1)
    training.train(2, batch_size=4)
    searched = weights(training).clone()
    training.reset({"lr": 0.1}, seed=1)
    training.train(2, batch_size=4)
    assert torch.equal(weights(training), searched)
    training.reset({"lr": 0.1}, seed=1)
    training.train(2, batch_size=8)
    assert not torch.equal(weights(training), searched)


def test_batches_cover_every_image_once_an_epoch(training: Training) -> None:
    training.reset(SGD, seed=5)
    epochs = [torch.cat([training._batch(5 * epoch + n, 8)[0] for n in range(5)]) for epoch in range(2)]

    def rows(images: Tensor) -> list[tuple[float, ...]]:
        return sorted(tuple(image.flatten()[:50].tolist()) for image in images)

    assert rows(epochs[0]) == rows(epochs[1])
    assert not torch.equal(epochs[0], epochs[1])
    normalised = _normalised(epochs[0])
    assert -1 <= float(normalised.min()) < float(normalised.max()) <= 1


@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        ({"momentum": 0.9}, "search_space.lr: missing"),
        ({"lr": -1.0}, "search_space.lr: SGD was given -1.0"),
        ({"lr": math.nan}, "search_space.lr: SGD was given nan"),
        ({"lr": "fast"}, "search_space.lr: SGD was given 'fast', expected a number"),
        ({"lr": True}, "search_space.lr: SGD was given True, expected a number"),
        ({"lr": 0.1, "optimizer.name": "adam"}, "search_space.optimizer.name: the built-in networks have no such"),
        ({"lr": 0.1, "momentun": 0.9}, "did you mean 'momentum'"),
    ],
)
def test_wrong_hyperparameters_are_refused(training: Training, hyperparameters: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        training.reset(hyperparameters, seed=0)


def test_misuse_is_refused(training: Training) -> None:
    with pytest.raises(RuntimeError, match="call reset or load first"):
        training.train(1)
    training.reset(SGD, seed=0)
    with pytest.raises(ValueError, match="iterations is 0"):
        training.train(0)
    with pytest.raises(ValueError, match="batch_size is 41: expected 1 to 40"):
        Training(Settings("resnet18", "synthetic", batch_size=41, train_images=40))


def test_unusable_checkpoints_are_named(training: Training, tmp_path: Path) -> None:
    file = tmp_path / "checkpoint"
    with pytest.raises(CheckpointError, match=f"{file} cannot be loaded .FileNotFoundError"):
        training.load(file, SGD, seed=0)
    training.reset(SGD, seed=0)
    training.save(file)
    other = Training(SMALL)
    with pytest.raises(CheckpointError, match="of model 'tiny', not 'resnet18'"):
        other.load(file, SGD, seed=0)
    flipped = bytearray(file.read_bytes())
    flipped[len(flipped) // 2] ^= 1
    for damaged in (bytes(flipped), file.read_bytes()[:1000], b"", b"text", file.read_bytes()[:-50_000]):
        file.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=f"{file} cannot be loaded"):
            training.load(file, SGD, seed=0)
    with pytest.raises(RuntimeError, match="call reset or load first"):
        training.train(1)  # rather than with weights that may be half replaced


def test_a_failed_save_leaves_the_old_checkpoint(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training.reset(SGD, seed=0)
    (tmp_path / "checkpoint").write_text("the old one")

    def full_disk(content: object, file: IO[bytes]) -> None:
        file.write(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OSError, match=r"cannot be written: no space left: '.*/checkpoint'"):
        training.save(tmp_path / "checkpoint")
    assert [file.read_text() for file in tmp_path.iterdir()] == ["the old one"]


def test_a_diverged_trial_gets_numbers(tmp_path: Path) -> None:
    training = Training(SMALL)
    training.reset({"lr": 1e6, "momentum": 0.9}, seed=0)
    assert not math.isfinite(training.train(8))
    found = training.evaluate()
    assert found["accuracy"] == 0  # to guess would be better
    assert not math.isfinite(found["loss"])
    training.save(tmp_path / "checkpoint")
    training.load(tmp_path / "checkpoint", SGD, seed=0)
    assert training.evaluate()["accuracy"] == 0


class OversleepingClock:
    """A clock that only sleeping moves, by a tenth of a second too much."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds + 0.1


def test_the_pace_is_kept_though_every_sleep_is_too_long(training: Training, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = OversleepingClock()
    monkeypatch.setattr("real.training.training.time", clock)
    training.reset(SGD, seed=0)
    training.train(8, pace_s=0.25)
    assert clock.now == pytest.approx(8 * 0.25 + 0.1)  # 8 * 0.35 if the errors added up


@pytest.mark.exhaustive
def test_synthetic_images_can_be_learnt_but_not_with_any_learning_rate() -> None:
    training = Training(Settings("resnet18", "synthetic", 32, train_images=2000, evaluation_images=500))
    accuracy = {}
    for rate in (0.01, 1e-5):
        training.reset({"lr": rate, "momentum": 0.9}, seed=0)
        training.train(60)
        accuracy[rate] = training.evaluate()["accuracy"]
    assert accuracy[0.01] > 0.35
    assert accuracy[1e-5] < 0.25


@pytest.mark.parametrize(
    ("speed_ups", "backend"),
    [
        (("bfloat16",), "none"),
        (("channels-last",), "none"),
        (SPEED_UPS, "aot_eager"),
        *(pytest.param(one, "inductor", marks=pytest.mark.exhaustive) for one in (("compile",), SPEED_UPS)),
    ],
)
def test_speed_ups_train_the_same_trial_with_other_rounding(
    tiny: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, speed_ups: tuple[SpeedUp, ...], backend: str
) -> None:
    """The backend `inductor`, which is the default one, compiles C++ for half a minute."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    if backend == "inductor" and not any(map(shutil.which, ("c++", "g++", "clang++"))):
        pytest.skip("torch.compile needs a C++ compiler")
    plain, fast = Training(tiny), Training(replace(tiny, speed_ups=speed_ups))
    for training in (plain, fast):
        training.reset(SGD, seed=3)
    assert torch.equal(weights(fast), weights(plain))
    losses = plain.train(5), fast.train(5)
    assert losses[1] == pytest.approx(losses[0], rel=0.05)
    assert not torch.equal(weights(fast), weights(plain)) or speed_ups != ("bfloat16",)
    assert torch.allclose(weights(fast), weights(plain), atol=0.02)
    assert {value.dtype for value in fast._model.parameters()} == {torch.float32}
    assert fast.evaluate() == pytest.approx(plain.evaluate(), abs=0.1)
    # States fit either way, whatever made them.
    fast.save(tmp_path / "fast")
    plain.load(tmp_path / "fast", SGD, seed=3)
    assert torch.equal(weights(fast), weights(plain))


def test_a_network_that_cannot_be_compiled_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(images: Tensor) -> Tensor:
        raise RuntimeError("backend failed:\nno compiler")

    monkeypatch.setattr(torch, "compile", lambda model: fails)
    with pytest.raises(HetschedError, match="resnet18 cannot be compiled .*RuntimeError: backend failed: no compiler"):
        Training(replace(SMALL, speed_ups=("compile",)))
