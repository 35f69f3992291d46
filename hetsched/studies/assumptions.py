"""The assumptions of a simulation about what nobody has measured. They are printed beside its
figures, one per line.

Only assumptions that a scenario leaves open are listed. Whatever the scenario sets, itself or by
the default of a key, is in its `scenario.toml`.
"""

from collections.abc import Iterable, Sequence

from hetsched.domain.registry import Strategy
from hetsched.scenario.scenario import Setup
from hetsched.studies.assumed_bounds import bound_of_any, of_measured
from hetsched.studies.assumed_costs import costs, growing, memory
from hetsched.studies.assumed_jobs import dealt_jobs, searched_by_jobs
from hetsched.studies.assumed_scores import scores
from hetsched.studies.assumed_times import gangs, not_there, nothing_there, step_times
from hetsched.studies.no_effect import no_effect
from hetsched.studies.no_exploits import no_exploits
from hetsched.studies.pairs import may_run, timed, types_of


def assumptions(setup: Setup, strategies: Iterable[Strategy]) -> list[str]:
    """What simulations of these strategies assume: of step times, costs, the jobs of a trace and
    scores."""
    types = types_of(setup, strategies)
    possible = may_run(setup, types)
    pairs = timed(setup, possible)
    said = [
        *step_times(setup, pairs),
        *bound_of_any(setup, possible),
        *costs(setup, pairs),
        *growing(setup, pairs),
        *memory(setup, possible),
        *not_there(setup, types),
        *gangs(setup, types),
        *dealt_jobs(setup),
        *no_effect(setup),
        *searched_by_jobs(setup),
    ]
    return list(dict.fromkeys([*said, *scores(setup), *no_exploits(setup)]))


def of_validation(setup: Setup, predicting: Setup, strategies: Sequence[Strategy]) -> list[str]:
    """What the predictions of real runs assume, and what the bounds of these runs assume by the
    profile of `setup`. If both have the same profile, the predictions assume as much."""
    predicted = assumptions(predicting, strategies)
    if predicting.times.rows == setup.times.rows:
        return predicted
    return list(dict.fromkeys([*predicted, *of_measured(setup, strategies)]))


def idle_workers(setup: Setup, strategies: Iterable[Strategy]) -> dict[str, str]:
    """A warning for each strategy with workers that a simulation leaves idle, because the profile
    lacks them."""
    idle = {str(strategy): nothing_there(setup, types_of(setup, [strategy])) for strategy in strategies}
    return {strategy: "; ".join(lines) for strategy, lines in idle.items() if lines}
