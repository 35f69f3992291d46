"""The check of a policy's options that are periods, such as the length of a round."""

import inspect
from collections.abc import Mapping
from math import isfinite


def wrong_periods(policy: object) -> str | None:
    """What is wrong with the attribute `periods` of a policy's class (see
    `hetsched.core.decisions.SchedulingPolicy`). None: nothing. Without this check a study would
    find the mistake only after its runs."""
    periods = getattr(policy, "periods", None)
    if periods is None or not isinstance(policy, type):
        return None
    if not isinstance(periods, Mapping):
        return f"periods: expected options and how often each must fit, such as {{'round_s': 20}}, found {periods!r}"
    options = inspect.signature(policy).parameters
    for name, times in periods.items():
        if name not in options:
            known = ", ".join(options) or "none, as the policy has no options"
            return f"periods: {name!r} is none of its options: expected {known}"
        if isinstance(times, bool) or not isinstance(times, int | float) or not (isfinite(times) and times > 0):
            return f"periods: {name!r}: expected how often it must fit into a run, a number above 0, found {times!r}"
    return None
