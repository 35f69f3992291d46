"""The error of something that fails a check."""

from textwrap import indent
from typing import ClassVar


class CheckError(AssertionError):
    """A `subject` of some `KIND` fails a check. `smallest` is the smallest `CASE` found in which it
    does, in words."""

    KIND: ClassVar[str]
    CASE: ClassVar[str]

    def __init__(self, subject: str, check: str, expected: str, happened: str, smallest: str) -> None:
        self.subject = subject
        self.check = check
        self.expected = expected
        self.happened = happened
        self.smallest = smallest
        super().__init__(subject, check, expected, happened, smallest)

    def __str__(self) -> str:
        return (
            f"{self.KIND} {self.subject!r} fails the check {self.check!r}\n"
            f"  expected: {self.expected}\n"
            f"  happened: {self.happened}\n"
            f"  smallest {self.CASE} found:\n{indent(self.smallest, '    ')}"
        )

    def document(self) -> dict[str, object]:
        """What happened, as plain data."""
        return {"expected": self.expected, "happened": self.happened, self.CASE: self.smallest}
