"""A trainable of Ray Tune, a class or a function, as a training of six methods
(`hetsched.domain.training`).

One iteration is one `step` of a class, or one `tune.report` of a function. The config is as in
Tune: constants and hyperparameters. The constants are the options of the scenario's `[training]`
table. No Ray cluster is needed.
"""

import inspect
import json
import logging
import shutil
import sys
import tempfile
import weakref
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from copy import deepcopy
from math import isfinite, nan
from numbers import Real
from pathlib import Path
from typing import Any, ClassVar, Protocol

from ray import tune
from ray.air.constants import TRAINING_ITERATION
from ray.tune.result import EPISODES_TOTAL, TIMESTEPS_TOTAL
from ray.tune.trainable import FunctionTrainable

from hetsched.domain.training import Resources
from hetsched.errors import InputError
from real.ray_internals.ray_itself import session_folder
from real.ray_internals.trainables import restore, with_logdir
from real.result_keys import TUNES_OWN
from real.training.function_session import FunctionSession, Returned
from real.training.global_generators import GlobalGenerators

COUNTERS = (TRAINING_ITERATION, TIMESTEPS_TOTAL, EPISODES_TOTAL)
"""The counts of a result from which a class goes on after it was restored."""

STATE_FILE, CHECKPOINT_FOLDER = "state.json", "checkpoint"

logging.getLogger("ray.tune.trainable.trainable").setLevel(logging.WARNING)  # it announces every restore


class Holder(Protocol):
    """Holds the instance of a class, or the thread of a function."""

    def begin(self, config: dict[str, Any]) -> None:
        """Make a new one."""

    def go_on(self, config: dict[str, Any], checkpoint: Path, result: dict[str, Any]) -> None:
        """Go on under this config from the checkpoint that `save` wrote after that result."""

    def step(self) -> dict[str, Any]:
        """Do one iteration. Returns its result."""

    def save(self, folder: Path) -> None:
        """Write a checkpoint to an empty folder."""

    def close(self) -> None:
        """End what it holds."""


class ClassHolder:
    """Holds one instance of a class trainable. It makes a new instance if the class has no
    `reset_config`, or if `reset_config` refuses."""

    def __init__(self, trainable: type[tune.Trainable], name: str, folder: Path) -> None:
        if issubclass(trainable, FunctionTrainable):
            raise InputError(f"{name}: is a function that Ray has wrapped: name the function itself")
        for method in ("step", "save_checkpoint", "load_checkpoint"):
            if getattr(trainable, method) is getattr(tune.Trainable, method):
                raise InputError(f"{name}: has no method {method}: a trainable that is paused and copied needs one")
        self._class = with_logdir(trainable, str(folder))
        self._name = name
        self._instance: Any = None

    def begin(self, config: dict[str, Any]) -> None:
        self.close()
        self._instance = self._class(deepcopy(config))

    def go_on(self, config: dict[str, Any], checkpoint: Path, result: dict[str, Any]) -> None:
        if self._instance is None or not self._instance.reset(deepcopy(config)):
            self.begin(config)
        restore(self._instance, str(checkpoint), result)

    def step(self) -> dict[str, Any]:
        result: dict[str, Any] = self._instance.train()
        return result

    def save(self, folder: Path) -> None:
        self._instance.save(str(folder))
        if not any(folder.iterdir()):
            raise InputError(f"{self._name}: save_checkpoint wrote no file and returned no dictionary: do one")

    def close(self) -> None:
        instance, self._instance = self._instance, None
        if instance is not None:
            instance.stop()


class FunctionHolder:
    """Holds one call of a function trainable. It makes a new call whenever the config changes."""

    def __init__(self, function: Callable[..., Any], name: str, folder: Path) -> None:
        try:
            (signature := inspect.signature(function)).bind({})
        except TypeError as error:
            raise InputError(f"{name}: takes {signature}, expected one argument, the config") from error
        self._function = function
        self._name = name
        self._checkpoint = folder / "reported"
        self._session: FunctionSession | None = None
        self._reports = 0
        self._saved = True

    def begin(self, config: dict[str, Any]) -> None:
        self.close()
        shutil.rmtree(self._checkpoint, ignore_errors=True)
        self._call(config, reports=0)

    def go_on(self, config: dict[str, Any], checkpoint: Path, result: dict[str, Any]) -> None:
        self.begin(config)
        if any(checkpoint.iterdir()):
            shutil.copytree(checkpoint, self._checkpoint)
        self._call(config, reports=result.get(TRAINING_ITERATION, 0))

    def _call(self, config: dict[str, Any], reports: int) -> None:
        self._session = FunctionSession(self._function, deepcopy(config), self._checkpoint)
        self._reports, self._saved = reports, True

    def step(self) -> dict[str, Any]:
        assert self._session is not None, "begin and go_on make one"
        report = self._session.next()
        if isinstance(report, Returned):
            raise InputError(
                f"{self._name}: returned after report {self._reports}, and one more iteration was to come: let it "
                "report as often as stop_iterations says, or lower that (one iteration is one report)"
            )
        self._reports, self._saved = self._reports + 1, report.has_checkpoint
        return {**report.metrics, TRAINING_ITERATION: self._reports}

    def save(self, folder: Path) -> None:
        """Copy the checkpoint of the last report. Before the first report there is none, and none
        is needed. Raises InputError if the last report came without one."""
        if not self._saved:
            raise InputError(
                f"{self._name}: report {self._reports} came without a checkpoint, and the trial is to be saved there: "
                "call tune.report(metrics, checkpoint=...) with one each time that pbt.perturbation_interval ends"
            )
        if self._checkpoint.exists():
            shutil.copytree(self._checkpoint, folder, dirs_exist_ok=True)

    def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.stop()


