"""Snapshots: the form in which Ray's object store holds a trial's state, with arrays instead of
tensors.

Ray copies the bytes of NumPy arrays to shared memory once, and reads them there without a copy (PEP
574).
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
    """A snapshot of a state, copied to the CPU's memory."""
    import torch

    snapshot: Snapshot = _mapped(state, torch.Tensor, lambda tensor: np.array(tensor.detach().cpu().numpy()))
    return snapshot


def copied(snapshot: Snapshot) -> dict[str, Any]:
    """The state of a snapshot. Its tensors are copies, because the snapshot may be in shared
    memory, which is read-only."""
    import torch

    state: dict[str, Any] = _mapped(snapshot, np.ndarray, torch.tensor)
    return state


def viewed(snapshot: Snapshot) -> dict[str, Any]:
    """The state of a snapshot, without copies. Its tensors share the memory of the snapshot and
    must not be written to."""
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
