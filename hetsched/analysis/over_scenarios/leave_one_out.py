"""Whether the order of policies depends on one scenario."""

from collections.abc import Callable, Mapping

from hetsched.analysis.over_scenarios.aggregates import BySeed


def leave_one_out(
    policies: Mapping[str, BySeed], order: Callable[[Mapping[str, BySeed]], list[str]]
) -> dict[str, list[str]]:
    """By scenario, the order of the policies without it, if that differs. Empty: the order always
    stays.

    >>> figures = {"a": {"x": [1.0], "y": [9.0], "z": [1.0]}, "b": {"x": [2.0], "y": [2.0], "z": [2.0]}}
    >>> leave_one_out(figures, lambda of: sorted(of, key=lambda name: sum(v for (v,) in of[name].values())))
    {'y': ['a', 'b']}
    """
    whole = order(policies)
    scenarios = list(next(iter(policies.values()))) if policies else []
    if len(scenarios) < 2:
        return {}
    without = {
        left: order({name: {s: v for s, v in of_one.items() if s != left} for name, of_one in policies.items()})
        for left in scenarios
    }
    return {left: found for left, found in without.items() if found != whole}
