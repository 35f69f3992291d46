"""Scheduling policies: which ready trial runs a segment of what length on which idle worker. One
file per policy."""

from importlib import import_module
from pkgutil import walk_packages

from hetsched.core.decisions import Decision, Dispatch, SchedulingPolicy, Stop, WakeAt
from hetsched.core.trial import Trial
from hetsched.core.view import StateView
from hetsched.domain.registry import Registry
from hetsched.scheduling.periods import wrong_periods

policies: Registry[SchedulingPolicy] = Registry("scheduling policy", "hetsched.scheduling", ["dispatch"], wrong_periods)
register = policies.register

for module in walk_packages(__path__, f"{__name__}."):  # importing a policy's file registers it
    import_module(module.name)

__all__ = ["Decision", "Dispatch", "SchedulingPolicy", "StateView", "Stop", "Trial", "WakeAt", "policies", "register"]
