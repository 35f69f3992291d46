"""The file that is written when a policy fails. It shows the author of the policy what the policy
saw."""

from pathlib import Path
from traceback import format_exception

from hetsched.core.dispatcher import Dispatcher
from hetsched.errors import PolicyError
from hetsched.studies.json_file import write_json

POLICY_ERROR_NAME = "policy-error.json"


def write_policy_error(folder: Path, dispatcher: Dispatcher, error: PolicyError) -> None:
    """Write `policy-error.json`: the error, what the policy could choose from, and the whole state
    as the policy saw it. The error gets a note with the path of the file."""
    state = dispatcher.state
    document = {
        "policy": dispatcher.policy_name,
        "error": str(error),
        "traceback": None if error.__cause__ is None else format_exception(error.__cause__),
        "decision_point": {
            "time_s": state.now,
            "decisions_before": dispatcher.decisions,
            "idle_workers": list(state.idle),
            "ready_trials": [trial.id for trial in state.ready],
        },
        "state": state.snapshot(),
    }
    write_json(folder / POLICY_ERROR_NAME, document)
    error.add_note(f"what the policy saw: {folder / POLICY_ERROR_NAME}")
