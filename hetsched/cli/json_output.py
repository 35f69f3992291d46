"""The output of a command. With --json, stdout has only one document."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Emit = Callable[[bytes], None]


@contextmanager
def stdout_for_the_document(active: bool) -> Iterator[Emit]:
    """Send to stderr what is written to stdout while `active`, also by child processes.

    The context gives a function that receives the document. At its end, the document is written to
    stdout. If stdout is closed, nothing is written.
    """
    documents: list[bytes] = []
    if not active or sys.stdout is None:
        yield documents.append
        return
    sys.stdout.flush()
    descriptor, stdout = os.dup(1), sys.stdout
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    try:
        yield documents.append
    finally:
        sys.stdout = stdout
        os.dup2(descriptor, 1)
        os.close(descriptor)
        for document in documents:
            sys.stdout.buffer.write(_escaped(document) + b"\n")
            sys.stdout.buffer.flush()


_OBEYED = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}
"""The control characters that JSON may have in its texts and that a terminal obeys."""


def _escaped(document: bytes) -> bytes:
    return document.decode().translate(_OBEYED).encode()
