"""Random numbers: one root seed, one independent named stream per source.

A stream depends only on the seed and its name. So the draws of one source never shift the draws of
another. Two strategies under the same seed have the same draws (common random numbers).
"""

from hashlib import blake2b
from struct import unpack

import numpy as np


def stream(seed: int, *name: str | int) -> np.random.Generator:
    """The generator of the stream called `name` under the root `seed`. Different names have
    different streams.

    >>> bool(stream(1, "noise", "t0").random() == stream(1, "noise", "t0").random())
    True
    >>> bool(stream(1, "noise", "t0").random() == stream(1, "noise", "t1").random())
    False
    """
    # A digest long enough that no two of all the names in a run ever meet, and as fast as a checksum.
    key = unpack("<4I", blake2b(_spelt(name).encode(), digest_size=16).digest())
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))


def _spelt(name: tuple[str | int, ...]) -> str:
    """A text that is different for every name: the parts joined by slashes. A slash in a part is
    written differently.

    >>> _spelt(("train", "cifar", 3)), _spelt(("stragglers", "box0/cpu0"))
    ('train/cifar/3', 'stragglers/box0/cpu0')
    >>> _spelt(("stragglers", "box0", "cpu0")) == _spelt(("stragglers", "box0/cpu0"))
    False
    """
    joined = "/".join(map(str, name))
    return joined if name == _as_read(joined) and "\0" not in joined else f"\0{name!r}"


def _as_read(joined: str) -> tuple[str | int, ...]:
    """The name that `_spelt` would join to this text, if only it has slashes. It is a source and a
    number, or a source and an id."""
    *before, last = joined.split("/")
    if len(before) > 1 and last.isdecimal():
        return (*before, int(last))
    source, slash, identifier = joined.partition("/")
    return (source, identifier) if slash else (source,)
