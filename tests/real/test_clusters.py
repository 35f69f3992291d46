"""Any cluster: which Ray node stands for which node of the scenario."""

import re
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from socket import socket
from typing import Any

import pytest
import yaml
from hypothesis import given, reject
from hypothesis import strategies as st

ray = pytest.importorskip("ray")

from ray.autoscaler._private.util import check_legacy_fields, prepare_config, validate_config  # noqa: E402
from ray.exceptions import AuthenticationError  # noqa: E402

from hetsched.cli.main import main  # noqa: E402
from hetsched.domain.cluster import ClusterSpec, Gpu, Node, NodeId  # noqa: E402
from hetsched.errors import InputError  # noqa: E402
from hetsched.scenario.loading import load_setup  # noqa: E402
from real.cluster import greeting, ray_cluster  # noqa: E402
from real.cluster.discovery import tables  # noqa: E402
from real.cluster.matching import NODE_LABEL, RayNode, RayNodeId, alive, match, match_all  # noqa: E402
from real.cluster.ray_cluster import HOST_HEALTH_CHECKS  # noqa: E402


def ray_node(
    host: int, cores: int, gpus: int = 0, gpu_type: str | None = None, label: str | None = None, up: bool = True
) -> dict[str, Any]:
    """A node as `ray.nodes()` has it."""
    resources: dict[str, float] = {"memory": 1e9, f"node:10.0.0.{host}": 1.0}
    resources |= {"CPU": float(cores)} if cores else {}
    resources |= {"GPU": float(gpus)} if gpus else {}
    resources |= {f"accelerator_type:{gpu_type}": 1.0} if gpu_type else {}
    labels = {"ray.io/node-id": f"id{host}"} | ({NODE_LABEL: label} if label else {})
    return {
        "NodeID": f"id{host}",
        "Alive": up,
        "NodeManagerAddress": f"10.0.0.{host}",
        "NodeManagerHostname": f"host{host}",
        "Resources": resources,
        "Labels": labels,
    }


def node(name: str, cores: int, gpus: int = 0, gpu_type: str | None = None, address: str | None = None) -> Node:
    return Node(NodeId(name), cores, gpus, gpu_type, address=address)


def at(address: str, told: dict[str, Any]) -> dict[str, Any]:
    return told | {"NodeManagerAddress": address}


HEAD = ray_node(1, 0)


def test_what_ray_says_of_its_nodes() -> None:
    labelled = ray_node(3, 8, 2)
    labelled["Labels"]["ray.io/accelerator-type"] = "T4"
    found = alive([HEAD, ray_node(2, 4, 1, "A100", "a"), labelled, ray_node(4, 4, up=False)])
    assert found == [
        RayNode(RayNodeId("id1"), "10.0.0.1", "host1", None, 0, 0, None),
        RayNode(RayNodeId("id2"), "10.0.0.2", "host2", "a", 4, 1, "A100"),
        RayNode(RayNodeId("id3"), "10.0.0.3", "host3", None, 8, 2, "T4"),
    ]


def test_label_goes_before_address_and_address_before_size() -> None:
    cluster = ClusterSpec((node("a", 1, address="10.0.0.3"), node("b", 1, address="10.0.0.3"), node("c", 1)))
    found = match(cluster, alive([HEAD, ray_node(2, 8, label="a"), ray_node(3, 1), ray_node(4, 64)]))
    assert found == {"a": "id2", "b": "id3", "c": "id4"}


def test_the_ray_node_of_one_node_does_not_stand_for_another_at_its_address() -> None:
    """Two Ray nodes on one host: the larger one, which says whose it is, was taken for the other
    node, too."""
    cluster = ClusterSpec((node("a", 2), node("b", 2, address="10.0.0.2")))
    labelled, other = ray_node(2, 8, label="a"), ray_node(3, 4) | {"NodeManagerAddress": "10.0.0.2"}
    assert match(cluster, alive([labelled, other])) == {"a": "id2", "b": "id3"}
    assert match(cluster, alive([labelled])) == {"a": "id2"}


