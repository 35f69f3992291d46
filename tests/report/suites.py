"""Results folders of suites, of figures made by hand."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from hetsched.studies.suite.record import Record
from hetsched.studies.suite.suite_plan import Runs, SuitePlan

Ratios = Mapping[str, Sequence[Sequence[float]]]
"""Makespan / bound by policy, then by scenario and seed."""

BOUND_S = 100.0


def suite_folder(folder: Path, ratios: Ratios, *, targets: Mapping[str, Sequence[float | None]] | None = None) -> Path:
    """Of suite scenarios called s0, s1, ... and the baseline `fifo`. `targets` are the seconds to
    the target by policy and scenario, alike under all seeds; scenarios beyond the list have none.
    Decisions take a millisecond, 2, 3, ... of one policy after the other."""
    folder.mkdir(parents=True)
    scenarios, seeds = len(ratios["fifo"]), len(ratios["fifo"][0])
    SuitePlan(
        suite=None,
        scenarios={f"s{n}": "0" for n in range(scenarios)},
        files={},
        policies=list(ratios),
        baseline="fifo",
        seeds=list(range(seeds)),
        policy_files=[],
        periods={},
    ).save(folder)
    runs = Runs(folder)
    for place, (policy, of_policy) in enumerate(ratios.items(), start=1):
        reached = dict(enumerate((targets or {}).get(policy, [])))
        for number, of_scenario in enumerate(of_policy):
            for seed, ratio in enumerate(of_scenario):
                runs.add(
                    Record(
                        f"s{number}",
                        policy,
                        seed,
                        makespan_s=BOUND_S * ratio,
                        bound_ratio=ratio,
                        workers_bound_ratio=ratio,
                        time_to_target_s=reached.get(number),
                        trained=1.0,
                        decision_s=0.001 * place,
                        decisions=1,
                    )
                )
    return folder


def three_policies(scenarios: int, seeds: int) -> dict[str, list[list[float]]]:
    """`quick` is always the best, by 5% and more; `other` and the baseline take turns."""
    noise = [1 + 0.001 * ((7 * seed) % 5 - 2) for seed in range(seeds)]
    turns = [1.3 if number % 2 else 1.2 for number in range(scenarios)]
    return {
        "fifo": [[1.5 * turn * one for one in noise] for turn in turns],
        "quick": [[1.1 * one**2 for one in noise] for _ in turns],
        "other": [[1.5 * (2.5 - turn) * one**3 for one in noise] for turn in turns],
    }
