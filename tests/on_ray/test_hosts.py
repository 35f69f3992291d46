"""Real runs over several hosts: network namespaces on this machine, each with an address of its
own."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any

import pytest

from hetsched.cli.main import main
from hetsched.core.events import ResourcesSampled, SegmentEnded, SegmentLost, SegmentStarted, WorkerLeft
from hetsched.core.log import LOG_NAME, read_log
from hetsched.core.state import state_of
from hetsched.scenario.loading import load_setup
from real.cluster.matching import NODE_LABEL
from sim.replay import replay
from tests.on_ray.conftest import HERE, LONG_S, ROOT, of

BY_HAND = ROOT / "examples" / "clusters" / "by-hand.sh"
STOP, INTERVAL, PACE_S = 24, 3, 0.2

NODES = """
[[cluster.nodes]]
name = "by-address"
cores = 1
pace = true
address = "{address}"
[[cluster.nodes]]
name = "by-label"
cores = 1
pace = true
"""
EXPERIMENT = f"""
[[workload.experiments]]
name = "e"
model = "stand-in"
dataset = "synthetic"
batch_size = 8
population = 3
stop_iterations = {STOP}
evaluation_images = 20
train_images = 40
pbt = {{ perturbation_interval = {INTERVAL} }}
[profile]
sources = ["profile.csv"]
[real]
model_file = "{HERE / "stand_in.py"}"
report_interval_s = 0.5
"""
PROFILE = f"""\
model,dataset,batch_size,device,cores,gpu_share,seconds_per_iteration,noise_cv,evaluation_s_per_image,start_up_s,\
restore_s,checkpoint_s,provenance
stand-in,synthetic,8,cpu,1,0,{PACE_S},,,,,,test
"""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


class Host:
    """A network namespace on the bridge of the first one, and what runs in it."""

    def __init__(self, name: str, address: str) -> None:
        self.name, self.address = name, address

    def command(self, *words: str) -> list[str]:
        return ["ip", "netns", "exec", self.name, *words]

    def kill_all(self) -> None:
        found = subprocess.run(["ip", "netns", "pids", self.name], capture_output=True, text=True)
        for process in map(int, found.stdout.split()):
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue


@contextmanager
def network(hosts: int) -> Iterator[list[Host]]:
    """So many hosts that reach each other. The bridge is on the first one, with a port named after
    each of the others, so that this machine's own network is left alone."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("hosts with addresses of their own are network namespaces, which need root and ip (iproute2)")
    names = [f"hs{os.getpid()}-{number}" for number in range(hosts)]
    made = [Host(name, f"10.213.7.{number}") for number, name in enumerate(names, start=1)]
    with ExitStack() as undo:
        try:
            for host in made:
                ip("netns", "add", host.name)
                undo.callback(ip, "netns", "delete", host.name)
                undo.callback(host.kill_all)
                ip("-n", host.name, "link", "set", "lo", "up")
            first, *others = made
            ip("-n", first.name, "link", "add", "bridge", "type", "bridge")
            ip("-n", first.name, "address", "add", f"{first.address}/24", "dev", "bridge")
            ip("-n", first.name, "link", "set", "bridge", "up")
            for host in others:
                pair = ("type", "veth", "peer", "name", "eth0", "netns", host.name)
                ip("-n", first.name, "link", "add", f"to-{host.address[-1]}", *pair)
                ip("-n", first.name, "link", "set", f"to-{host.address[-1]}", "master", "bridge", "up")
                ip("-n", host.name, "address", "add", f"{host.address}/24", "dev", "eth0")
                ip("-n", host.name, "link", "set", "eth0", "up")
        except subprocess.CalledProcessError as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"this machine makes no network of namespaces: {' '.join(error.cmd)}: {error.stderr.strip()}")
        yield made


def start_ray(hosts: list[Host], temporary: str) -> dict[str, str]:
    """A head without cores on the first host, a node of one core on each of the others; the
    environment of a driver.

    The last node has a label, the others have their addresses only.
    """
    token = Path(temporary) / "token"
    token.write_text("of-this-test-alone-" + "0" * 32)
    token.chmod(0o600)
    own = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}  # some keep Ray on one host
    environment = own | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token), "OMP_NUM_THREADS": "1"}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    head, *others = hosts

    def start(host: Host, *words: str) -> subprocess.Popen[str]:
        folder = f"--temp-dir={temporary}/{host.address}"  # else two that start at once take the same names for sockets
        options = (f"--node-ip-address={host.address}", folder, "--object-store-memory=500000000")
        command = host.command(str(BY_HAND), *words, *options)
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def finish(starting: subprocess.Popen[str]) -> None:
        output, _ = starting.communicate(timeout=LONG_S)
        assert starting.returncode == 0, output

    finish(start(head, "head"))
    joining = [
        start(host, "node", f"{head.address}:6379", "--num-cpus=1", *([f"--labels={NODE_LABEL}=by-label"] * last))
        for host, last in [(host, host is others[-1]) for host in others]
    ]
    for starting in joining:
        finish(starting)
    return environment


