"""Random numbers: one root seed, one independent named stream per source.

A stream depends only on the seed and its name, so what one source draws never shifts another's luck, and
two strategies under the same seed meet the same luck (common random numbers).
"""

from zlib import crc32

import numpy as np


def stream(seed: int, *name: str | int) -> np.random.Generator:
    """The generator of the stream called `name` under the root `seed`.

    >>> bool(stream(1, "noise", "t0").random() == stream(1, "noise", "t0").random())
    True
    >>> bool(stream(1, "noise", "t0").random() == stream(1, "noise", "t1").random())
    False
    """
    key = tuple(crc32(str(part).encode()) for part in name)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))
