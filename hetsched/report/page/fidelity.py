"""The page of a folder of recordings: the errors of the predictions of recorded real runs."""

from pathlib import Path

from hetsched.errors import counted
from hetsched.report.fidelity_tables import assumed, lines, listings
from hetsched.report.page.document import Fact, Page
from hetsched.report.page.tables import page_table
from hetsched.studies.fidelity.fidelity import FidelityResult, fidelity
from hetsched.studies.fidelity.recordings import recorded

TITLES = ("Errors", "Errors by factor", "Parts of the makespan's error", "Recordings")
"""The titles of the tables of `hetsched fidelity`, in their order."""


def has_recordings(folder: Path) -> bool:
    """Whether the folder has recordings of real runs."""
    return bool(recorded(folder))


def page_of_fidelity(folder: Path) -> Page:
    """The page of the recordings in the folder. Each recording is predicted again.

    Raises InputError if a recording is wrong.
    """
    result = fidelity(folder)
    return Page(
        title=f"Fidelity: {counted(len(result.errors), 'recorded real run')}, predicted again",
        kind="several",
        complete=True,
        facts=_facts(result),
        remarks={
            "Predicted less measured": lines(result),
            "Another machine in the run than in the probe": [
                f"{name}: {warning}" for name, warnings in result.warnings.items() for warning in warnings
            ],
            "Assumed, as nobody measured it": assumed(result),
        },
        runs=[],
        tables=[page_table(title, one.table()) for title, one in zip(TITLES, listings(result), strict=True)],
    )


def _facts(result: FidelityResult) -> list[Fact]:
    errors = result.errors
    names = {
        "trainings": [one.training for one in errors],
        "policies": [one.policy for one in errors],
        "workers": [one.workers for one in errors],
    }
    by_number = {name: sorted(set(values), key=lambda value: (len(value), value)) for name, values in names.items()}
    return [Fact(name, ", ".join(values)) for name, values in by_number.items()]
