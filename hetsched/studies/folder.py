"""Results folders: one per study, never overwritten."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from shlex import join
from shutil import rmtree
from tempfile import mkdtemp
from types import MappingProxyType
from typing import Any
from weakref import finalize

from hetsched.analysis.intervals import mean_of_known
from hetsched.analysis.metrics import Metrics
from hetsched.core.log import LOG_NAME
from hetsched.errors import InputError, path_of
from hetsched.scenario.scenario import SCENARIO_NAME, Setup
from hetsched.studies.caveats import Caveats
from hetsched.studies.json_file import write_json
from hetsched.studies.ro_crate import write_ro_crate
from hetsched.studies.sittings import begin_study, end_study
from hetsched.version import __version__

SUMMARY_NAME = "summary.json"

REPORT_NAME = "report.html"

PROBES = "probes"
"""The folder of a plan's short runs. They are measurements, not results."""

PROBE = "probe"
"""The folder of a validation's short runs."""

SEGMENT_ENDED = b'"segment-ended"'
"""A part of every line of a log about a finished segment."""

PREDICTED, MEASURED = "predicted", "measured"
"""The folders of a validation's simulations and real runs."""

SCENARIOS = "scenarios"
"""The folder of a suite's scenarios. Each is saved in a folder of its name."""

RUNNING = "running"
"""The folder of the logs of a suite's runs that go on, or that failed."""

DRAWS = "draws-"
"""How the folder is named of all simulations that predict a run but the first: the seed of the run
follows."""


