"""The models and data sets of a profile."""

from collections import defaultdict
from collections.abc import Collection, Mapping

from hetsched.domain.profiles import StepTimes
from hetsched.errors import InputError, nearest


def datasets_by_model(times: StepTimes) -> dict[str, set[str]]:
    """The data sets on which each model is profiled."""
    datasets: defaultdict[str, set[str]] = defaultdict(set)
    for row in times.rows:
        datasets[row.model].add(row.dataset)
    return dict(datasets)


def dataset_of(model: str, dataset: str | None, datasets: Mapping[str, Collection[str]], here: str) -> str:
    """The data set of a job: its own `dataset`, or the only one on which its model is profiled.

    Raises InputError, naming the place `here`, if the profile lacks the model, or has several data
    sets for it.
    """
    known = datasets.get(model, ())
    if not known:
        raise InputError(f"{here}: model: the profile has no entry for {model!r}: {nearest(model, datasets)}")
    if dataset is None and len(known) > 1:
        raise InputError(f"{here}: the profile has {model} on {', '.join(sorted(known))}: say which in 'dataset'")
    return dataset or next(iter(known))
