"""When another process goes on with a run, PBT receives again what it received before."""

import logging
from collections.abc import Sequence

from hetsched.core.events import AnyEvent, CheckpointLost, TrialCompleted
from hetsched.domain.workload import TrialId
from hetsched.studies.resume import Report, pbt_course
from real.tune.ports import PBT, Exploit

logger = logging.getLogger(__name__)


def recall(past: Sequence[AnyEvent], pbt: PBT) -> tuple[TrialId, Exploit] | None:
    """Report to PBT again what it received before, by the log. It then ranks and draws as it did.

    Returns an exploit of the last segment's trial if the log lacks it, because the driver died
    before it had written it.
    """
    missing = None
    for heard in pbt_course(past):
        if isinstance(heard, TrialCompleted):
            pbt.complete(heard.trial)
        elif isinstance(heard, CheckpointLost):
            pbt.forget_score(heard.trial)
        else:
            missing = _report_again(heard, pbt)
    return missing


def _report_again(report: Report, pbt: PBT) -> tuple[TrialId, Exploit] | None:
    trial, before = report.trial, report.exploit
    exploit = pbt.report(trial)
    if exploit == (None if before is None else (before.source, before.hyperparameters)):
        return None
    if report.last and exploit is not None:
        return trial.id, exploit
    pbt.follow_log(trial.id, dict(trial.hyperparameters if before is None else before.hyperparameters))
    logger.warning(
        "after %d iterations of %s, PBT decides otherwise than the log says; the run follows the log",
        trial.iterations,
        trial.id,
    )
    return None
