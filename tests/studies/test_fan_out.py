"""Fan-out: what its processes do that a notebook's does not."""

import gc
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hetsched.domain.exploring import explorers
from hetsched.domain.registry import Strategy
from hetsched.domain.user_files import load_file
from hetsched.studies import fan_out
from hetsched.studies.one_run import carry_out
from tests.conftest import make_setup

FIFO = Strategy("fusion", "fifo")


def test_a_simulation_leaves_pythons_garbage_collection_alone(tmp_path: Path) -> None:
    seen: set[bool] = set()
    carry_out("sim", make_setup(), FIFO, 0, tmp_path, lambda state, event: seen.add(gc.isenabled()))
    assert seen == {True}


def test_processes_that_only_simulate_collect_no_garbage_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def watched(*run: Any) -> Any:
        seen.append(gc.isenabled())
        return carry_out(*run)

    monkeypatch.setattr(fan_out, "carry_out", watched)
    setup, task = pickle.dumps(make_setup()), fan_out.Task(FIFO, 0)
    fan_out._carry_out_here(task, tmp_path, os.getppid(), fan_out._simulate, setup, ())
    fan_out._carry_out_away(task, fan_out._simulate, setup, ())
    assert seen == [False, False]
    assert gc.isenabled()


def test_what_the_session_has_loaded_stays_where_its_own_process_simulates(tmp_path: Path) -> None:
    """Where there is one core, joblib starts no process."""
    file = tmp_path / "mine.py"
    file.write_text("from hetsched import register_explore\n\n@register_explore('mine')\ndef mine(new, rng): ...\n")
    load_file(file)
    setup, task = pickle.dumps(make_setup()), fan_out.Task(FIFO, 0)
    fan_out._carry_out_here(task, tmp_path, os.getpid(), fan_out._simulate, setup, ())
    assert "mine" in explorers.names()


def test_ctrl_c_while_the_processes_start_leaves_no_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    """The signal waits until joblib has its first calls. Of those joblib warned when Python
    collected them."""

    @contextmanager
    def interrupted() -> Iterator[None]:
        yield
        raise KeyboardInterrupt

    monkeypatch.setattr(fan_out, "children_without_interrupts", interrupted)
    tasks = [fan_out.Task(FIFO, seed) for seed in range(40)]
    with pytest.raises(KeyboardInterrupt), fan_out.fan_out(make_setup(), jobs=2) as simulating:
        list(simulating(tasks, tmp_path))
    gc.collect()
    assert not [warned for warned in recwarn if "tasks" in str(warned.message)]


def test_ctrl_c_leaves_no_traceback_of_joblibs_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The thread looks for calls again after all were thrown away: by chance there is one in its
    queue."""
    from joblib.externals.loky.process_executor import _ExecutorManagerThread

    def look(thread: Any) -> None:
        if thread.executor_flags.kill_workers:
            raise KeyError(0)
        fill(thread)

    def interrupted(run: Any) -> None:
        raise KeyboardInterrupt

    fill = _ExecutorManagerThread.add_call_item_to_queue
    monkeypatch.setattr(_ExecutorManagerThread, "add_call_item_to_queue", look)
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)  # pytest has one of its own
    tasks = [fan_out.Task(FIFO, seed) for seed in range(40)]
    with pytest.raises(KeyboardInterrupt), fan_out.fan_out(make_setup(), jobs=2) as simulating:
        list(map(interrupted, simulating(tasks, tmp_path)))
    assert "Traceback" not in capfd.readouterr().err


ON_ONE_CORE = """
import os, sys
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from hetsched.cli.main import main
sys.exit(main(["compare", "s.toml", "--seeds", "2", *sys.argv[1:]]))
"""


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system has no affinity of processes to cores")
@pytest.mark.parametrize("jobs", [[], ["--jobs", "2"]])
def test_a_machine_of_one_core_compares(tmp_path: Path, jobs: list[str]) -> None:
    """joblib then simulates in the process of the study, which ended itself without a word: its
    parent is not the study."""
    make_setup(population=2).save(tmp_path)
    (tmp_path / "scenario.toml").rename(tmp_path / "s.toml")
    done = subprocess.run(
        [sys.executable, "-c", ON_ONE_CORE, *jobs], cwd=tmp_path, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    assert "fusion" in done.stdout
