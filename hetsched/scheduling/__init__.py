"""Scheduling policies: which ready trial runs a segment of what length on which idle worker. One file a policy."""

from importlib import import_module
from pkgutil import iter_modules

from hetsched.core.decisions import Decision, Dispatch, SchedulingPolicy, Stop, WakeAt
from hetsched.domain.registry import Registry

policies: Registry[SchedulingPolicy] = Registry("scheduling policy", "hetsched.scheduling")
register = policies.register

for module in iter_modules(__path__):  # importing a policy's file registers it
    import_module(f"{__name__}.{module.name}")

__all__ = ["Decision", "Dispatch", "SchedulingPolicy", "Stop", "WakeAt", "policies", "register"]