class ResultsFolder:
    """The folder of a study's results, with the resolved scenario in it. It is `new`, or has
    results already.

    A new folder with a name raises InputError if it exists and is not empty, or cannot be made.
    Without a name the folder is temporary. It is removed with this object, or when Python ends.
    """

    def __init__(self, path: Path, *, temporary: bool = False, was_there: bool = True) -> None:
        self.path, self.temporary, self._was_there = path, temporary, was_there
        if temporary:
            finalize(self, rmtree, path, ignore_errors=True)

    @classmethod
    def new(cls, path: Path | str | None, setup: Setup, study: str) -> "ResultsFolder":
        """A new folder for the results of a study, such as "compare". It gets the scenario, and
        what is known of the study at its beginning."""
        if path is None:
            home = cls(Path(mkdtemp(prefix="hetsched-")), temporary=True, was_there=False)
            setup.save(home.path)
        else:
            given = path_of(path, "folder")
            was_there = given.exists()
            home = cls(new_folder(given, setup), was_there=was_there)
        begin_study(home.path, study)
        return home

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Within this context, Ctrl-C gets notes on what is left: the place of the results, and the
        command that shows them. If no run has begun, nothing is left."""
        try:
            yield
        except KeyboardInterrupt as stop:
            if not self.temporary and self.path.is_dir():
                self._note_what_is_left(stop)
            raise

    def _note_what_is_left(self, stop: KeyboardInterrupt) -> None:
        if self.has_finished():
            stop.add_note(f"what was finished is in {self.path}")
            stop.add_note(f"report: {report_command(self.path)}")
        elif self._has_begun():
            stop.add_note(f"no segment was finished, so start again in another folder; {self.path} says what happened")
        else:
            self.undo()

    def has_finished(self) -> bool:
        """Whether a run in the folder has finished a segment, so that there is something to
        show."""
        return any(SEGMENT_ENDED in log.read_bytes() for log in self.path.rglob(LOG_NAME))

    def _has_begun(self) -> bool:
        return any(log.stat().st_size for log in self.path.rglob(LOG_NAME))

    @contextmanager
    def nothing_of_nothing(self) -> Iterator[None]:
        """Within this context, a failure before any run has begun removes the results. Their name
        can be used again."""
        try:
            yield
        except BaseException:
            if not self._has_begun():
                self.undo()
            raise

    def undo(self) -> None:
        """Remove the results of a study that could not begin. The folder is then as it was
        before."""
        if not self._was_there:
            rmtree(self.path)
            return
        for entry in self.path.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                rmtree(entry)
            else:
                entry.unlink()


def new_folder(folder: Path, setup: Setup) -> Path:
    """Make the folder, with the resolved scenario in it. Of several processes that want it at once,
    one gets it.

    Raises InputError if the folder is there already and not empty, or cannot be made.
    """
    taken = InputError(f"{folder}: is not empty, and results are never overwritten; name a new folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise taken
        (folder / SCENARIO_NAME).open("x").close()
        setup.save(folder)
    except FileExistsError as error:
        raise taken if folder.is_dir() else InputError(f"{folder}: is a file; name a new folder") from error
    except OSError as error:
        raise InputError(f"{folder}: cannot be made: {error.strerror}") from error
    return folder


def default_folder(study: str, setup: Setup) -> Path:
    """`results/<scenario>-<study>-<date and time>`, with a number if that exists."""
    return unused(Path("results") / f"{setup.scenario.name}-{study}-{datetime.now():%Y%m%d-%H%M%S}")


def write_summary(folder: Path, command: str, document: dict[str, Any], *, complete: bool = True) -> None:
    """Write `summary.json`: what the command found, and with which version. If the study is
    `complete`, the end of the study is recorded, too. Its results are then described in
    `ro-crate-metadata.json`, which is written last."""
    write_json(folder / SUMMARY_NAME, {"command": command, "hetsched": __version__, **document})
    if complete:
        end_study(folder)
        write_ro_crate(folder, Caveats.of(document))


def report_command(folder: Path) -> str:
    """The command that makes the report of a folder."""
    return join(["hetsched", "report", str(folder)])


def write_running_results(
    folder: Path,
    setup: Setup,
    backend: str,
    runs: Mapping[str, Sequence[Metrics]],
    remarks: Mapping[str, Sequence[str]] = MappingProxyType({}),
    assumptions: Sequence[str] = (),
) -> None:
    """Write `Running_Results.txt`, the summary of HRFS: average runtime and score over repetitions,
    and their assumptions. `remarks` are about the runs of each strategy."""
    lines = [f"scenario = {setup.scenario.name}", f"backend = {backend}{' (paced)' * setup.paced}"]
    if setup.scenario.workload.trace is not None:
        lines.append(f"trace = {setup.scenario.workload.trace}")
    for experiment in (e for table in setup.scenario.workload.experiments for e in table.experiments()):
        lines += [
            f"experiment = {experiment.id}",
            f"  model_type: {experiment.model}, dataset: {experiment.dataset}",
            f"  Hyper_num = {experiment.population}",
            f"  Stop iteration = {experiment.stop_iterations}",
            f"  Stop {experiment.metric.name} = {experiment.stop_score}",
            f"  Checkpoint interval = {experiment.interval}",
            f"  Batch size = {', '.join(map(str, experiment.batch_sizes))}",
        ]
    for strategy, of_strategy in runs.items():
        n, metric = len(of_strategy), of_strategy[0].metric
        score = mean_of_known(m.best_score for m in of_strategy)
        lines += [
            "",
            f"strategy = {strategy}, repetitions = {n}",
            f"  Avg_total_runtime : {sum(m.makespan_s for m in of_strategy) / n:.3f} s",
            f"  Avg_{'score' if metric is None else metric.name} : {'unknown' if score is None else f'{score:.6g}'}",
            *(f"  Note : {remark}" for remark in remarks.get(strategy, ())),
        ]
    lines += ["", *(f"assumed = {line}" for line in assumptions)] if assumptions else []
    (folder / "Running_Results.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def unused(folder: Path) -> Path:
    """The folder, or the first of folder-2, folder-3 ... that does not exist."""
    candidate, number = folder, 2
    while candidate.exists():
        candidate, number = folder.with_name(f"{folder.name}-{number}"), number + 1
    return candidate
