"""Why the figures of strategies should not be trusted, by their runs and whatever the runs do."""

from collections.abc import Collection, Mapping, Sequence

from hetsched.domain.registry import Strategy
from hetsched.scenario.scenario import Setup
from hetsched.studies.assumptions import idle_workers
from hetsched.studies.no_exploits import no_exploits
from hetsched.studies.one_run import RunResult
from hetsched.studies.periods import unfit_for
from hetsched.studies.policy_limits import policy_limits
from hetsched.studies.unknown_scores import joined, no_scores, unknown_scores
from hetsched.studies.unreached import unreached

Runs = Mapping[Strategy, Sequence[RunResult]]
"""Runs of each strategy."""


def of_any_runs(setup: Setup, strategies: Collection[Strategy]) -> dict[str, str]:
    """The warnings of simulations that hold whatever the runs do."""
    return joined(idle_workers(setup, strategies), policy_limits(setup, strategies))


def of_runs(
    setup: Setup, runs: Runs, whole: Runs | None = None, *, beside: Collection[Strategy] = ()
) -> dict[str, str]:
    """The warnings that follow from runs.

    - `whole`: those that came to their end (None: all did). What other runs lack says nothing.
    - `beside`: the other strategies of the study, with which these share the periods of policies
    """
    ended = runs if whole is None else whole
    return joined(unfit_for(setup, runs, beside), unknown_scores(ended), unreached(setup, ended))


def of_real_runs(
    setup: Setup, runs: Runs, whole: Runs | None = None, *, beside: Collection[Strategy] = ()
) -> dict[str, str]:
    """The warnings about real runs. They also say where PBT never acts. The assumptions of a
    simulation say this. The assumptions of a real run are about its bounds and its prediction."""
    never = "; ".join(no_exploits(setup))
    of_pbt = {str(strategy): never for strategy in runs if never}
    lacking = no_scores(setup, runs)
    return joined(policy_limits(setup, runs), of_runs(setup, runs, whole, beside=beside), lacking, of_pbt)