def test_nodes_are_matched_by_gpu_type_and_size() -> None:
    """Each takes what fits it, so that none is left without: the first in the list would fit the
    small ones, too."""
    cluster = ClusterSpec((node("t", 4, 1, "t4"), node("s", 2), node("v", 4, 2, "v100"), node("l", 16)))
    there = [ray_node(5, 8, 1, "V100"), ray_node(2, 16), HEAD, ray_node(3, 8, 2, "V100"), ray_node(4, 4, 1, "T4")]
    assert match(cluster, alive(there)) == {"t": "id4", "v": "id3", "l": "id2", "s": "id5"}


def test_a_ray_node_stands_for_one_node_unless_they_share_its_address() -> None:
    there = alive([ray_node(2, 4)])
    assert len(match(ClusterSpec((node("a", 2), node("b", 2))), there)) == 1
    shared = ClusterSpec((node("a", 2, address="10.0.0.2"), node("b", 2, address="10.0.0.2")))
    assert match(shared, there) == {"a": "id2", "b": "id2"}
    with pytest.raises(InputError, match="'b' needs 2 CPUs, and its address has too few for 'a' and 'b'"):
        match_all(shared, alive([ray_node(2, 3)]))


def test_a_node_keeps_its_ray_node_while_that_is_there() -> None:
    cluster = ClusterSpec((node("a", 1), node("b", 1)))
    both = alive([ray_node(2, 4), ray_node(3, 8)])
    kept = {NodeId("a"): RayNodeId("id3"), NodeId("b"): RayNodeId("id2")}
    assert match(cluster, both, kept) == kept
    assert match(cluster, both[1:], kept) == {"a": "id3"}
    assert match(cluster, alive([ray_node(3, 8), ray_node(4, 2)]), kept) == {"a": "id3", "b": "id4"}


@pytest.mark.parametrize("cores", [4, 2])
def test_a_node_keeps_the_ray_node_at_the_address_of_a_node_that_lost_its_own(cores: int) -> None:
    """Another node of the address was to be on the Ray node, too. It was too large, and both had
    none. Or it did fit, and was on the Ray node that "no other node uses"."""
    cluster = ClusterSpec((node("a", 2), node("b", cores, address="10.0.0.2")))
    kept = {NodeId("a"): RayNodeId("id2"), NodeId("b"): RayNodeId("id3")}
    assert match(cluster, alive([ray_node(2, 4)]), kept) == {"a": "id2"}
    again = alive([ray_node(2, 4), at("10.0.0.2", ray_node(4, 8))])
    assert match(cluster, again, kept) == {"a": "id2", "b": "id4"}


@given(st.data())
def test_kept_pairs_stay_and_only_nodes_of_one_address_share(data: st.DataObject) -> None:
    addresses = st.sampled_from([None, "10.0.0.2", "10.0.0.3"])
    cluster = ClusterSpec(
        tuple(node(name, data.draw(st.integers(1, 4)), address=data.draw(addresses)) for name in "abc")
    )
    labels = st.sampled_from([None, None, "a", "other"])
    there = [
        at(data.draw(addresses) or "10.0.0.4", ray_node(number, data.draw(st.integers(1, 8)), label=data.draw(labels)))
        for number in range(2, 6)
    ]
    kept = match(cluster, alive(data.draw(st.permutations(there))))
    alike = alive(data.draw(st.lists(st.sampled_from(there), unique_by=id)))
    found = match(cluster, alike, kept)
    ids = {ray_node.id for ray_node in alike}
    assert found.items() >= {node: ray_node for node, ray_node in kept.items() if ray_node in ids}.items()
    for ray_node_there in alike:
        users = [node for node in cluster if found.get(node.id) == ray_node_there.id]
        assert ray_node_there.holds(sum(node.cores for node in users), 0)
        assert len(users) < 2 or {user.address for user in users} == {ray_node_there.address}


def test_a_node_has_the_ray_node_at_its_address_that_has_its_gpus() -> None:
    """Only the Ray node with the most cores was looked at, and it has no GPU."""
    gpus, cores = ray_node(2, 8, 2, "T4"), at("10.0.0.2", ray_node(3, 16))
    cluster = ClusterSpec((node("c", 16, address="10.0.0.2"), node("g", 4, 2, "t4", address="10.0.0.2")))
    for there in ([gpus, cores], [cores, gpus]):
        assert match_all(cluster, alive(there)) == {"c": "id3", "g": "id2"}


