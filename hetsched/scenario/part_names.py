"""Checks the names and the options of the parts that a scenario names, also of those that no
strategy has."""

from hetsched import allocation, scheduling
from hetsched.domain.exploring import explorers
from hetsched.errors import InputError
from hetsched.scenario.option_files import Find, create
from hetsched.scenario.scenario_tables import ScenarioTables


def check_parts(scenario: ScenarioTables, find: Find) -> None:
    """Raise InputError if the scenario has options of an unknown policy, a wrong option, or an
    unknown `pbt.explore`. Policy files are loaded already. `find` gives the path of a file that an
    option names."""
    for name, options in scenario.allocation.items():
        create(allocation.policies, name, options, find)
    for name, options in scenario.scheduling.items():
        create(scheduling.policies, name, options, find)
    for experiment in scenario.workload.experiments:
        if experiment.pbt.explore is not None:
            try:
                explorers.factory(experiment.pbt.explore)
            except InputError as error:
                raise InputError(f"workload.experiments.{experiment.name}.pbt.explore: {error}") from error
