"""The facts of a study: its scenario, strategies and seeds, its command, versions, machine and
time, and its files."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from shlex import join
from typing import NamedTuple

from hetsched.domain.workload import Experiment
from hetsched.errors import counted
from hetsched.report.page.document import Fact
from hetsched.scenario.cluster_tables import NodeTable
from hetsched.scenario.scenario import Setup
from hetsched.studies.again import Result, Study
from hetsched.studies.compare import ComparisonResult
from hetsched.studies.folder import SUMMARY_NAME
from hetsched.studies.named_folder import is_of_draw, is_of_probe, logs_below
from hetsched.studies.plan import PlanResult
from hetsched.studies.results import StrategyResult
from hetsched.studies.results_csv import RESULTS_NAME
from hetsched.studies.sittings import STUDY_NAME, Sitting, study_of
from hetsched.studies.validate import ValidationResult

STUDIES: dict[Study, str] = {
    "compare": "comparison, simulated",
    "simulate": "simulation",
    "run": "run on Ray Tune",
    "validate": "validation, simulated, and run on Ray Tune",
    "plan": "plan, measured for a moment, and simulated",
    "ablate": "ablation, simulated: what each part contributes",
}

FILES = {
    SUMMARY_NAME: "what was found",
    RESULTS_NAME: "every figure, a row per run",
    "scenario.toml": "the scenario",
    "profile.csv": "its step times",
    "trace.csv": "its jobs",
    STUDY_NAME: "who, with what, how long",
    "compare.json": "what was to be compared",
    "suite.json": "what was to be ranked",
    "runs.jsonl": "the runs that were simulated",
    "run.json": "what was to be run",
    "Running_Results.txt": "means, as HRFS writes them",
    "measured.csv": "what was measured",
    "measured.json": "what it was measured of",
    "policy-error.json": "how the policy failed",
}
"""Files of a results folder, and what is in them."""

NAMED = 12
"""The number of strategies up to which all are named."""

LOGS = 60
"""The most logs with a link. The other logs are counted."""


class Asked(NamedTuple):
    """The strategies and the seeds of a study that have a result."""

    strategies: list[str]
    seeds: list[int]


def asked(result: Result) -> Asked:
    """The strategies and the seeds of the result."""
    match result:
        case StrategyResult():
            return Asked([result.strategy], sorted(run.metrics.seed for run in result.runs))
        case ComparisonResult():
            return Asked(list(result.comparisons), sorted(result.seeds))
        case ValidationResult():
            return Asked(list(result.agreements), sorted(result.seeds))
        case PlanResult():
            return Asked(list(result.forecasts), sorted(result.seeds))
    return Asked([result.strategy], sorted(result.seeds))


def facts(folder: Path, study: Study | None, setup: Setup | None, of: Asked) -> list[Fact]:
    """The facts of a study. Facts without a link come first."""
    return [*_asked(study, setup, of), *_sittings(folder), *_files(folder)]


def _asked(study: Study | None, setup: Setup | None, of: Asked) -> Iterator[Fact]:
    if study is not None:
        yield Fact("study", STUDIES[study])
    if setup is not None:
        yield Fact("scenario", setup.scenario.name)
    if of.strategies:
        yield Fact("strategies" if len(of.strategies) > 1 else "strategy", in_short(of.strategies))
    if of.seeds:
        yield Fact("seeds" if len(of.seeds) > 1 else "seed", ranges(of.seeds))
    if setup is not None:
        yield Fact("nodes", "; ".join(_nodes(setup.scenario.cluster.nodes)))
        yield Fact("work", "; ".join(map(_experiment, setup.workload.experiments[:3])) + _more(setup))
        yield from _goals(setup)
        yield Fact("pace", "paced: every iteration takes as long as the profile says" if setup.paced else "not paced")
        yield Fact("data", "synthetic: it stands in for a real data set" if setup.synthetic else "not synthetic")


def _goals(setup: Setup) -> Iterator[Fact]:
    if setup.deadline_s is not None:
        yield Fact("deadline", f"{setup.deadline_s:g} s")
    if setup.budget is not None:
        yield Fact("budget", f"{setup.budget:g}, in the unit of the nodes' prices")


def _nodes(nodes: Sequence[NodeTable]) -> Iterator[str]:
    for node in nodes:
        counts = node.gpus if isinstance(node.gpus, dict) else dict.fromkeys(node.gpu_types, node.gpus)
        gpus = "".join(f", {count} {name}" for name, count in counts.items())
        many = f"{node.count} x " if node.count > 1 else ""
        yield f"{many}{node.name} ({counted(node.cores, 'core')}{gpus}{_price(node)})"


def _price(node: NodeTable) -> str:
    """The node's prices per hour, in words. The scenario's faults decide whether the node is a spot
    node."""
    spot = "" if node.spot_price_per_h is None else f", as a spot node {node.spot_price_per_h:g}"
    return "" if node.price_per_h is None else f", {node.price_per_h:g} per hour{spot}"


def _experiment(experiment: Experiment) -> str:
    trials, of = counted(experiment.population, "trial"), f"{experiment.model} on {experiment.dataset}"
    return f"{experiment.id}: {trials} of {of}, {experiment.stop_iterations} iterations"


def _more(setup: Setup) -> str:
    more = len(setup.workload.experiments) - 3
    return f"; and {counted(more, 'experiment')} more" if more > 0 else ""


def in_short(names: Sequence[str]) -> str:
    """All names, or their number with three examples."""
    return ", ".join(names) if len(names) <= NAMED else f"{len(names)}, such as {', '.join(names[:3])}"


def ranges(numbers: Sequence[int]) -> str:
    """Rising whole numbers in words.

    >>> ranges([0, 1, 2, 3, 7, 9, 10])
    '0 to 3, 7, 9, 10'
    """
    words: list[str] = []
    for _, group in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        held = [number for _, number in group]
        words += [f"{held[0]} to {held[-1]}"] if len(held) > 2 else map(str, held)
    return ", ".join(words)


def _sittings(folder: Path) -> Iterator[Fact]:
    known = study_of(folder)
    if known is None:
        yield Fact("command", f"not known: the folder has no {STUDY_NAME}")
        return
    for number, sitting in enumerate(known.sittings, 1):
        of = f", sitting {number}" if len(known.sittings) > 1 else ""
        yield from (Fact(f"{name}{of}", value) for name, value in _sitting(sitting))


def _sitting(sitting: Sitting) -> Iterator[tuple[str, str]]:
    machine = sitting.machine
    memory = f", {machine.memory_bytes / 2**30:.1f} GiB" if machine.memory_bytes else ""
    yield "command", join(sitting.command) if sitting.command else "from Python"
    yield "began", f"{datetime.fromisoformat(sitting.began):%Y-%m-%d %H:%M:%S %Z}"
    yield "took", "not known: it goes on, or broke off" if sitting.took_s is None else f"{sitting.took_s:,.1f} s"
    yield "versions", f"hetsched {sitting.hetsched}, Python {sitting.python}"
    yield "libraries", ", ".join(f"{name} {version}" for name, version in sitting.libraries.items())
    yield "machine", f"{machine.host}: {counted(machine.cores, 'core')} of {machine.processor}{memory}"
    yield "system", machine.system


def _files(folder: Path) -> Iterator[Fact]:
    for name, what in FILES.items():
        if (folder / name).is_file():
            yield Fact(what, name, name)
    for path in sorted([*folder.glob("policies/*.py"), *folder.glob("training/*.py")]):
        yield _link(folder, path, "a copy of the user's own")
    logs = [log for log in logs_below(folder) if not is_of_draw(log, folder)]
    for log in logs[:LOGS]:
        yield _link(folder, log, "log of a probe" if is_of_probe(log, folder) else "log")
    if len(logs) > LOGS:
        yield Fact("logs", f"and {len(logs) - LOGS} more")


def _link(folder: Path, path: Path, what: str) -> Fact:
    name = path.relative_to(folder).as_posix()
    return Fact(what, name, name)
