"""Snapshots: a trial's state with arrays for tensors, as Ray's object store holds it.

Ray copies the bytes of NumPy arrays to shared memory once, and reads them there without a copy (PEP 574).
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import numpy as np

from real.cluster.matching import RayNodeId
from real.training.trainer import Snapshot


class Copy(msgspec.Struct, frozen=True):
    """A snapshot in the object store of a node."""

    reference: Any
    ray_node: RayNodeId


def take(state: Mapping[str, Any]) -> Snapshot:
    """A copy of a state, in the CPU's memory."""
    import torch

    snapshot: Snapshot = _mapped(state, torch.Tensor, lambda tensor: np.array(tensor.detach().cpu().numpy()))
    return snapshot


def copied(snapshot: Snapshot) -> dict[str, Any]:
    """The state again. Its tensors are copies: the snapshot may be in shared memory, which nobody may write to."""
    import torch

    state: dict[str, Any] = _mapped(snapshot, np.ndarray, torch.tensor)
    return state


def viewed(snapshot: Snapshot) -> dict[str, Any]:
    """The state again, without copies: its tensors are those of the snapshot, and only to be read."""
    import torch

    state: dict[str, Any] = _mapped(snapshot, np.ndarray, torch.from_numpy)
    return state


def _mapped(value: Any, kind: type, convert: Callable[[Any], Any]) -> Any:
    if isinstance(value, kind):
        return convert(value)
    if isinstance(value, Mapping):
        return {key: _mapped(part, kind, convert) for key, part in value.items()}
    if isinstance(value, list):
        return [_mapped(part, kind, convert) for part in value]
    return value