class RayTraining:
    """A trainable as a `hetsched.domain.training.Training`. A subclass names its `trainable`.
    `adapted` makes a subclass.

    A script may draw from the global generators of Python, NumPy or torch. Their states follow from
    the trial's seed, and checkpoints have them. A function is called again after every change. So
    it draws again what it draws before its loop.

    Before its first iteration there is no result: `reports_untrained` says so.
    """

    trainable: ClassVar[Any]
    reports_untrained: ClassVar = False

    def __init__(self, options: Mapping[str, Any], resources: Resources) -> None:
        """Raises InputError for a class that lacks a method, and for a function that cannot be
        called with one argument."""
        self._options = dict(options)
        self._folder = Path(tempfile.mkdtemp(prefix="hetsched-trainable-", dir=session_folder()))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._held = self._folder / "held"
        kind = ClassHolder if inspect.isclass(self.trainable) else FunctionHolder
        self._holder: Holder = kind(self.trainable, name_of(self.trainable), self._folder)
        weakref.finalize(self, self._holder.close)
        if torch := sys.modules.get("torch"):
            torch.set_num_threads(max(resources.threads, 1))

    def start(self, hyperparameters: dict[str, Any], seed: int) -> None:
        self._config = merged(self._options, hyperparameters)
        self._metrics: dict[str, float] = {}
        self._counters: dict[str, int] = {TRAINING_ITERATION: 0}
        self._generators = GlobalGenerators.seeded(seed)
        self._is_loaded = False
        with self._in_place():
            self._holder.begin(self._config)

    def change(self, hyperparameters: dict[str, Any]) -> None:
        config = merged(self._options, hyperparameters)
        if config == self._config and not self._is_loaded:
            return
        if not self._is_loaded:
            self._save(self._held)
        self._config = config
        self._go_on()

    def train(self, iterations: int) -> None:
        if self._is_loaded:
            self._go_on()
        with self._in_place():
            for _ in range(iterations):
                result = self._holder.step()
                self._counters |= {name: result[name] for name in COUNTERS if result.get(name) is not None}
        if iterations:
            self._metrics = metrics_of(result)

    def evaluate(self) -> dict[str, float]:
        """The numbers of the last result. Numbers of nested tables have names such as `eval/loss`,
        as in Tune."""
        return dict(self._metrics)

    def save(self, folder: Path) -> None:
        if self._is_loaded:
            self._go_on()
        self._save(folder)

    def load(self, folder: Path) -> None:
        """Copy the checkpoint. `change` goes on from the copy."""
        shutil.rmtree(self._held, ignore_errors=True)
        shutil.copytree(folder, self._held)
        state = json.loads((self._held / STATE_FILE).read_text())
        self._config, self._counters = state["config"], state["counters"]
        self._metrics = {name: nan if value is None else value for name, value in state["metrics"].items()}
        self._generators = GlobalGenerators(state["generators"])
        self._is_loaded = True

    def close(self) -> None:
        """End the trainable."""
        self._holder.close()

    def _in_place(self) -> AbstractContextManager[None]:
        return self._generators.in_place()

    def _go_on(self) -> None:
        """Go on from the copy, with the states of the generators at the time of the checkpoint."""
        drawn = self._generators.state
        with self._in_place():
            self._holder.go_on(self._config, self._held / CHECKPOINT_FOLDER, dict(self._counters))
        self._generators.state = drawn
        self._is_loaded = False

    def _save(self, folder: Path) -> None:
        shutil.rmtree(folder / CHECKPOINT_FOLDER, ignore_errors=True)
        (folder / CHECKPOINT_FOLDER).mkdir(parents=True)
        with self._in_place():
            self._holder.save(folder / CHECKPOINT_FOLDER)
        state = {
            "config": self._config,
            "counters": self._counters,
            "metrics": {name: value if isfinite(value) else None for name, value in self._metrics.items()},
            "generators": self._generators.state,
        }
        (folder / STATE_FILE).write_text(json.dumps(state))


def adapted(found: Any) -> type[RayTraining] | None:
    """A training class for the trainable. None: the object is no trainable.

    It is an entry point of `hetsched.training_adapters` (`hetsched.domain.training_class`).
    """
    is_class = inspect.isclass(found) and issubclass(found, tune.Trainable)
    if not is_class and not inspect.isfunction(found):
        return None
    return type(found.__name__, (RayTraining,), {"trainable": staticmethod(found), "__module__": found.__module__})


def name_of(trainable: Any) -> str:
    """The name of a trainable in messages: its file and its name."""
    name = getattr(trainable, "__qualname__", repr(trainable))
    try:
        return f"{inspect.getfile(trainable)}: {name}"
    except (TypeError, OSError):
        return str(name)


def merged(options: Mapping[str, Any], hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """Both tables as one, with nested tables merged likewise. A hyperparameter replaces an option
    of the same name."""
    both = dict(options) | dict(hyperparameters)
    for name, value in both.items():
        if isinstance(value, Mapping) and isinstance(options.get(name), Mapping):
            both[name] = merged(options[name], value)
    return both


def metrics_of(result: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """The numbers of a result of Tune, without those that Ray adds."""
    metrics: dict[str, float] = {}
    for name, value in result.items():
        if (name in TUNES_OWN and not prefix) or isinstance(value, bool):
            continue
        if isinstance(value, Mapping):
            metrics |= metrics_of(value, f"{prefix}{name}/")
        elif isinstance(value, Real):
            metrics[f"{prefix}{name}"] = float(value)
    return metrics
