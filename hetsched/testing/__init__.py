"""The conformance suites: rules for every policy and every training, whoever wrote it.

See docs/testing-policies.md and docs/training.md.

Checking policies needs Hypothesis, the extra `testing`. A name's module is loaded on its first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__all__ = [
    "EXAMPLES",
    "ConformanceError",
    "TrainingError",
    "Verdict",
    "allocation_verdicts",
    "check_allocation_policy",
    "check_log",
    "check_scheduling_policy",
    "check_training",
    "scheduling_verdicts",
    "verdicts_table",
]

if TYPE_CHECKING:
    from hetsched.core.log_check import check_log
    from hetsched.testing.allocation import allocation_verdicts, check_allocation_policy
    from hetsched.testing.scheduling import check_scheduling_policy, scheduling_verdicts
    from hetsched.testing.table import verdicts_table
    from hetsched.testing.training_check import TrainingError, check_training
    from hetsched.testing.verdict import EXAMPLES, ConformanceError, Verdict
else:
    _HOMES = {
        "core.log_check": ["check_log"],
        "testing.allocation": ["allocation_verdicts", "check_allocation_policy"],
        "testing.scheduling": ["check_scheduling_policy", "scheduling_verdicts"],
        "testing.table": ["verdicts_table"],
        "testing.training_check": ["TrainingError", "check_training"],
        "testing.verdict": ["EXAMPLES", "ConformanceError", "Verdict"],
    }
    _HOME = {name: f"hetsched.{home}" for home, names in _HOMES.items() for name in names}

    def __getattr__(name: str) -> Any:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(_HOME[name]), name)
        return found
