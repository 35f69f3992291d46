"""The table `[training]` of a scenario file: a user's own training, and the defaults of its
experiments."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field, field_validator

from hetsched.domain.profiles import OWN
from hetsched.domain.training_class import EXPECTED, TrainingSource, source_of, split_name
from hetsched.domain.workload import BATCH_SIZE
from hetsched.errors import InputError
from hetsched.scenario.tables import Table

UNKNOWN = "unknown"
"""The learning model that predicts no scores."""


class TrainingTable(Table):
    """A user's own training (`hetsched.domain.training`): its `class`, and the options of the
    class.

    The class is FILE.py:CLASS, with a file relative to the scenario, or MODULE:CLASS.
    """

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    class_name: str = Field(alias="class")
    """The class: FILE.py:CLASS, relative to the scenario, or MODULE:CLASS."""
    options: dict[str, Any] = Field(default={})
    """Arguments that the class is made with."""

    @field_validator("class_name")
    @classmethod
    def _names_a_class(cls, name: str) -> str:
        try:
            _, class_name = split_name(name)
        except InputError:
            class_name = None
        if class_name is None:
            raise ValueError(EXPECTED)
        return name

    def source(self, folder: Path) -> TrainingSource:
        """The source of the class. A file is relative to the folder.

        Raises InputError, naming the key, if the source cannot be read.
        """
        try:
            return source_of(self.class_name, folder)
        except InputError as error:
            raise InputError(f"training.class: {error}") from error


def with_training_defaults(tables: Mapping[str, Any]) -> Mapping[str, Any]:
    """The tables of a scenario with a `[training]`, with defaults for its experiments.

    By default `model` is the class's name, and there is one data set and one batch size. An
    evaluation costs as much as the evaluation of one image. The learning model predicts no scores.

    Raises ValueError for an experiment that does not say what is tuned: the default ranges of HRFS
    are for SGD.
    """
    training, workload = tables.get("training"), tables.get("workload")
    name = _class_of(training)
    if name is None or not isinstance(workload, Mapping) or not isinstance(listed := workload.get("experiments"), list):
        return tables
    defaults = {"model": name, "dataset": OWN, "batch_size": 1, "evaluation_images": 1}
    for experiment in listed:
        if isinstance(experiment, Mapping) and "search_space" not in experiment:
            raise ValueError(
                f"workload.experiments.{experiment.get('name', '')}.search_space: missing: say which hyperparameters "
                f"of {name} are tuned, such as search_space.lr = {{low = 1e-4, high = 0.1, scale = 'log'}}"
            )
    filled = [{**_needed(defaults, each), **each} if isinstance(each, Mapping) else each for each in listed]
    learning = tables.get("learning", {})
    if isinstance(learning, Mapping):
        learning = {"model": UNKNOWN, **learning}
    return {**tables, "workload": {**workload, "experiments": filled}, "learning": learning}


def _needed(defaults: Mapping[str, Any], experiment: Mapping[str, Any]) -> Mapping[str, Any]:
    """The defaults, without a batch size for an experiment that searches it."""
    space = experiment["search_space"]
    searches = isinstance(space, Mapping) and BATCH_SIZE in space
    return {key: value for key, value in defaults.items() if not (searches and key == BATCH_SIZE)}


def _class_of(training: object) -> str | None:
    """The name of the class in an unchecked table. None: it has none."""
    if isinstance(training, TrainingTable):
        return training.class_name.rpartition(":")[2]
    said = training.get("class", training.get("class_name")) if isinstance(training, Mapping) else None
    return said.rpartition(":")[2] if isinstance(said, str) and ":" in said else None
