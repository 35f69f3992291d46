"""Allocation policies: which workers the nodes are divided into. One file per policy."""

from importlib import import_module
from pkgutil import iter_modules

from hetsched.allocation.policy import AllocationPolicy
from hetsched.domain.registry import Registry

policies: Registry[AllocationPolicy] = Registry("allocation policy", "hetsched.allocation", ["workers"])
register = policies.register

for module in iter_modules(__path__):  # importing a policy's file registers it
    import_module(f"{__name__}.{module.name}")

__all__ = ["AllocationPolicy", "policies", "register"]
