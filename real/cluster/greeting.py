"""Whether the head of a Ray cluster answers at an address. Ray itself waits for minutes, and cannot
be interrupted."""

import os
import socket

from real.ray_internals import ray_itself

ANSWER_S = 5.0
"""Seconds within which a cluster must answer. A cluster that does not counts as absent."""

SETTINGS = b"\x04"
"""The type of the first frame that a server of HTTP/2 sends (RFC 9113, sections 3.4 and 4.1)."""


def check_greeting(address: str) -> None:
    """Raise OSError or ValueError, with the reason, unless a server there speaks HTTP/2, as the
    head of a cluster does.

    `auto` is the cluster that Ray would join. Under TLS the head says nothing before the client
    does: there it is enough that something listens.
    """
    where = ray_itself.running_cluster() if address == "auto" else address
    host, _, port = where.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise ValueError(f"expected HOST:PORT, such as head:6379, found {where!r}")
    with socket.create_connection((host.strip("[]"), int(port)), ANSWER_S) as connection:
        if os.environ.get("RAY_USE_TLS", "0") == "0" and connection.recv(4)[3:] != SETTINGS:
            raise ConnectionError("expected the head of a Ray cluster, and something else answers")
