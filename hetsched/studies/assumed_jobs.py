"""What simulations and bounds assume of the jobs of a trace."""

from collections.abc import Iterator

from hetsched.scenario.scenario import Setup


def dealt_jobs(setup: Setup) -> Iterator[str]:
    """A note that a trace does not say what its jobs train, and what was changed in it or left out
    of it."""
    dealt = setup.scenario.workload.trace_models
    if dealt is not None:
        yield (
            f"what the jobs of the trace train: dealt by lot (seed {dealt.seed}) from workload.trace_models, with "
            f"iterations by their durations on {dealt.device}"
        )
    if setup.reading is not None:
        yield from setup.reading.lines()


def searched_by_jobs(setup: Setup) -> Iterator[str]:
    """A note that a trace does not say what its experiments search."""
    if any(job.evaluation_images for job in setup.jobs):
        yield "hyperparameters of the trace's experiments: the default search space and the default settings of PBT"