def test_two_ray_nodes_with_one_label_are_both_named() -> None:
    """The last one was taken without a word. Or the message blamed its size."""
    cluster = ClusterSpec((node("a", 8),))
    there = alive([ray_node(2, 8, label="a"), ray_node(3, 2, label="a")])
    with pytest.raises(InputError) as raised:
        match_all(cluster, there)
    assert str(raised.value).startswith(
        "cluster.nodes: 2 Ray nodes have the label hetsched-node=a: 10.0.0.2 (8 CPUs, label a), id id2 and "
        "10.0.0.3 (2 CPUs, label a), id id3; expected one"
    )
    with pytest.raises(InputError, match="2 Ray nodes have the label hetsched-node=a"):
        match_all(cluster, there, some_may_lack=True)
    assert match(cluster, there[::-1]) == {"a": "id2"}  # of a run that goes on
    assert match(cluster, there, {NodeId("a"): RayNodeId("id3")}) == {"a": "id3"}


@pytest.mark.parametrize("said", ["label", "address"])
def test_gpus_of_another_type_than_a_node_lists_are_told_of(said: str, caplog: pytest.LogCaptureFixture) -> None:
    """The run trained on an A100, and its log said t4."""
    listed = node("n", 4, 1, "t4", address="10.0.0.2" if said == "address" else None)
    there = [ray_node(2, 8, 1, "A100", label="n" if said == "label" else None)]
    kept = match_all(ClusterSpec((listed,)), alive(there))
    assert kept == {"n": "id2"}
    assert caplog.text.count("cluster.nodes: 'n' has 1 t4, and Ray says that its GPUs are A100") == 1
    caplog.clear()
    match(ClusterSpec((listed,)), alive(there), kept)  # every half second of a run
    for type_of_ray in ("T4", None):
        match_all(ClusterSpec((listed,)), alive([ray_node(2, 8, 1, type_of_ray, there[0]["Labels"].get(NODE_LABEL))]))
    paced = Node(listed.id, 4, 1, "t4", pace=2.0, address=listed.address)  # is declared to be what it is not
    match_all(ClusterSpec((paced,)), alive(there))
    assert not caplog.text


def test_a_mismatch_says_what_lacks() -> None:
    cluster = ClusterSpec((node("a", 8, 1, "a100"), node("b", 4, 2, "t4"), node("c", 1, address="10.0.0.9")))
    with pytest.raises(InputError) as raised:
        match_all(cluster, alive([HEAD, ray_node(3, 8, 1, "A100"), ray_node(4, 2, label="c")][:2]))
    message = str(raised.value)
    assert "'a' needs" not in message
    assert "'b' needs 4 CPUs and 2 t4 GPUs, and no Ray node that is free is as large and of that type" in message
    assert "'c' needs 1 CPU, and no Ray node has the label hetsched-node=c or the address 10.0.0.9" in message
    assert "Ray nodes found: 10.0.0.1 (0 CPUs), 10.0.0.3 (8 CPUs, 1 A100)" in message


def test_discovered_nodes_are_called_by_what_is_their_own() -> None:
    there = [HEAD, ray_node(2, 4, label="z"), ray_node(3, 8, 2, "A100-80G"), ray_node(4, 2), ray_node(5, 2)]
    there[3]["NodeManagerHostname"] = there[4]["NodeManagerHostname"] = "same"
    found = tables(alive(there))
    assert found == [
        {"name": "10.0.0.4", "cores": 2, "address": "10.0.0.4"},
        {"name": "10.0.0.5", "cores": 2, "address": "10.0.0.5"},
        {"name": "host3", "cores": 8, "gpus": 2, "gpu_type": "a100-80g", "address": "10.0.0.3"},
        {"name": "z", "cores": 4},
    ]
    there[3]["NodeManagerAddress"] = there[4]["NodeManagerAddress"]
    assert {"name": "10.0.0.5-id4", "cores": 2} in tables(alive(there))


