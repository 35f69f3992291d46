"""Allocation policies: nodes -> workers. One file a policy."""

from hetsched.allocation.policy import AllocationPolicy
from hetsched.registry import Registry

policies: Registry[AllocationPolicy] = Registry("allocation", "hetsched.allocation")
register = policies.register

from hetsched.allocation import fusion, uniform  # noqa: E402, F401  (importing them registers them)

__all__ = ["AllocationPolicy", "policies", "register"]
