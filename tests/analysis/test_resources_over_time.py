"""What nodes used over time: small logs worked out by hand, and what holds of any samples."""

from hypothesis import given
from hypothesis import strategies as st

from hetsched.analysis.resources_over_time import Resources, ResourceUse
from hetsched.analysis.share_over_time import MOST_PARTS
from hetsched.core.events import GpuUse, ResourcesSampled
from hetsched.domain.cluster import NodeId


def sample(time: float, node: str, cpu: float, memory: int = 4, *gpus: tuple[float, int]) -> ResourcesSampled:
    used = tuple(GpuUse("a name", use, taken, 10) for use, taken in gpus)
    return ResourcesSampled(time, NodeId(node), cpu, memory, 8, used)


def over_time(samples: list[ResourcesSampled], end_s: float) -> list[ResourceUse]:
    resources = Resources()
    for event in samples:
        resources(event)
    return resources.over_time(end_s)


def test_a_sample_tells_of_the_time_before_it() -> None:
    found = over_time(
        [sample(10, "a", 0.5, 2), sample(10, "b", 0.1, 8, (0.9, 5)), sample(20, "a", 0.7, 6), sample(20, "b", 0, 8)], 25
    )
    assert found == [
        ("cpu", "a", [0, 10, 20], [0.5, 0.7, None]),
        ("cpu", "b", [0, 10, 20], [0.1, 0, None]),
        ("memory", "a", [0, 10, 20], [0.25, 0.75, None]),
        ("memory", "b", [0, 10, 20], [1, 1, None]),
        ("gpu", "b/gpu0", [0, 10], [0.9, None]),
        ("gpu-memory", "b/gpu0", [0, 10], [0.5, None]),
    ]


def test_while_a_node_is_silent_nothing_is_known() -> None:
    times = [10, 20, 30, 200, 210]
    cpu, _ = over_time([sample(time, "a", 0.5) for time in times], 210)
    assert (cpu.time_s, cpu.value) == ([0, 10, 20, 30, 190, 200], [0.5, 0.5, 0.5, None, 0.5, 0.5])


def test_of_a_node_that_came_late_nothing_is_known_before() -> None:
    found = over_time([*(sample(time, "a", 0.5) for time in (10, 20, 30, 40)), sample(100, "b", 0.5)], 100)
    assert [(one.time_s, one.value) for one in found if (one.resource, one.name) == ("cpu", "b")] == [
        ([0, 90], [None, 0.5])
    ]


def test_many_samples_are_means() -> None:
    samples = [sample(float(time), "a", time % 2) for time in range(1, 4_001)]
    cpu, _ = over_time(samples, 4_000.0)
    assert cpu.value == [0.5] * MOST_PARTS


def test_nothing_was_sampled() -> None:
    assert over_time([], 10.0) == []


@given(
    st.lists(st.tuples(st.floats(0.5, 40), st.floats(0, 1)), min_size=1, max_size=30),
    st.floats(0, 100),
    st.integers(1, 1000),
)
def test_shares_stay_within_what_was_sampled(steps: list[tuple[float, float]], rest: float, memory: int) -> None:
    time, samples = 0.0, []
    for step, cpu in steps:
        time += step
        samples.append(ResourcesSampled(time, NodeId("a"), cpu, memory, 1000))
    cpu_use, memory_use = over_time(samples, time + rest)
    shares = [cpu for _, cpu in steps]
    known = [value for value in cpu_use.value if value is not None]
    assert known
    assert min(shares) - 1e-3 <= min(known) <= max(known) <= max(shares) + 1e-3
    assert {value for value in memory_use.value if value is not None} == {memory / 1000}
    assert cpu_use.time_s == memory_use.time_s == sorted(cpu_use.time_s)
