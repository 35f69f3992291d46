"""Results folders: one per study, never overwritten."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any
from weakref import finalize

from hetsched.analysis.metrics import Metrics
from hetsched.errors import InputError
from hetsched.scenario.scenario import Setup
from hetsched.studies.policy_error import write_json
from hetsched.version import __version__

SUMMARY_NAME = "summary.json"


class ResultsFolder:
    """The folder of a study's results, with the scenario as resolved in it.

    A named folder is new: it raises InputError if the folder is there already and not empty, or cannot be made. Without
    a name the folder is a temporary one, which is removed with this object or when Python ends.
    """

    def __init__(self, path: Path | str | None, setup: Setup) -> None:
        self._was_there = path is not None and Path(path).exists()
        self.path = new_folder(Path(path), setup) if path is not None else Path(mkdtemp(prefix="hetsched-"))
        if path is None:
            finalize(self, rmtree, self.path, ignore_errors=True)
            setup.save(self.path)

    @classmethod
    def there(cls, path: Path) -> "ResultsFolder":
        """A folder that has results already."""
        folder = cls.__new__(cls)
        folder.path, folder._was_there = path, True
        return folder

    def undo(self) -> None:
        """Leave no results, as of a study that could not begin: the folder is as it was before."""
        if not self._was_there:
            rmtree(self.path)
            return
        for entry in self.path.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                rmtree(entry)
            else:
                entry.unlink()


def new_folder(folder: Path, setup: Setup) -> Path:
    """Make the folder, with the scenario as resolved in it.

    Raises InputError if the folder is there already and not empty, or cannot be made.
    """
    try:
        if folder.exists() and any(folder.iterdir()):
            raise InputError(f"{folder}: is not empty, and results are never overwritten; name a new folder")
        folder.mkdir(parents=True, exist_ok=True)
        setup.save(folder)
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror}") from error
    return folder


def default_folder(study: str, setup: Setup) -> Path:
    """`results/<scenario>-<study>-<date and time>`, numbered if that is there."""
    return _unused(Path("results") / f"{setup.scenario.name}-{study}-{datetime.now():%Y%m%d-%H%M%S}")


def write_summary(folder: Path, command: str, document: dict[str, Any]) -> None:
    """`summary.json`: what the command found, and with which versions."""
    write_json(folder / SUMMARY_NAME, {"command": command, "hetsched": __version__, **document})


def write_running_results(folder: Path, setup: Setup, backend: str, runs: Mapping[str, Sequence[Metrics]]) -> None:
    """`Running_Results.txt`, the summary of HRFS: average runtime and accuracy over repetitions."""
    lines = [f"scenario = {setup.scenario.name}", f"backend = {backend}{' (paced)' * setup.paced}"]
    if setup.scenario.workload.trace is not None:
        lines.append(f"trace = {setup.scenario.workload.trace}")
    for experiment in (e for table in setup.scenario.workload.experiments for e in table.experiments()):
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
