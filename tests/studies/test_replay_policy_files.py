"""Replay with another version of a policy's file."""

from pathlib import Path

import pytest

import hetsched
from hetsched.scenario.profile_files import write_profile
from tests.conftest import ROWS
from tests.test_front_door import TABLES

POLICY = """from hetsched import Dispatch, register_scheduling

@register_scheduling("mine")
class Mine:
    def dispatch(self, state):
        pairs = zip(list(state.ready_trials)[::{step}], list(state.idle_workers))
        return [Dispatch(trial.id, worker.id, state.interval(trial)) for trial, worker in pairs]
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The run of a policy that takes the first ready trials."""
    monkeypatch.chdir(tmp_path)
    write_profile(tmp_path / "p.csv", ROWS)
    Path("mine.py").write_text(POLICY.format(step=1))
    result = hetsched.simulate(hetsched.Scenario(**TABLES | {"policy_files": ["mine.py"]}), "fusion+mine", folder="out")
    return result.runs[0].log.parent


def test_the_file_replaces_the_runs_own_copy_also_where_that_is_gone(run: Path) -> None:
    assert hetsched.replay(run, policy_files=["mine.py"]).same
    Path("mine.py").write_text(POLICY.format(step=-1))
    assert not hetsched.replay(run, policy_files=["mine.py"]).same
    assert hetsched.replay(run).same
    (copy,) = Path("out").rglob("mine.py")
    copy.unlink()
    assert not hetsched.replay(run, policy_files=["mine.py"]).same
    with pytest.raises(hetsched.InputError, match=r"mine.py: no such file.* name your own mine.py: --policy-file FILE"):
        hetsched.replay(run)