def events_of(log: Path) -> list[Any]:
    """What a log that is being written holds by now."""
    if not log.exists():
        return []
    seen = log.with_suffix(".seen")
    seen.write_bytes(b"".join(line for line in log.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")))
    return list(read_log(seen))


def seconds_idle(events: list[Any], worker: str, start: float, end: float) -> float:
    """How many seconds between `start` and `end` the worker spent outside its segments."""
    segments = zip(of(events, SegmentStarted, worker=worker), of(events, SegmentEnded, worker=worker), strict=True)
    busy = (min(ended.time, end) - max(started.time, start) for started, ended in segments)
    return end - start - float(sum(max(seconds, 0.0) for seconds in busy))


def write_scenario(folder: Path, cluster: str, experiment: str = EXPERIMENT) -> None:
    (folder / "profile.csv").write_text(PROFILE)
    name = 'name = "hosts"\nstrategies = ["fusion+least-progress"]\n'
    (folder / "scenario.toml").write_text(name + cluster + experiment)


def start_run(head: Host, folder: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    words = ["run", str(folder / "scenario.toml"), "--strategy", "fusion+least-progress"]
    words += ["--address", f"{head.address}:6379", "--out", str(folder / "run"), "--json"]
    command = head.command(sys.executable, "-m", "hetsched", *words)
    with (folder / "errors").open("w") as errors:
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)


def check_discovery(head: Host, folder: Path, environment: dict[str, str]) -> None:
    """A short run on the nodes that are there: without the head, which has no cores, and the one
    that was cut off."""
    folder.mkdir()
    short = EXPERIMENT.replace(f"= {STOP}", f"= {INTERVAL}").replace("population = 3", "population = 2")
    write_scenario(folder, 'cluster = "discover"\n', short)
    driver = start_run(head, folder, environment)
    driver.communicate(timeout=LONG_S)
    assert driver.returncode == 0, (folder / "errors").read_text()
    saved = load_setup(folder / "run" / "scenario.toml")
    assert [(node.id, node.cores, node.gpus) for node in saved.cluster] == [("by-label", 1, 0)]
    events = list(read_log(folder / "run" / LOG_NAME))
    assert {trial.iterations for trial in state_of(events).trials.values()} == {INTERVAL}
    assert replay(saved, events).difference is None
    assert main(["run", "--resume", str(folder / "run"), "--json"]) == 0  # complete: the folder alone says so


def test_the_link_to_a_node_is_cut(tmp_path: Path) -> None:
    """Found out; meanwhile the other node is kept busy, and it takes over what was lost."""
    with TemporaryDirectory(prefix="hs", dir="/tmp") as temporary, network(3) as hosts:
        head, cut_off, _ = hosts
        environment = start_ray(hosts, temporary)
        write_scenario(tmp_path, NODES.format(address=cut_off.address))
        driver = start_run(head, tmp_path, environment)
        log = tmp_path / "run" / LOG_NAME
        while len(of(events_of(log), SegmentEnded, worker="by-address/cpu0")) < 2:
            assert driver.poll() is None, (tmp_path / "errors").read_text()
            sleep(0.05)
        ip("-n", head.name, "link", "set", f"to-{cut_off.address[-1]}", "down")
        cut_at, cut_on = events_of(log)[-1].time, monotonic()
        while not of(events_of(log), WorkerLeft, worker="by-address/cpu0"):
            assert monotonic() < cut_on + LONG_S, "nobody has noticed"
            sleep(0.05)
        print(f"link cut: noticed after {monotonic() - cut_on:.1f} s")  # for docs/real-runs.md
        output, _ = driver.communicate(timeout=LONG_S)
        assert driver.returncode == 0, (tmp_path / "errors").read_text()
        check_discovery(head, tmp_path / "discovered", environment)
    events = list(read_log(log))
    [left] = [event for event in events if isinstance(event, WorkerLeft)]
    assert left.worker == "by-address/cpu0" and left.reason.startswith("node by-address ")
    sampled = [(event.node, event.time) for event in events if isinstance(event, ResourcesSampled)]
    assert {node for node, time in sampled if time < cut_at} == {"by-address", "by-label"}
    assert {node for node, time in sampled if time > left.time} == {"by-label"}, "a node that is lost is no error"
    [lost] = [event for event in events if isinstance(event, SegmentLost)]
    assert lost.worker == left.worker
    others = [event.time for event in events if isinstance(event, SegmentEnded) and event.trial != lost.trial]
    until = min(left.time, max(others))  # after that there is nothing but what was lost
    window_s, idle_s = until - cut_at, seconds_idle(events, "by-label/cpu0", cut_at, until)
    print(f"the other node was idle for {idle_s:.1f} of {window_s:.1f} s")
    assert idle_s < window_s / 2, "no dispatch waits for the node that is out of reach"
    assert any(
        event.trial == lost.trial and event.time > lost.time
        for event in of(events, SegmentEnded, worker="by-label/cpu0")
    )
    final = state_of(events)
    assert final.ended == "completed"
    assert {trial.iterations for trial in final.trials.values()} == {STOP}
    assert replay(load_setup(tmp_path / "run" / "scenario.toml"), events).difference is None
    assert json.loads(output)["runs"][0]["makespan_s"] == pytest.approx(events[-1].time)
