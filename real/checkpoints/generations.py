"""The checkpoints of a run: which files hold each trial's latest states, and which files no trial
needs any more."""

import re
from collections import Counter
from collections.abc import Iterable, Set
from glob import escape
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile, ZipFile

from hetsched.core.events import CheckpointLost, Event, ExperimentArrived, SegmentEnded, SegmentLost, TrialExploited
from hetsched.domain.workload import TrialId
from real.checkpoints.snapshot import Copy

GENERATIONS = 2
"""How many states of a trial stay on disk. If the newest cannot be read, the one before it can."""


OWN = re.compile(r"\.?[A-Za-z0-9][A-Za-z0-9._-]*-\d+(\.\d+)?\.pt(\.\d+\.unfinished)?")
"""The names of a run's files, finished or not. A file with another name is not the run's and
stays."""


class Generation(NamedTuple):
    """A state of a trial: its file, the trial's iterations with it, and the score of its
    weights."""

    path: Path
    iterations: int
    score: float | None


class Checkpoints:
    """The checkpoints of all trials, one file per segment in `folder`. A trial refers to its newest
    files. After an exploit it also refers to a file of another trial.

    The content follows from the log alone. `follow` receives every event, from a run or from a log.
    """

    def __init__(self, folder: Path, generations: int = GENERATIONS) -> None:
        self._folder = folder
        self._generations = generations
        self._kept: dict[TrialId, tuple[Generation, ...]] = {}
        self._references: Counter[Path] = Counter()
        self._newest_of: Counter[Path] = Counter()
        self._copies: dict[Path, Copy] = {}
        self._unwanted: set[Path] = set()
        self._recounts: Counter[TrialId] = Counter()
        self._lineage = False
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, trial: TrialId, iterations: int) -> Path:
        """The file for the trial's state after `iterations` iterations.

        A trial that fell back, or copied the count of another trial, may reach the same count
        again. It then writes to another file, because a trial that exploited it may go on from the
        earlier file.
        """
        again = f".{self._recounts[trial]}" if self._recounts[trial] else ""
        return self._folder / f"{trial}-{iterations}{again}.pt"

    def latest(self, trial: TrialId) -> Path | None:
        """The file from which the trial goes on. None: it starts from the beginning."""
        kept = self._kept.get(trial)
        return kept[-1].path if kept else None

    def hold(self, path: Path, copy: Copy) -> None:
        """Keep `copy`: a copy in an object store of the state that belongs into this file. It is
        kept while some trial goes on from this file."""
        self._copies[path] = copy

    def release(self) -> None:
        """Release all copies in the object store. Call it before Ray ends: otherwise Ray tries to
        recover what ends with it."""
        self._copies.clear()

    def copy(self, path: Path) -> Copy | None:
        """The copy of this file in an object store. None: there is none."""
        return self._copies.get(path)

    def missing(self) -> dict[TrialId, Path]:
        """The trials whose latest state is not in storage, with the file of that state."""
        return {trial: path for trial, path in self._newest().items() if not path.exists()}

    def before(self, trial: TrialId) -> Generation | None:
        """The state to which the trial falls back if its latest state is lost. None: it would start
        from the beginning."""
        kept = self._kept.get(trial, ())
        return kept[-2] if len(kept) > 1 else None

    def follow(self, event: Event) -> None:
        """Update the files to which trials refer, after an event."""
        if isinstance(event, SegmentEnded):
            iterations = self._iterations(event.trial) + event.iterations
            self._add(event.trial, Generation(self.path(event.trial, iterations), iterations, event.score))
        elif isinstance(event, TrialExploited):
            source = self._kept[event.source][-1]
            if self._lineage:
                self._add(event.trial, source)
                self._recounts[event.trial] += 1
            else:
                self._add(event.trial, source._replace(iterations=self._iterations(event.trial)))
        elif isinstance(event, CheckpointLost):
            self._set(event.trial, self._kept[event.trial][:-1])
            self._recounts[event.trial] += 1
        elif isinstance(event, ExperimentArrived):  # the only one of a real run
            self._lineage = event.experiment.counts_lineage
        elif isinstance(event, SegmentLost):
            wanted = tuple(f".{path.name}." for path in self._references)  # and still being written in the background
            for path in self._folder.glob(f".{escape(event.trial)}-*.unfinished"):
                if not path.name.startswith(wanted):
                    path.unlink(missing_ok=True)

    def discard(self) -> None:
        """Delete the files to which no trial refers any more. Call it only when the log on the disk
        says so, too."""
        for path in self._unwanted:
            path.unlink(missing_ok=True)
        self._unwanted.clear()

    def remove_leftovers(self) -> None:
        """Delete the files of a run to which no trial refers, which another driver has left. Call
        it only while nothing trains."""
        self._remove_all_but(self._references.keys())
        self._unwanted.clear()

    def keep_only(self, trial: TrialId) -> None:
        """Delete all files of the run except the file of this trial's latest state. Call it after
        the run."""
        self._remove_all_but({self.latest(trial)})

    def _remove_all_but(self, wanted: Set[Path | None]) -> None:
        for path in self._folder.iterdir():
            if path not in wanted and OWN.fullmatch(path.name) and path.is_file():
                path.unlink(missing_ok=True)

    def _newest(self) -> dict[TrialId, Path]:
        return {trial: kept[-1].path for trial, kept in self._kept.items() if kept}

    def _iterations(self, trial: TrialId) -> int:
        kept = self._kept.get(trial)
        return kept[-1].iterations if kept else 0

    def _add(self, trial: TrialId, generation: Generation) -> None:
        self._set(trial, (*self._kept.get(trial, ()), generation)[-self._generations :])

    def _set(self, trial: TrialId, generations: tuple[Generation, ...]) -> None:
        """Let the trial refer to these states, and no longer to those before."""
        before = self._kept.get(trial, ())
        self._kept[trial] = generations
        now, then = ([generation.path for generation in each] for each in (generations, before))
        self._references.update(now)
        self._newest_of.update(now[-1:])
        self._unwanted.difference_update(now)
        self._unwanted.update(_released(self._references, then))
        for path in _released(self._newest_of, then[-1:]):
            self._copies.pop(path, None)


def _released(references: Counter[Path], paths: Iterable[Path]) -> list[Path]:
    """Count one reference less for each of these files. Returns the files without a reference."""
    released = []
    for path in paths:
        references[path] -= 1
        if not references[path]:
            del references[path]
            released.append(path)
    return released


def damage(path: Path) -> str | None:
    """What is wrong with a checkpoint's file. None: the file exists, is complete and has the right
    checksums.

    PyTorch writes a checksum for every tensor but does not compare it when it reads.
    """
    try:
        with ZipFile(path) as archive:
            broken = archive.testzip()
    except OSError as error:
        return error.strerror or type(error).__name__
    except (BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:  # all that a damaged archive leads to
        return f"damaged: {error}"
    return None if broken is None else f"damaged: the checksum of part {broken.rpartition('/')[2]} is wrong"
