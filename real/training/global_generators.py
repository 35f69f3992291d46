"""The global random generators of Python, NumPy and torch, with a separate state for each training.

A script that draws from them can share its process with other trainings. Its state goes into a
checkpoint. The generators of NumPy and torch are included once something has imported these
libraries.
"""

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SEEDS = 2**32
"""The generators have so many seeds. NumPy refuses larger ones, and torch on a CPU takes the last 32
bits of a larger one, so that two seeds would share their numbers."""


def checked(seed: int) -> int:
    """A training's seed, which every generator takes whole. Raises ValueError for another one."""
    if not 0 <= seed < SEEDS:
        raise ValueError(f"seed: expected a whole number from 0 to {SEEDS - 1}, got {seed}")
    return seed


class GlobalGenerators:
    """A state of the generators. `in_place` puts it into the generators, and keeps the state that
    the code there has left."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.state = state
        """JSON values, by library."""

    @classmethod
    def seeded(cls, seed: int) -> "GlobalGenerators":
        """The state that follows from the seed alone. Raises ValueError for a seed of more than 32
        bits."""
        checked(seed)
        generators = cls(_states())
        with generators.in_place():
            _seed(seed)
        return generators

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within the context the generators go on from this state. Afterwards they are as they were
        before."""
        before = _states()
        _put(self.state)
        try:
            yield
        finally:
            self.state = _states()
            _put(before)


def _seed(seed: int) -> None:
    random.seed(seed)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(seed)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(seed)


def _states() -> dict[str, Any]:
    """The present states as JSON values. Those of the GPUs are included once something has used a
    GPU."""
    version, numbers, gauss = random.getstate()
    states: dict[str, Any] = {"python": [version, list(numbers), gauss]}
    if numpy := sys.modules.get("numpy"):
        kind, keys, *rest = numpy.random.get_state()
        states["numpy"] = [kind, keys.tolist(), *rest]
    if torch := sys.modules.get("torch"):
        states["torch"] = _text(torch.get_rng_state())
        if torch.cuda.is_initialized():
            states["cuda"] = [_text(state) for state in torch.cuda.get_rng_state_all()]
    return states


def _put(states: dict[str, Any]) -> None:
    """Put a state into the generators. If a library was imported later than the state, its
    generators stay as they are."""
    version, numbers, gauss = states["python"]
    random.setstate((version, tuple(numbers), gauss))
    if "numpy" in states and (numpy := sys.modules.get("numpy")):
        numpy.random.set_state(tuple(states["numpy"]))
    if torch := sys.modules.get("torch"):
        if "torch" in states:
            torch.set_rng_state(_tensor(states["torch"]))
        if "cuda" in states and len(states["cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all([_tensor(state) for state in states["cuda"]])


def _text(state: Any) -> str:
    return str(state.numpy().tobytes().hex())


def _tensor(text: str) -> Any:
    torch = sys.modules["torch"]
    return torch.frombuffer(bytearray.fromhex(text), dtype=torch.uint8)
