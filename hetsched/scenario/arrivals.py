"""The arrivals of listed experiments, as a Poisson process or in bursts. The first experiment
arrives at 0."""

from collections.abc import Sequence

import msgspec

from hetsched.domain.random_streams import stream
from hetsched.domain.workload import Experiment


def arrive_at_random(experiments: Sequence[Experiment], mean_gap_s: float, seed: int) -> list[Experiment]:
    """The experiments, in their order, with the arrivals of a Poisson process.

    The gaps between arrivals are exponential with a mean of `mean_gap_s` seconds.
    """
    gaps = stream(seed, "arrivals").exponential(mean_gap_s, max(0, len(experiments) - 1))
    return _arrive(experiments, [0.0, *gaps.cumsum().tolist()])


def arrive_in_bursts(
    experiments: Sequence[Experiment], size: int, gap_s: float, seed: int, *, fixed: bool = False, spread_s: float = 0.0
) -> list[Experiment]:
    """The experiments, in their order, with arrivals in bursts of `size`.

    The gap between the starts of two bursts is `gap_s` seconds if gaps are `fixed`. Otherwise it is
    exponential with this mean. The first experiment of a burst arrives at the start of the burst.
    Each of the others arrives at a uniform time within `spread_s` seconds after the start. Bursts
    overlap where a gap is shorter than `spread_s`.
    """
    bursts = -(-len(experiments) // size)
    rng = stream(seed, "bursts")
    gaps = [gap_s] * (bursts - 1) if fixed else rng.exponential(gap_s, max(0, bursts - 1)).tolist()
    arrivals: list[float] = []
    start = 0.0
    for number in range(bursts):
        arrivals += [start, *(start + rng.uniform(0.0, spread_s, size - 1)).tolist()]
        start += gaps[number] if number < len(gaps) else 0.0
    return _arrive(experiments, arrivals[: len(experiments)])


def _arrive(experiments: Sequence[Experiment], arrivals: Sequence[float]) -> list[Experiment]:
    return [msgspec.structs.replace(e, arrival_s=at) for e, at in zip(experiments, arrivals, strict=False)]
