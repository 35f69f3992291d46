"""Events of older formats of the log, as they would be written now."""

from typing import Any

import msgspec

SAID_SINCE = 3
"""The format since which a search space says the kind of each hyperparameter, and an experiment its metric. Before, all
hyperparameters were ranges of numbers, and all metrics accuracies."""


def as_of_now(line: bytes, version: int) -> bytes:
    """A line of a part of a log that has this format, in the format of today; what is no JSON stays as it is."""
    if version >= SAID_SINCE or b'"experiment-arrived"' not in line:
        return line
    try:
        event = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return line
    return msgspec.json.encode(_with_stop_score(_tagged(event)))


def _tagged(event: Any) -> Any:
    """The event with the kinds of an experiment's hyperparameters."""
    match event:
        case {"event": "experiment-arrived", "experiment": {"search_space": dict(space)} as experiment}:
            tagged = {key: {"kind": "float", **span} if isinstance(span, dict) else span for key, span in space.items()}
            return {**event, "experiment": {**experiment, "search_space": tagged}}
    return event


def _with_stop_score(event: Any) -> Any:
    """The event with the stop rule of an experiment under the name of today."""
    match event:
        case {"event": "experiment-arrived", "experiment": {"stop_accuracy": target} as experiment}:
            others = {key: value for key, value in experiment.items() if key != "stop_accuracy"}
            return {**event, "experiment": {**others, "stop_score": target}}
    return event