def test_no_two_discovered_nodes_have_one_name() -> None:
    """Two nodes with one label had this one name. So had a node and another whose label was its
    host."""
    twins = [ray_node(2, 4, label="a"), ray_node(3, 4, label="a"), ray_node(4, 2, label="host5"), ray_node(5, 2)]
    found = tables(alive(twins))
    assert found == [
        {"name": "10.0.0.5", "cores": 2, "address": "10.0.0.5"},
        {"name": "host2", "cores": 4, "address": "10.0.0.2"},
        {"name": "host3", "cores": 4, "address": "10.0.0.3"},
        {"name": "host5", "cores": 2},
    ]
    listed = ClusterSpec(tuple(node(table["name"], table["cores"], address=table.get("address")) for table in found))
    assert match_all(listed, alive(twins)) == {"10.0.0.5": "id5", "host2": "id2", "host3": "id3", "host5": "id4"}
    head = ray_node(1, 0, label="host2")
    assert [table["name"] for table in tables(alive([head, ray_node(2, 4)]))] == ["10.0.0.2"]


@given(st.data())
def test_names_of_discovered_nodes_differ(data: st.DataObject) -> None:
    words = st.sampled_from(["10.0.0.2", "10.0.0.3", "host2", "x"])
    there = [
        at(data.draw(words), ray_node(number, 1, label=data.draw(st.none() | words)))
        | {"NodeManagerHostname": data.draw(words)}
        for number in range(2, 2 + data.draw(st.integers(1, 5)))
    ]
    try:
        names = [table["name"] for table in tables(alive(there))]
    except InputError:  # of one label
        reject()
    assert len(names) == len(set(names)) == len(there)


def test_the_gpus_of_a_mixed_node_are_discovered_each_by_its_name() -> None:
    """Ray says of a node what its first GPU is: both were called by that name."""
    there = alive([ray_node(2, 8, 3, "A100", label="a"), ray_node(3, 8, 2, "T4", label="b")])
    cards = ["NVIDIA A100-SXM4-80GB", "Tesla T4", "Tesla T4"]
    both = tables(there, {RayNodeId("id2"): cards, RayNodeId("id3"): cards[1:]})
    assert both == [
        {"name": "a", "cores": 8, "gpus": {"a100": 1, "t4": 2}},
        {"name": "b", "cores": 8, "gpus": 2, "gpu_type": "t4"},
    ]
    unseen = tables(there, {RayNodeId("id2"): cards[:2]})  # of a host, of which the node has other GPUs, too
    assert unseen[0] == {"name": "a", "cores": 8, "gpus": 3, "gpu_type": "a100"}


def test_ray_is_not_let_choose_among_gpus_of_several_types() -> None:
    mixed = (Gpu("a100"), Gpu("t4"))
    with pytest.raises(InputError, match=r"'m' has GPUs of several types \(1 a100, 1 t4\)"):
        ray_cluster.connect(ClusterSpec((Node(NodeId("m"), 2, 2, mixed=mixed),)), None)


def test_what_cannot_be_discovered_is_said() -> None:
    with pytest.raises(InputError, match=r"no node of the Ray cluster has CPUs: 10.0.0.1 \(0 CPUs\)"):
        tables(alive([HEAD]))
    with pytest.raises(InputError, match="does not know the GPU type of 10.0.0.2 .* --labels ray.io/accelerator-type"):
        tables(alive([ray_node(2, 4, 1)]))


def test_nodes_that_only_one_label_names_are_both_named() -> None:
    """They got names that no Ray node can match, and the message did not say why."""
    twins = [at("10.0.0.2", ray_node(number, 4, label="a")) | {"NodeManagerHostname": "same"} for number in (2, 3)]
    with pytest.raises(InputError) as raised:
        tables(alive(twins))
    assert str(raised.value) == (
        "cluster: 2 Ray nodes have the label hetsched-node=a: 10.0.0.2 (4 CPUs, label a), id id2 and 10.0.0.2 "
        "(4 CPUs, label a), id id3; expected one: stop the others, or start them with labels of their own"
    )


DEMO = Path(__file__).parents[2] / "examples" / "demo.toml"


def to_discover(folder: Path, said: str = "discover") -> Path:
    head, _, rest = DEMO.read_text().partition("[[cluster.nodes]]")
    path = folder / "scenario.toml"
    path.write_text(f'cluster = "{said}"\n{head}{rest[rest.index("[[workload") :]}')
    return path


def test_a_scenario_takes_the_nodes_that_are_there(tmp_path: Path) -> None:
    nodes = tables(alive([HEAD, ray_node(2, 4, 1, "K80"), ray_node(3, 2)]))
    setup = load_setup(to_discover(tmp_path), lambda address: nodes)
    assert [node.id for node in setup.cluster] == ["host2", "host3"]
    setup.save(tmp_path / "saved")
    assert load_setup(tmp_path / "saved" / "scenario.toml").cluster == setup.cluster


