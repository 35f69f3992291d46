"""The limit on the time of a call."""

import time

import pytest

from hetsched.testing.limit import TooLongError, time_limit


def compute() -> None:
    """Compute for 2 s, if nobody stops it."""
    begun = time.process_time()
    while time.process_time() < begun + 2:
        pass


class Dropped:
    """A thing at whose end Python ignores exceptions."""

    def __del__(self) -> None:
        compute()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_limit_that_is_reached_where_python_ignores_exceptions_still_ends_the_call() -> None:
    def call() -> None:
        Dropped()
        compute()

    with pytest.raises(TooLongError), time_limit(0.1):
        call()
