"""What nodes use, in the live view: a table where there is room, a line where there is not."""

import re

from hetsched.core.events import GpuUse, ResourcesSampled, RunEnded, WorkerJoined, WorkerLeft
from hetsched.domain.cluster import NodeId
from tests.report.test_live import A, Watched, scenario

GIB = 2**30
GPUS = (GpuUse("0: NVIDIA H100", 0.5, 10 * GIB, 80 * GIB), GpuUse("1: NVIDIA H100", 1.0, 30 * GIB, 80 * GIB))


def sample(time: float, node: str, cpu: float, gpus: tuple[GpuUse, ...] = ()) -> ResourcesSampled:
    return ResourcesSampled(time, NodeId(node), cpu, 3 * GIB // 2, 8 * GIB, gpus)


def nodes(lines: list[str]) -> list[str]:
    """The rows of nodes."""
    return [line for line in lines if re.match(r"n?[ab0-9]+ .*GiB", line)]


def test_a_row_says_what_a_node_uses_and_how_long_ago() -> None:
    run = Watched(scenario())
    assert not any("GiB" in line for line in run.shown()), "no table before the first sample"
    run.tell(sample(10.0, "a", 0.254))
    run.tell(sample(10.0, "b", 1.0, GPUS))
    run.tell(sample(10.0, "b", 0.75, GPUS[:1]))
    assert nodes(run.shown()) == ["a 25% 1.5 of 8.0 GiB", "b 75% 1.5 of 8.0 GiB 50% 10.0 of 80.0 GiB"]
    run.tell(sample(12.0, "b", 0.75, GPUS))
    run.now = 15.0
    shown = nodes(run.shown())
    assert shown == ["a (5 s ago) 25% 1.5 of 8.0 GiB", "b (3 s ago) 75% 1.5 of 8.0 GiB 2 x 75% 40.0 of 160.0 GiB"]
    run.tell(RunEnded(12.0, "interrupted"))
    assert nodes(run.shown())[0] == "a (2 s ago) 25% 1.5 of 8.0 GiB", "time stands still"


def test_a_node_that_is_gone_is_not_shown_until_it_is_back() -> None:
    run = Watched(scenario())
    run.tell(sample(10.0, "a", 0.25))
    run.tell(sample(10.0, "b", 0.5))
    run.tell(WorkerLeft(10.0, A.id, "node a died"))
    assert nodes(run.shown()) == ["b 50% 1.5 of 8.0 GiB"]
    run.tell(WorkerJoined(10.0, A))
    run.tell(sample(10.0, "a", 0.125))
    assert nodes(run.shown()) == ["b 50% 1.5 of 8.0 GiB", "a 12% 1.5 of 8.0 GiB"]


def test_what_has_no_room_is_a_line_or_is_counted() -> None:
    for height, rows, more in ((20, 0, None), (29, 3, "and 27 nodes more"), (60, 30, None)):
        run = Watched(scenario(population=30), height=height)
        for number in range(30):
            run.tell(sample(1.0, f"n{number}", number / 100))
        run.now = 1.0
        shown = run.shown()
        assert len(shown) <= height
        if rows:
            assert len(nodes(shown)) == rows and nodes(shown)[0].startswith("n29 29%" if more else "n0 0%")
            assert more is None or more in shown
        else:
            assert any(line.startswith("n0: CPU 0%, memory 1.5 of 8.0 GiB; n1: CPU 1%") for line in shown)
