"""Why a profile has no step time for a kind of trial on a type of worker, and what would help."""

from collections.abc import Collection, Sequence

from hetsched.domain.cluster import WorkerType
from hetsched.domain.profiles import ProfileRow, StepTimes
from hetsched.domain.workload import TrialKind
from hetsched.errors import closest

MEASURE = "measure it with 'hetsched profile', or a training of your own with 'hetsched plan'"


def why_missing(times: StepTimes, kind: TrialKind, worker: WorkerType) -> str:
    """A phrase that says what the profile lacks, and what to do about it.

    The phrase names `profile.extrapolate = true` as a remedy only where that gives a step time.
    """
    rows: Sequence[ProfileRow] = times.rows
    if not rows:
        return (
            "the scenario has no profile: measure one on the cluster with 'hetsched plan', or name one in "
            "profile.sources"
        )
    for field, word in (("model", kind.model), ("dataset", kind.dataset), ("device", worker.device)):
        known = {getattr(row, field) for row in rows}
        rows = [row for row in rows if getattr(row, field) == word]
        if not rows:
            return f"the profile has no {field} {word!r}: {_offer(word, known)}"
    shares = {row.gpu_share for row in rows}
    if worker.gpu_share not in shares:
        return (
            f"the profile has no row of {worker.device} with a gpu_share of {worker.gpu_share:g}, only of "
            f"{_listed(shares)}, and one share says nothing of another: measure it"
        )
    rows = [row for row in rows if row.gpu_share == worker.gpu_share]
    if not times.fits(kind, worker):
        return (
            f"it needs more than the {worker.memory_gib:g} GiB that each GPU has for it (memory_gib in the profile, "
            "gpu_memory_gib in cluster.nodes): let the experiment use other devices"
        )
    continued = StepTimes(rows, extrapolate=True)
    if continued.seconds_per_iteration(kind, worker) is not None:
        return f"{MEASURE}; or set profile.extrapolate = true"
    return f"{MEASURE}; profile.extrapolate does not help: {_no_line(continued, kind, worker)}"


def _no_line(times: StepTimes, kind: TrialKind, worker: WorkerType) -> str:
    """Why the measurements of this model, data set and device cannot be continued to the worker."""
    cores: dict[int, set[int]] = {}
    for row in times.rows:
        cores.setdefault(row.batch_size, set()).add(row.cores)
    known = [b for b in cores if times.seconds_per_iteration(kind._replace(batch_size=b), worker) is not None]
    if not known and max(map(len, cores.values())) == 1:
        return f"two core counts are needed, and the profile has only one: {_listed(set().union(*cores.values()))}"
    if len(known) == 1:
        return f"two batch sizes are needed, and the profile has only one for this worker: {known[0]}"
    return "a line through the nearest two measurements comes to 0 s or less there"


def _offer(word: str, known: Collection[str]) -> str:
    close = closest(word, known)
    return f"did you mean {close!r}?" if close else f"it has {', '.join(sorted(known)) or 'no rows'}"


def _listed(numbers: Collection[float]) -> str:
    return ", ".join(f"{number:g}" for number in sorted(numbers))
