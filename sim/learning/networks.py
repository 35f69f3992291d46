"""Networks in words: which ones the trials of a simulation train, on which data sets."""

from collections.abc import Collection, Iterable, Iterator

from hetsched.domain.workload import TrialKind

Network = tuple[str, str]
"""A model and its data set."""


def networks_of(kinds: Iterable[TrialKind]) -> list[Network]:
    return list(dict.fromkeys((kind.model, kind.dataset) for kind in kinds))


def named(networks: Iterable[Network]) -> str:
    """The networks in words.

    >>> named([("resnet18", "cifar10"), ("resnet50", "cifar10")])
    'resnet18 on cifar10, resnet50 on cifar10'
    """
    return ", ".join(f"{model} on {dataset}" for model, dataset in networks)


def one_curve_of_all(networks: Collection[Network]) -> Iterator[str]:
    """With constants of the user: that all networks have the same curve."""
    if len(networks) > 1:
        yield f"one curve, that of learning.options, for all of {named(networks)}"
