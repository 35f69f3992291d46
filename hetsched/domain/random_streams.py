"""Random numbers: one root seed, one independent named stream per source.

A stream depends only on the seed and its name, so what one source draws never shifts another's luck, and
two strategies under the same seed meet the same luck (common random numbers).
"""

from hashlib import blake2b
from struct import unpack

import numpy as np


def stream(seed: int, *name: str | int) -> np.random.Generator:
    """The generator of the stream called `name` under the root `seed`.

    >>> bool(stream(1, "noise", "t0").random() == stream(1, "noise", "t0").random())
    True
    >>> bool(stream(1, "noise", "t0").random() == stream(1, "noise", "t1").random())
    False
    """
    # A digest long enough that no two of all the names in a run ever meet, and as fast as a checksum.
    key = unpack("<4I", blake2b("/".join(map(str, name)).encode(), digest_size=16).digest())
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))
