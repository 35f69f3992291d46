"""The assumptions and warnings of runs, computed from their scenario and logs, where no study has
written them. Policies in files are not executed for it."""

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from itertools import chain

from hetsched.domain.registry import Strategy
from hetsched.errors import HetschedError
from hetsched.scenario.scenario import Setup
from hetsched.studies.assumed_bounds import of_measured
from hetsched.studies.assumptions import assumptions
from hetsched.studies.beyond_recordings import beyond_recordings
from hetsched.studies.caveats import Caveats
from hetsched.studies.run_warnings import Runs, of_any_runs, of_real_runs, of_runs
from hetsched.studies.unknown_scores import joined

NOT_KNOWN = "not known here"


def of_simulated(setup: Setup, runs: Runs, whole: Runs) -> Caveats:
    """Those of simulations. `whole` has the runs that came to their end."""

    def warn(one: Strategy) -> dict[str, str]:
        return joined(of_any_runs(setup, [one]), of_runs(setup, {one: runs[one]}, {one: whole[one]}, beside=runs))

    def assume(of: Setup, strategies: Sequence[Strategy]) -> list[str]:
        return [*assumptions(of, strategies), *beyond_recordings(of, chain(*runs.values()))]

    return Caveats(assumed_anew(setup, runs, assume), warned_anew(runs, warn))


def of_real(setup: Setup, runs: Runs, whole: Runs, predicted: Collection[str] = ()) -> Caveats:
    """Those of real runs. `predicted` is what a plan's prediction of them assumes."""

    def warn(one: Strategy) -> dict[str, str]:
        return of_real_runs(setup, {one: runs[one]}, {one: whole[one]}, beside=runs)

    return Caveats(assumed_anew(setup, runs, partial(of_measured, predicted=predicted)), warned_anew(runs, warn))


def assumed_anew(
    setup: Setup,
    strategies: Iterable[Strategy],
    assume: Callable[[Setup, Sequence[Strategy]], list[str]] = assumptions,
) -> list[str]:
    """What simulations of these strategies assume, or why this is not known."""
    try:
        return assume(setup, [*strategies])
    except HetschedError as error:  # such as of a policy in a file, which is not executed to read logs
        return [f"{NOT_KNOWN}: {error}"]


def warned_anew(strategies: Iterable[Strategy], warn: Callable[[Strategy], dict[str, str]]) -> dict[str, str]:
    """The warning of each strategy that has one, or why this is not known."""
    found: dict[str, str] = {}
    for strategy in strategies:
        try:
            found |= warn(strategy)
        except HetschedError as error:
            found[str(strategy)] = f"warnings {NOT_KNOWN}: {error}"
    return found
