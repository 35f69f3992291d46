"""What a policy cannot do in a scenario is said beside its figures."""

from pathlib import Path
from typing import Any

import pytest

import hetsched
from hetsched import scheduling
from hetsched.domain.cluster import ClusterSpec
from hetsched.domain.registry import Strategy
from hetsched.domain.workload import Experiment
from hetsched.errors import PolicyError
from hetsched.scenario.profile_files import write_profile
from hetsched.scheduling.queueing.fifo import Fifo
from hetsched.studies.policy_limits import policy_limits
from tests.conftest import ROWS, make_setup
from tests.test_front_door import TABLES

JOBS = [
    {"name": name, "batch_size": 32, "stop_iterations": 40, "pbt": {"enabled": False}, "arrival_s": arrival_s}
    for name, arrival_s in (("first", 0.0), ("second", 1.0))
]
SAID = "'las' takes a worker from a trial only at a checkpoint"


def test_every_study_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_profile(tmp_path / "p.csv", ROWS)
    scenario = hetsched.Scenario(**TABLES | {"workload": {"experiments": JOBS}})
    assert SAID in hetsched.simulate(scenario, "fusion+las").warnings["fusion+las"]
    assert SAID in hetsched.compare(scenario, ["fusion+las"], 1).warnings["fusion+las"]
    assert SAID in hetsched.ablate(scenario, "fusion+las", 1).warnings["fusion+las"]
    (tmp_path / "s.toml").write_text(scenario.to_toml())
    found = hetsched.suite(["s.toml"], ["fifo", "las"], 1, "out")
    assert any(SAID in line for lines in found.plan.assumed.values() for line in lines)


def limits(
    tmp_path: Path,
    policy: str,
    options: dict[str, Any] | None = None,
    *,
    cluster: dict[str, Any] | None = None,
    allocation: str = "fusion",
    **changes: Any,
) -> str:
    """What is said of the policy for trials without PBT, eight of 90 iterations, that are all there from the start."""
    write_profile(tmp_path / "p.csv", ROWS)
    job = {"name": "e", "batch_size": 32, "population": 8, "stop_iterations": 90, "pbt": {"enabled": False}} | changes
    tables = {"workload": {"experiments": [job]}, "scheduling": {policy: options} if options else {}}
    tables["profile"] = {"sources": [str(tmp_path / "p.csv")]}
    if cluster is not None:
        tables["cluster"] = cluster
    strategy = Strategy(allocation, policy)
    setup = hetsched.Scenario(**TABLES | tables).resolve()
    return policy_limits(setup, [strategy]).get(str(strategy), "")


@pytest.mark.parametrize("policy", ["las", "sia"])
def test_jobs_that_take_turns_need_checkpoints_from_the_start(policy: str, tmp_path: Path) -> None:
    assert "only at a checkpoint" in limits(tmp_path, policy)
    assert not limits(tmp_path, policy, population=2)  # each has a worker
    assert not limits(tmp_path, policy, checkpoint_interval=30)


def test_nothing_arrives_for_which_srtf_would_preempt(tmp_path: Path) -> None:
    assert not limits(tmp_path, "srtf")


@pytest.mark.parametrize(
    ("changes", "options", "said"),
    [
        ({}, {}, ""),
        (
            {"checkpoint_interval": 31},
            {},
            "grace_iterations = 31 x reduction_factor = 3 is beyond stop_iterations = 90",
        ),
        ({"checkpoint_interval": 30}, {}, ""),
        ({}, {"grace_iterations": 60}, "grace_iterations = 60 x reduction_factor = 3 is beyond stop_iterations = 90"),
        ({"population": 2}, {}, "its population of 2 is below reduction_factor = 3"),
        ({"population": 1}, {}, ""),
    ],
)
def test_asha_whose_only_rung_is_the_end_is_fifo(
    changes: dict[str, Any], options: dict[str, Any], said: str, tmp_path: Path
) -> None:
    found = limits(tmp_path, "asha", options, **changes)
    assert found.startswith("'asha' stops no trial of e by its score, as " if said else "")
    assert found.endswith(said) and bool(found) == bool(said)


