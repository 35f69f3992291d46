"""Lines of logs that older versions wrote, as this version writes them."""

from typing import Any

import msgspec

_ARRIVED = b'{"event":"experiment-arrived"'


def renewed(line: bytes) -> bytes:
    """The line in the present format. It goes by what the line says, not by a number of the format: a run that is
    resumed has parts of several formats."""
    if not line.startswith(_ARRIVED):
        return line
    event = msgspec.json.decode(line)
    _renew_metric(event["experiment"])
    return msgspec.json.encode(event)


def _renew_metric(experiment: dict[str, Any]) -> None:
    """Up to format 2, every metric was an accuracy."""
    if "stop_accuracy" in experiment:
        experiment["stop_score"] = experiment.pop("stop_accuracy")
