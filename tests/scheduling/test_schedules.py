"""Small schedules computed by hand."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hetsched.analysis.metrics import measure
from hetsched.core.events import Event, SegmentEnded, SegmentStarted, TrialCompleted
from hetsched.core.log import LOG_NAME
from hetsched.scenario.checks import parse_strategy
from tests.conftest import NO_OVERHEADS, Simulate, make_setup, profile_row

ONE_CORE_AND_TWO = ({"name": "a", "cores": 1}, {"name": "b", "cores": 2})


def starts(events: list[Event]) -> list[tuple[float, str, str, int]]:
    return [(e.time, e.trial, e.worker, e.iterations) for e in events if isinstance(e, SegmentStarted)]


def test_fifo_works_trials_off_one_after_the_other(simulate_log: Simulate) -> None:
    # a: 4 s an iteration, 40 s a segment of 10; b: 2 s, 20 s. Trials of 20 iterations, three of them.
    setup = make_setup(ONE_CORE_AND_TWO, overheads=NO_OVERHEADS, population=3)
    events = simulate_log(setup, "fusion+fifo")
    assert starts(events) == [
        (0.0, "e-0", "a/cpu0", 10),
        (0.0, "e-1", "b/cpu0", 10),
        (20.0, "e-1", "b/cpu0", 10),  # e-0 is running, so e-1 is the first that waits
        (40.0, "e-0", "a/cpu0", 10),  # both workers are free at 40; a was first: its segment ended first
        (40.0, "e-2", "b/cpu0", 10),
        (60.0, "e-2", "b/cpu0", 10),
    ]
    assert measure(events, setup).makespan_s == 80.0


def test_least_progress_keeps_the_population_together(simulate_log: Simulate) -> None:
    setup = make_setup(ONE_CORE_AND_TWO, overheads=NO_OVERHEADS, population=3)
    events = simulate_log(setup, "fusion+least-progress")
    assert starts(events) == [
        (0.0, "e-0", "a/cpu0", 10),
        (0.0, "e-1", "b/cpu0", 10),
        (20.0, "e-2", "b/cpu0", 10),
        (40.0, "e-0", "a/cpu0", 10),
        (40.0, "e-1", "b/cpu0", 10),
        (60.0, "e-2", "b/cpu0", 10),
    ]


def test_hrfs_probes_with_half_intervals_and_rests_slow_workers(simulate_log: Simulate) -> None:
    # One trial more than workers; a V100 at 0.1 s an iteration, a core at 4 s.
    nodes = ({"name": "g", "cores": 1, "gpus": 1, "gpu_type": "v100"}, {"name": "a", "cores": 1})
    setup = make_setup(nodes, overheads=NO_OVERHEADS, population=3)
    events = simulate_log(setup, "fusion+hrfs")
    assert starts(events) == [
        # Unmeasured workers take the most advanced waiting trial (all at 0: the last) for half an interval.
        (0.0, "e-2", "g/gpu0", 5),
        (0.0, "e-1", "a/cpu0", 5),
        # g: a = ceil(0.5 / 0.5) = 1. Waiting: e-0 at 0, e-2 at 5, the lead. lag = ceil(5/10) + 0 = 1: not slow.
        (0.5, "e-0", "g/gpu0", 10),
        # The lead is 10, waiting e-0 (10), e-2 (5): lag 1, so the least advanced: e-2 to 15, then e-0 (10) to 20.
        (1.5, "e-2", "g/gpu0", 10),
        (2.5, "e-0", "g/gpu0", 10),
        # Now e-0 is done. e-2 at 15 waits alone, the lead is 20: lag 1.
        (3.5, "e-2", "g/gpu0", 5),
        # At 20 s e-1 is back with 5. a: ceil(20 / 0.5) = 40, + floor(40 / 1) = 80 > lag 2, slow, and 80 > 0 x 3.
        (20.0, "e-1", "g/gpu0", 10),
        (21.0, "e-1", "g/gpu0", 5),
    ]


def test_a_segment_costs_its_parts(simulate_log: Simulate) -> None:
    overheads = {"noise": False, "dispatch_s": 0.125}
    setup = make_setup(({"name": "a", "cores": 1},), overheads=overheads, population=2, stop_iterations=20)
    ended = [e for e in simulate_log(setup, "fusion+least-progress") if isinstance(e, SegmentEnded)]
    # Two trials take turns: the first segments restore nothing, the others load what the worker has dropped.
    assert [e.parts.start_up_s for e in ended] == [5.0, 0.0, 0.0, 0.0]
    assert [e.parts.restore_s for e in ended] == [0.0, 0.0, 0.5, 0.5]
    for e in ended:
        assert (e.parts.train_s, e.parts.evaluate_s, e.parts.checkpoint_s) == (40.0, pytest.approx(0.1), 0.25)
        assert e.parts.dispatch_s == 0.125
    assert ended[-1].time == pytest.approx(5 + 2 * 0.5 + 4 * (40 + 0.1 + 0.25 + 0.125))


def test_a_trial_that_stays_on_its_worker_restores_nothing(simulate_log: Simulate) -> None:
    setup = make_setup(({"name": "a", "cores": 1},), population=1)
    ended = [e for e in simulate_log(setup) if isinstance(e, SegmentEnded)]
    assert [e.parts.restore_s for e in ended] == [0.0, 0.0]


def test_trials_stop_at_the_target_score(simulate_log: Simulate) -> None:
    space = {"lr": {"low": 0.01, "high": 0.1}}
    setup = make_setup(population=6, stop_iterations=400, stop_score=0.3, search_space=space)
    events = simulate_log(setup, "fusion+least-progress")
    reasons = {e.reason for e in events if isinstance(e, TrialCompleted)}
    assert "accuracy >= 0.3" in reasons
    last = {e.trial: e.score for e in events if isinstance(e, SegmentEnded)}
    early = [e.trial for e in events if isinstance(e, TrialCompleted) and e.reason.startswith("accuracy")]
    assert all((last[trial] or 0.0) >= 0.3 for trial in early)


def test_experiments_arrive_in_time(simulate_log: Simulate) -> None:
    tables: list[dict[str, Any]] = [{"name": "late", "arrival_s": 500.0}, {"name": "early"}]
    setup = make_setup(overheads=NO_OVERHEADS, experiments=tables)
    first = {e.trial.split("-")[0]: e.time for e in reversed(simulate_log(setup)) if isinstance(e, SegmentStarted)}
    assert first == {"early": 0.0, "late": 500.0}


def test_restricted_trials_run_on_their_devices_only(simulate_log: Simulate) -> None:
    nodes = ({"name": "g", "cores": 2, "gpus": 1, "gpu_type": "v100"},)
    setup = make_setup(nodes, experiments=[{"name": "any"}, {"name": "gpu", "devices": ["v100"]}])
    for strategy in ("fusion+fifo", "fusion+least-progress", "fusion+hrfs"):
        events = simulate_log(setup, strategy)
        used = {(t.split("-")[0], w) for _, t, w, _ in starts(events)}
        assert ("gpu", "g/cpu0") not in used
        assert measure(events, setup).completed == 8


def test_uniform_takes_the_fastest_fixed_bundle() -> None:
    gpus_win = make_setup(({"name": "g", "cores": 2, "gpus": 1, "gpu_type": "v100"}, {"name": "a", "cores": 2}))
    assert [w.id for w in gpus_win.workers(parse_strategy("uniform+fifo"))] == ["g/gpu0"]
    # The K80 does 2 iterations a second, four trials on 16 cores each (by the profile, 0.633 s an iteration) 6.3.
    cores_win = make_setup(({"name": "g", "cores": 2, "gpus": 1, "gpu_type": "k80"}, {"name": "a", "cores": 64}))
    assert [w.id for w in cores_win.workers(parse_strategy("uniform+fifo"))] == [f"a/cpu{n}" for n in range(4)]


def test_uniform_counts_no_more_workers_than_trials() -> None:
    nodes = ({"name": "a", "cores": 8},)
    rows = [profile_row(cores=1, seconds=4.0), profile_row(cores=2, seconds=3.0), profile_row(cores=8, seconds=2.5)]
    many, few = (make_setup(nodes, rows=rows, population=trials) for trials in (8, 2))
    assert [w.cores for w in many.workers(parse_strategy("uniform+fifo"))] == [1] * 8
    # Two trials on workers of 1, 2, 4 and 8 cores do 2 / 4, 2 / 3, 2 / 2.67 and 1 / 2.5 iterations a second.
    assert [w.cores for w in few.workers(parse_strategy("uniform+fifo"))] == [4] * 2


def test_fusion_uses_every_device_once() -> None:
    nodes = ({"name": "g", "cores": 4, "gpus": 2, "gpu_type": "k80"}, {"name": "a", "cores": 3})
    workers = make_setup(nodes).workers(parse_strategy("fusion+fifo"))
    assert [(w.id, w.device, w.cores) for w in workers] == [
        ("g/gpu0", "k80", 1),
        ("g/gpu1", "k80", 1),
        ("g/cpu0", "cpu", 2),
        ("a/cpu0", "cpu", 3),
    ]


def test_logs_do_not_depend_on_the_order_of_sets(tmp_path: Path) -> None:
    """Several kinds of trial, a policy that looks at expected times, two interpreters with other
    hash seeds."""
    code = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from pathlib import Path
from hetsched import scheduling
from hetsched.domain.registry import Strategy
from hetsched.domain.user_files import load_file
from sim.engine import simulate
from tests.conftest import make_setup, profile_row
load_file(Path({str(Path(__file__).parents[2])!r}) / "examples" / "my_policy.py")
batches = (32, 48, 64, 80, 96)
rows = [profile_row(cores=c, seconds=b / c / 7, batch_size=b) for b in batches for c in (1, 2)]
tables = [{{"name": f"b{{b}}", "batch_size": b}} for b in batches]
folder = Path(sys.argv[1]); folder.mkdir()
simulate(make_setup(rows=rows, experiments=tables), Strategy("fusion", "soonest"), 0, folder)
"""
    for hash_seed in "01":
        environment = dict(os.environ, PYTHONHASHSEED=hash_seed)
        subprocess.run([sys.executable, "-c", code, str(tmp_path / hash_seed)], check=True, env=environment)
    assert (tmp_path / "0" / LOG_NAME).read_bytes() == (tmp_path / "1" / LOG_NAME).read_bytes()
