"""Scheduling policies: which ready trial runs a segment of what length on which idle worker. One file a policy."""

from hetsched.registry import Registry
from hetsched.scheduling.policy import Dispatch, SchedulingPolicy

policies: Registry[SchedulingPolicy] = Registry("scheduling", "hetsched.scheduling")
register = policies.register

from hetsched.scheduling import fifo, hrfs, least_progress  # noqa: E402, F401  (importing them registers them)

__all__ = ["Dispatch", "SchedulingPolicy", "policies", "register"]
