"""A port at which nobody listens, or only who should."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def reserved_port() -> Iterator[int]:
    """A port of 127.0.0.1 that is nobody else's while the block runs.

    Connections are refused, unless a server of the test listens there; with SO_REUSEADDR it may.
    """
    with socket.socket() as reserving:
        # Linux shares a port that is only bound if all who bind it say so, and never chooses it.
        reserving.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserving.bind(("127.0.0.1", 0))
        yield reserving.getsockname()[1]