@pytest.mark.parametrize("policy", ["hypersched", "sequential-halving"])
def test_policies_for_a_limit_say_that_there_is_none(policy: str, tmp_path: Path) -> None:
    assert "stops no trial of e by its score, as " in limits(tmp_path, policy)
    assert not limits(tmp_path, policy, {"deadline_s": 100.0}, checkpoint_interval=30)
    whole = "as a trial is one segment, and has no score before its end: set checkpoint_interval"
    assert limits(tmp_path, policy, {"deadline_s": 100.0}).endswith(whole)


@pytest.mark.parametrize(("node", "says"), [("server", False), ("box", True), (None, True)])
def test_a_budget_is_no_limit_where_nothing_costs_money(node: str | None, says: bool, tmp_path: Path) -> None:
    """Nobody has a worker on the box."""
    nodes = [one | ({"price_per_h": 2.0} if one["name"] == node else {}) for one in TABLES["cluster"]["nodes"]]
    found = limits(
        tmp_path,
        "sequential-halving",
        {"budget": 1.0},
        cluster={"nodes": nodes},
        allocation="gpu-only",
        checkpoint_interval=30,
    )
    assert found == ("'sequential-halving' stops no trial of e by its score, as no node has a price" if says else "")


@pytest.mark.parametrize("policy", ["asha", "hypersched", "sequential-halving"])
def test_policies_that_stop_trials_whom_nobody_evaluates_go_by_their_order(policy: str, tmp_path: Path) -> None:
    options = {} if policy == "asha" else {"deadline_s": 100.0}
    said = f"{policy!r} stops trials of e by their order, as nobody evaluates them"
    assert limits(tmp_path, policy, options, evaluation_images=0, checkpoint_interval=30) == said


def test_an_ablation_says_where_a_policy_uses_up_what_a_part_costs() -> None:
    """Each part contributed 0.0% of the makespan, because the policy trains until its deadline."""
    limited = make_setup(population=20, stop_iterations=200, pbt={"enabled": False}, checkpoint_interval=20)
    limited = limited.replace(scheduling={"sequential-halving": {"deadline_s": 100.0}})
    found = hetsched.ablate(limited, "fusion+sequential-halving")
    said = "so that makespans do not show what it saves"
    assert said in found.warnings["training alone"]
    unlimited = hetsched.ablate(limited.replace(scheduling={}), "fusion+sequential-halving")
    assert not any(said in line for line in unlimited.warnings.values())


class Wrong(Fifo):
    """Its answers about stops are wrong."""

    answer: object = None

    def never_stops(self, experiment: Experiment, cluster: ClusterSpec) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (AttributeError("no deadline"), "policy 'wrong': never_stops raised AttributeError.*: no deadline"),
        (3, "policy 'wrong': never_stops returned 3: expected a text, or None"),
    ],
)
def test_a_wrong_answer_of_ones_own_policy_names_it(answer: object, said: str, tmp_path: Path) -> None:
    """It ended a study with a traceback."""
    scheduling.register("wrong")(type("Named", (Wrong,), {"answer": answer}))
    with pytest.raises(PolicyError, match=said):
        limits(tmp_path, "wrong")


@pytest.mark.parametrize(("stop", "shrink", "says"), [(99, 0.9, True), (100, 0.9, False), (99, 1.0, False)])
def test_packages_that_never_shrink_are_said(stop: int, shrink: float, says: bool, tmp_path: Path) -> None:
    """Any `shrink` gave the same run."""
    found = limits(tmp_path, "era", {"shrink": shrink}, stop_iterations=stop)
    assert found == ("'era' in e: packages never shrink, as a trial is less than 100 iterations" if says else "")
