"""For scripts that use Ray Tune: `from hetsched.tune import HeterogeneousPBT, Profiler`. See
docs/ray-tune-dropin.md.

The names are found by entry point when they are asked for: hetsched itself imports no Ray.
"""

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from hetsched.domain.entry_points import needed_for
from hetsched.errors import InputError

GROUP = "hetsched.tune"
"""The entry-point group in which the names are offered."""

__all__ = ["HeterogeneousPBT", "Profiler"]

if TYPE_CHECKING:
    HeterogeneousPBT: Any
    Profiler: Any
else:

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        for point in entry_points(group=GROUP, name=name):
            with needed_for(f"hetsched.tune.{name}"):
                globals()[name] = found = point.load()
            return found
        raise InputError(f"hetsched.tune.{name} is not installed: reinstall hetsched")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
