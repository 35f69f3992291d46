"""Named random streams: names in use keep their streams, and no two names share one."""

from hashlib import blake2b
from itertools import combinations
from struct import unpack

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hetsched.argument_types import MOST_SEED
from hetsched.domain.random_streams import stream

IN_USE: list[tuple[str | int, ...]] = [
    ("pbt",),
    ("bursts",),
    ("hyperparameters", "cifar"),
    ("hyperparameters", "7"),
    ("trial-crashes", "cifar-07"),
    ("node-failures", "box0"),
    ("stragglers", "box0/cpu0"),
    ("worker-failures", "a/gpu0/1"),
    ("train", "cifar", 0),
    ("score", "job12", 31),
]


@pytest.mark.parametrize("name", IN_USE)
def test_names_in_use_keep_their_streams(name: tuple[str | int, ...]) -> None:
    """Every figure that was ever published depends on them."""
    if name != ("worker-failures", "a/gpu0/1"):  # no shipped allocation policy makes such a worker
        key = unpack("<4I", blake2b("/".join(map(str, name)).encode(), digest_size=16).digest())
        expected = np.random.Generator(np.random.PCG64(np.random.SeedSequence(3, spawn_key=key)))
        assert stream(3, *name).random() == expected.random()


part = st.one_of(st.text("a/0\0", max_size=4), st.integers(-1, 11))


@given(names=st.sets(st.lists(part, max_size=4).map(tuple), min_size=2, max_size=8))
def test_no_two_names_share_a_stream(names: set[tuple[str | int, ...]]) -> None:
    draws = {name: stream(0, *name).random() for name in [*names, *IN_USE]}
    assert len(set(draws.values())) == len(draws)


def test_a_slash_in_a_part_is_not_one_between_parts() -> None:
    alike: list[tuple[str | int, ...]] = [("x", "a/1"), ("x/a", "1"), ("x", "a", "1"), ("x", "a", 1), ("x/a/1",)]
    for one, other in combinations(alike, 2):
        assert stream(0, *one).random() != stream(0, *other).random()


def test_different_seeds_have_different_streams_up_to_the_largest() -> None:
    seeds = [5, *(5 + 2**bits for bits in range(3, 60)), MOST_SEED]
    assert len({stream(seed, "pbt").integers(2**63).item() for seed in seeds}) == len(seeds)
