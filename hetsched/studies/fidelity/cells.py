"""Which real runs are recorded: a table of cells, each a point in the space of factors."""

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from hetsched.domain.registry import Strategy
from hetsched.domain.workload import Place
from hetsched.errors import InputError, nearest
from hetsched.scenario.checks import parse_strategy
from hetsched.scenario.explaining import explain_all
from hetsched.scenario.scenario import Scenario
from hetsched.scenario.tables import Count, Many, Name, PlannedFault, Table
from hetsched.scenario.toml_file import read_toml

CELLS_NAME = "cells.toml"
"""The file of the table in a folder of recordings."""

PROFILE = "declared.csv"
"""The file of the step times that paced nodes keep."""


class TrainingKind(Table):
    """A training class with its options, its metric and what is searched."""

    class_name: str = Field(alias="class")
    options: dict[str, Any] = Field(default={})
    metric: dict[str, str]
    search_space: dict[str, Any]


class Cell(Table):
    """A training on a cluster under a strategy: so many trials, each of so many segments of
    `interval` iterations."""

    training: str
    cluster: str
    strategy: str
    population: Many
    interval: Count
    segments: Count
    place: Place = "both"
    faults: list[PlannedFault] = Field(default=[])


class Cells(Table):
    """Every cell by its name, and what cells name: trainings and clusters. Paths are relative to
    the file's folder."""

    trainings: dict[Name, TrainingKind]
    clusters: dict[Name, list[dict[str, Any]]]
    cells: dict[Name, Cell]

    def chosen(self, names: list[str]) -> list[str]:
        """These cells. Without names, all cells. Raises InputError for a name that no cell has."""
        for name in names:
            if name not in self.cells:
                raise InputError(f"--only: no cell {name!r}: {nearest(name, self.cells)}")
        return names or list(self.cells)

    def strategy(self, name: str) -> Strategy:
        """The strategy of a cell. Raises InputError if there is none of that name."""
        return parse_strategy(self.cells[name].strategy, f"cells.{name}.strategy")

    def scenario(self, name: str, folder: Path) -> Scenario:
        """The scenario of a cell. Raises InputError, naming the cell, for what is wrong in it."""
        cell = self.cells[name]
        for key, known in (("training", self.trainings), ("cluster", self.clusters)):
            if (wanted := getattr(cell, key)) not in known:
                raise InputError(f"cells.{name}.{key}: no {key} {wanted!r}: {nearest(wanted, known)}")
        training = self.trainings[cell.training]
        experiment = {
            "name": "trials",
            "metric": training.metric,
            "population": cell.population,
            "stop_iterations": cell.interval * cell.segments,
            "pbt": {"perturbation_interval": cell.interval},
            "search_space": training.search_space,
        }
        tables = {
            "name": name,
            "strategies": [cell.strategy],
            "seeds": 1,
            "training": {"class": training.class_name, "options": training.options},
            "profile": {"sources": [PROFILE]},
            "checkpoints": {"place": cell.place},
            "faults": {"planned": [fault.model_dump(exclude_none=True) for fault in cell.faults]},
            "cluster": {"nodes": self.clusters[cell.cluster]},
            "workload": {"experiments": [experiment]},
        }
        try:
            return Scenario.of(tables, folder)
        except InputError as error:
            raise InputError(f"cells.{name}: {error}") from error


def read_cells(folder: Path) -> Cells:
    """The cells of a folder of recordings. Raises InputError for a wrong table, with one line per
    problem."""
    path = folder / CELLS_NAME
    tables = read_toml(path, "the table of cells")
    try:
        return Cells.model_validate(tables)
    except ValidationError as error:
        lines = explain_all(Cells, error.errors(), tables).splitlines()
        raise InputError("\n".join(f"{path}: {line}" for line in lines)) from error
