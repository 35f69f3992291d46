"""What simulations and bounds assume of the jobs of a trace."""

from collections.abc import Iterator

from hetsched.scenario.scenario import Setup


def dealt_jobs(setup: Setup) -> Iterator[str]:
    """A note that a trace does not say what its jobs train, and what was changed in it or left out
    of it."""
    yield from setup.scenario.workload.notes(setup.reading)


def searched_by_jobs(setup: Setup) -> Iterator[str]:
    """A note that a trace does not say what its experiments search."""
    if any(job.evaluation_images for job in setup.jobs):
        yield "hyperparameters of the trace's experiments: the default search space and the default settings of PBT"
