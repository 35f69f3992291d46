"""The conformance suite: what every policy must keep to, whoever wrote it (docs/testing-policies.md).

It needs Hypothesis, the extra `testing`.
"""

from hetsched.core.log_check import check_log
from hetsched.testing.allocation import allocation_verdicts, check_allocation_policy
from hetsched.testing.scheduling import check_scheduling_policy, scheduling_verdicts
from hetsched.testing.table import verdicts_table
from hetsched.testing.verdict import EXAMPLES, ConformanceError, Verdict

__all__ = [
    "EXAMPLES",
    "ConformanceError",
    "Verdict",
    "allocation_verdicts",
    "check_allocation_policy",
    "check_log",
    "check_scheduling_policy",
    "scheduling_verdicts",
    "verdicts_table",
]
