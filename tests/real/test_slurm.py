"""examples/clusters/slurm.sh under the environment of a job, with stand-ins for what it calls."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples" / "clusters"
JOB = {"SLURM_JOB_ID": "7", "SLURM_CPUS_ON_NODE": "8"}
UNEQUAL = {
    "SLURM_HET_SIZE": "2",
    "SLURM_JOB_NUM_NODES": "1",  # of the first component
    "SLURM_JOB_NUM_NODES_HET_GROUP_0": "1",
    "SLURM_JOB_NUM_NODES_HET_GROUP_1": "3",
}
HETSCHED = """#!/bin/sh
if [ "$1" = nodes ]; then cat nodes; exit; fi
echo "hetsched $*" >>calls
[ -z "$LONG" ] && exit 0
trap 'echo finishing >>calls; sleep 1; exit 143' TERM
echo running >>calls
while true; do sleep 0.1; done
"""


def job(folder: Path, slurm: dict[str, str], joined: int, **more: str) -> "subprocess.Popen[str]":
    """The script, of a job where so many hosts join. What it calls is in `calls`."""
    shutil.copytree(EXAMPLES, folder, dirs_exist_ok=True)
    for name in ("srun", "ray"):
        (folder / name).write_text(f'#!/bin/sh\necho {name} $* | cut -c1-110 >>"{folder}/calls"\n')
    (folder / "hetsched").write_text(HETSCHED)
    (folder / "nodes").write_text("".join(f'name = "n{number}"\n' for number in range(joined)))
    for name in ("srun", "ray", "hetsched"):
        (folder / name).chmod(0o755)
    own = {key: value for key, value in os.environ.items() if not key.startswith("SLURM_")}
    environment = own | JOB | slurm | {"PATH": f"{folder}:{own['PATH']}", "SLURM_SUBMIT_DIR": str(folder), **more}
    return subprocess.Popen(
        ["bash", "slurm.sh", "scenario.toml"], cwd=folder, env=environment, stderr=subprocess.PIPE, text=True
    )


def calls(folder: Path) -> list[str]:
    path = folder / "calls"
    return path.read_text().splitlines() if path.exists() else []


def sruns(folder: Path) -> set[str]:
    return {line.partition(" bash ")[0] for line in calls(folder) if line.startswith("srun ")}


@pytest.mark.parametrize(
    ("slurm", "hosts", "expected"),
    [
        ({"SLURM_JOB_NUM_NODES": "4"}, 4, {"srun --overlap --nodes=4 --ntasks=4 --ntasks-per-node=1"}),
        (
            UNEQUAL,
            4,
            {
                "srun --het-group=0 --overlap --nodes=1 --ntasks=1 --ntasks-per-node=1",
                "srun --het-group=1 --overlap --nodes=3 --ntasks=3 --ntasks-per-node=1",
            },
        ),
    ],
    ids=["equal hosts", "components"],
)
def test_all_hosts_of_a_job_join(slurm: dict[str, str], hosts: int, expected: set[str], tmp_path: Path) -> None:
    """Of a heterogeneous job, the hosts of its first component joined alone."""
    script = job(tmp_path, slurm, hosts)
    _, errors = script.communicate(timeout=300)
    assert script.returncode == 0, errors
    assert sruns(tmp_path) == expected
    assert [line for line in calls(tmp_path) if line.startswith("hetsched run scenario.toml --address ")]
    assert not list(tmp_path.glob(".ray-token-*"))


def test_hosts_that_do_not_join_are_counted(tmp_path: Path) -> None:
    script = job(tmp_path, UNEQUAL, 1, JOIN_S="0")
    _, errors = script.communicate(timeout=300)
    assert script.returncode == 1
    assert "slurm.sh: only 1 of 4 hosts have joined" in errors
    assert not [line for line in calls(tmp_path) if line.startswith("hetsched run")]


def test_the_signal_before_the_time_limit_reaches_the_run_which_is_waited_for(tmp_path: Path) -> None:
    script = job(tmp_path, UNEQUAL, 4, LONG="yes")
    began = time.monotonic()
    while "running" not in calls(tmp_path):
        assert script.poll() is None and time.monotonic() - began < 300
        time.sleep(0.05)
    script.send_signal(signal.SIGTERM)
    _, errors = script.communicate(timeout=300)
    assert (script.returncode, calls(tmp_path)[-1]) == (143, "finishing"), errors
