"""Seeds beyond the limit are refused with the limit, wherever they come from."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from hetsched.argument_types import MOST_SEED
from hetsched.cli.main import main
from hetsched.errors import InputError
from hetsched.studies.inputs import check_counts, chosen_seeds
from tests.conftest import make_setup

LIMIT = "seeds: expected at most 1,000,000,000,000,000,000, found "


@pytest.mark.parametrize(
    ("seeds", "found"),
    [
        (2, "1000000000000000001: name .*first_seed"),
        (range(MOST_SEED, MOST_SEED + 3), "1000000000000000002: "),
        ([10**5000], "a number of about 5001 digits: "),
    ],
)
def test_a_seed_beyond_the_limit_is_named_with_the_limit(seeds: int | Iterable[int], found: str) -> None:
    """Two seeds from 10^18 on were answered with how many there may be, which two are."""
    setup = make_setup().replace(first_seed=MOST_SEED)
    assert chosen_seeds(setup, 1) == [MOST_SEED]
    with pytest.raises(InputError, match=LIMIT + found):
        chosen_seeds(setup, seeds)


def test_the_command_line_says_the_limit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["simulate", "demo", "--strategy", "fusion+fifo", "--seed", str(MOST_SEED), "--repeat", "2"]
    assert main([*words, "--out", str(tmp_path / "out")]) == 2
    assert f"{LIMIT}1000000000000000001" in capsys.readouterr().err


@pytest.mark.parametrize("number", [10**5000, -(10**5000)], ids=["positive", "negative"])
def test_a_number_that_python_does_not_write_is_an_input_error(number: int) -> None:
    for given in (number, [-1, -(10**5000)]):
        with pytest.raises(InputError, match="digits"):
            chosen_seeds(make_setup(), given)
    with pytest.raises(InputError, match="max_seeds: .* digits"):
        check_counts(max_seeds=number)
