"""Results folders: one a command, never overwritten."""

from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hetsched.analysis.metrics import Metrics
from hetsched.errors import InputError
from hetsched.scenario.scenario import Scenario
from hetsched.studies.policy_error import write_json

SUMMARY_NAME = "summary.json"


def new_folder(out: Path | None, command: str, scenario: Scenario) -> Path:
    """A new folder: `out`, or `results/<scenario>-<command>-<date and time>`, with the scenario as resolved in it.

    Raises InputError if `out` is there already and not empty, or cannot be made.
    """
    folder = out or _unused(Path("results") / f"{scenario.name}-{command}-{datetime.now():%Y%m%d-%H%M%S}")
    try:
        if folder.exists() and any(folder.iterdir()):
            raise InputError(f"--out {folder}: is not empty, and results are never overwritten; name a new folder")
        folder.mkdir(parents=True, exist_ok=True)
        scenario.save(folder)
    except OSError as error:
        raise InputError(f"--out {folder}: cannot be made: {error.strerror}") from error
    return folder


def write_summary(folder: Path, command: str, document: dict[str, Any]) -> None:
    """`summary.json`: what the command found, and with which versions."""
    write_json(folder / SUMMARY_NAME, {"command": command, "hetsched": version("hetsched"), **document})


def write_running_results(folder: Path, scenario: Scenario, backend: str, runs: dict[str, list[Metrics]]) -> None:
    """`Running_Results.txt`, the seed system's summary: average runtime and accuracy over repetitions."""
    lines = [f"scenario = {scenario.name}", f"backend = {backend}{' (paced)' * scenario.paced}"]
    if scenario.workload.trace is not None:
        lines.append(f"trace = {scenario.workload.trace}")
    for experiment in (e for table in scenario.workload.experiments for e in table.experiments()):
        lines += [
            f"experiment = {experiment.id}",
            f"  model_type: {experiment.model}, dataset: {experiment.dataset}",
            f"  Hyper_num = {experiment.population}",
            f"  Stop iteration = {experiment.stop_iterations}",
            f"  Stop accuracy = {experiment.stop_accuracy}",
            f"  Checkpoint interval = {experiment.interval}",
            f"  Batch size = {', '.join(map(str, experiment.batch_sizes))}",
        ]
    for strategy, of_strategy in runs.items():
        n = len(of_strategy)
        lines += [
            "",
            f"strategy = {strategy}, repetitions = {n}",
            f"  Avg_total_runtime : {sum(m.makespan_s for m in of_strategy) / n:.3f} s",
            f"  Avg_accuracy : {sum(m.best_accuracy for m in of_strategy) / n:.4f}",
        ]
    (folder / "Running_Results.txt").write_text("\n".join(lines) + "\n")


def _unused(folder: Path) -> Path:
    """The folder, or the first of folder-2, folder-3 ... that is not there."""
    candidate, number = folder, 2
    while candidate.exists():
        candidate, number = folder.with_name(f"{folder.name}-{number}"), number + 1
    return candidate
