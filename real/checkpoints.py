"""The checkpoints of a run: which file holds each trial's latest state, and which files nobody needs any more."""

from pathlib import Path

from hetsched.workload import TrialId


class Checkpoints:
    """One file a segment in `folder`. A trial refers to one file, after an exploit to another trial's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._latest: dict[TrialId, Path] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, trial: TrialId, iterations: int) -> Path:
        """Where the trial's state after so many iterations of its own goes."""
        return self._folder / f"{trial}-{iterations}.pt"

    def latest(self, trial: TrialId) -> Path | None:
        """What the trial goes on from, None if it starts afresh."""
        return self._latest.get(trial)

    def keep_only(self, trial: TrialId) -> None:
        """The run is over: of all files, only that of this trial is still wanted."""
        for path in set(self._latest.values()) - {self._latest[trial]}:
            path.unlink(missing_ok=True)

    def refer(self, trial: TrialId, path: Path) -> None:
        """The trial goes on from `path`; the file it referred to before is deleted when no other trial does."""
        before = self._latest.get(trial)
        self._latest[trial] = path
        if before is not None and before not in self._latest.values():
            before.unlink(missing_ok=True)
