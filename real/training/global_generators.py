"""The global random generators of Python, NumPy and torch, as one training sees them.

A script that draws from them can then share its process with other trainings: each has its own state of them, and a
state goes into a checkpoint. NumPy and torch are looked after where something has imported them already.
"""

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SEEDS = 2**32
"""NumPy takes seeds below this."""


class GlobalGenerators:
    """A state of the generators: what they are `in_place`, and what the code in there has left."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.state = state
        """JSON values, by library."""

    @classmethod
    def seeded(cls, seed: int) -> "GlobalGenerators":
        """The state that follows from the seed alone."""
        generators = cls(_states())
        with generators.in_place():
            _seed(seed % SEEDS)
        return generators

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """While in this, the generators go on from this state. Afterwards they are as they were."""
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
    """JSON values. Of torch also the generator of each GPU, once something has used one."""
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
    """What a state lacks, because the library was imported after it, stays as it is."""
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