def test_only_real_runs_discover(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for said, words, expected in (
        ("discover", ("simulate", "--strategy", "fusion+fifo"), "'hetsched nodes --address ADDR' prints them"),
        ("discover", ("run", "--strategy", "fusion+fifo"), "--address or real.address"),
        ("discovr", ("bound",), "expected [[cluster.nodes]] or \"discover\", got 'discovr'"),
    ):
        assert main([words[0], str(to_discover(tmp_path, said)), *words[1:]]) == 2
        assert expected in capsys.readouterr().err


def test_nodes_are_printed_as_a_scenario_lists_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = tables(alive([HEAD, ray_node(2, 4, 1, "T4"), ray_node(3, 2)]))
    monkeypatch.setattr("hetsched.cli.nodes.discovered", lambda address: there)
    assert main(["nodes", "--address", "auto"]) == 0
    listed = capsys.readouterr().out
    assert listed.startswith("[[cluster.nodes]]\nname = ")
    assert tomllib.loads(listed) == {"cluster": {"nodes": there}}


def test_a_token_that_is_refused_is_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(address: str) -> None:
        raise AuthenticationError("RAY_AUTH_TOKEN_PATH is set but file cannot be opened\nand more")

    monkeypatch.setattr(ray_cluster, "check_greeting", lambda address: None)
    monkeypatch.setattr(ray_cluster, "_init", refuse)
    expected = (
        r"real.address\) h:1: cannot join the Ray cluster: RAY_AUTH_TOKEN_PATH is set but file cannot be opened; "
        "expected the cluster's own token and version of Ray: give this process both$"
    )
    with pytest.raises(InputError, match=expected):
        ray_cluster.join("h:1")


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address that is taken, and where nobody listens."""
    with socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def silent() -> Iterator[str]:
    """An address where somebody listens and says nothing, as a head that hangs."""
    with socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"127.0.0.1:{listener.getsockname()[1]}"


WITH_ADDRESS = {
    "nodes": ("nodes", "--address", "{address}"),
    "run": ("run", "demo", "--strategy", "fusion+fifo", "--address", "{address}"),
    "discover": ("run", "{discover}", "--strategy", "fusion+fifo", "--address", "{address}"),
    "validate": ("validate", "demo", "--strategies", "fusion+fifo", "--address", "{address}"),
    "compare": ("compare", "demo", "--strategies", "fusion+fifo", "--seeds", "1", "--ray", "{address}"),
    "plan": ("plan", "demo", "--strategies", "fusion+fifo", "--address", "{address}"),
    "auto": ("run", "demo", "--strategy", "auto", "--address", "{address}"),
}


@pytest.mark.parametrize("command", WITH_ADDRESS)
def test_a_head_that_is_not_there_is_said_at_once(
    command: str, nobody: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ray wrote its own lines, every five to thirty seconds, without an end."""
    monkeypatch.chdir(tmp_path)
    words = [word.format(address=nobody, discover=to_discover(tmp_path)) for word in WITH_ADDRESS[command]]
    began = time.monotonic()
    assert main(words) == 2
    assert time.monotonic() - began < 20
    assert not list(tmp_path.glob("results/*"))
    *_, said = capsys.readouterr().err.splitlines()
    assert said.startswith("hetsched: ")
    assert f"{nobody}: no Ray cluster there: [Errno " in said and "give auto, or host:port of its head" in said


@pytest.mark.parametrize("wrong", ["nowhere", "127.0.0.1:", "ray://127.0.0.1:10001", "127.0.0.1:66000", ":6379"])
def test_what_is_no_address_is_said_at_once(wrong: str) -> None:
    with pytest.raises(InputError, match=rf"real.address\) {wrong}: no Ray cluster there: "):
        ray_cluster.join(wrong)


def test_auto_is_the_cluster_that_ray_would_join(nobody: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", nobody)
    with pytest.raises(InputError, match=r"real.address\) auto: no Ray cluster there: .*refused"):
        ray_cluster.join("auto")


def test_a_head_that_hangs_is_given_up(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(greeting, "ANSWER_S", 0.2)
    with pytest.raises(InputError, match="no Ray cluster there: timed out"):
        ray_cluster.join(silent)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_wait_for_a_head_at_once(number: int, status: int, silent: str) -> None:
    code = (
        "import sys; from real.cluster import greeting; greeting.ANSWER_S = 300; "
        "connect = greeting.socket.create_connection; "
        "greeting.socket.create_connection = lambda *a: (print('waits', flush=True), connect(*a))[1]; "
        f"from hetsched.cli.main import main; sys.exit(main(['nodes', '--address', '{silent}']))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "waits\n"
    began = time.monotonic()
    process.send_signal(number)
    _, errors = process.communicate(timeout=250)
    assert time.monotonic() - began < 100
    assert (process.returncode, "Traceback" in errors) == (status, False)


EXAMPLES = DEMO.parent / "clusters"
LAUNCHED = ("aws.yaml", "gcp.yaml", "azure.yaml")


@pytest.mark.parametrize("name", LAUNCHED)
def test_the_cluster_launcher_takes_the_files(name: str) -> None:
    config = yaml.safe_load((EXAMPLES / name).read_text())
    complete = prepare_config(config)
    validate_config(complete)
    check_legacy_fields(complete)
    assert complete["provider"]["type"] == name.removesuffix(".yaml")
    for commands in (config["head_start_ray_commands"], config["worker_start_ray_commands"]):
        assert "RAY_AUTH_MODE=token" in commands[-1]
    assert config["available_node_types"]["head"]["resources"] == {"CPU": 0}
    assert "/home/ray/.ray/auth_token" in config["file_mounts"]


def test_kuberay_file() -> None:
    cluster = yaml.safe_load((EXAMPLES / "kuberay.yaml").read_text())
    assert (cluster["apiVersion"], cluster["kind"]) == ("ray.io/v1", "RayCluster")
    spec = cluster["spec"]
    assert (spec["rayVersion"], spec["authOptions"]) == (ray.__version__, {"mode": "token"})
    head, workers = spec["headGroupSpec"], spec["workerGroupSpecs"]
    assert head["rayStartParams"] == {"num-cpus": "0"}
    for group in (head, *workers):
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
        [container] = group["template"]["spec"]["containers"]
        assert container["resources"]["requests"] == container["resources"]["limits"]
        [volume], [mount] = group["template"]["spec"]["volumes"], container["volumeMounts"]
        assert volume["name"] == mount["name"] and volume["persistentVolumeClaim"]["claimName"] == "hetsched-results"
    assert len({group["groupName"] for group in workers}) == len(workers)
    assert all(group["minReplicas"] == group["replicas"] == group["maxReplicas"] for group in workers)


@pytest.mark.parametrize("name", ["by-hand.sh", "slurm.sh", "health-checks.sh"])
def test_scripts_parse(name: str) -> None:
    checked = subprocess.run(["bash", "-n", str(EXAMPLES / name)], capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_clusters_have_the_ray_that_is_pinned() -> None:
    """A driver and a cluster of different versions do not talk to each other."""
    pinned = re.search(r"^ray==(.*)$", (DEMO.parents[1] / "constraints.txt").read_text(), re.MULTILINE)
    assert pinned is not None and pinned[1] == ray.__version__
    range_ = re.search(r'"ray\[tune\]==(.*)\.\*"', (DEMO.parents[1] / "pyproject.toml").read_text())
    assert range_ is not None and pinned[1].startswith(range_[1] + ".")
    named = {
        path.name: set(re.findall(r"ray[:-](\d+\.\d+\.\d+)", path.read_text()))
        for path in (*EXAMPLES.iterdir(), DEMO.parents[1] / "docs" / "clusters.md")
    }
    assert {name for name, versions in named.items() if versions} >= {*LAUNCHED, "kuberay.yaml", "Dockerfile"}
    assert set().union(*named.values()) == {pinned[1]}


@pytest.mark.parametrize("name", ["health-checks.sh", "kuberay.yaml", *LAUNCHED])
def test_heads_miss_a_host_soon(name: str) -> None:
    found = re.findall(r'RAY_health_check_(\w+?)(?:=|, value: ")(\d+)', (EXAMPLES / name).read_text())
    assert {key: int(value) for key, value in found} == HOST_HEALTH_CHECKS
