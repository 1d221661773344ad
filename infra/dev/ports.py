"""TCP ports of this machine: whether one is free, and whose it is otherwise."""

import errno
import socket
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

LOOPBACK = ("127.0.0.1", "::1")
_OF_AN_INSTALLATION = (
    *("CORE_PORT", "CORE_METRICS_PORT", "IDENTITY_PORT", "IDENTITY_METRICS_PORT"),
    "POSTGRES_PORT",
)
LISTEN = "0A"  # state column of /proc/net/tcp


class PortTakenError(Exception):
    """Another process listens on a port that we need; the message names both."""


def free_port(host: str = LOOPBACK[0]) -> int:
    """A port that nobody listens on at this moment. Two calls may give the same one."""
    return free_ports(1, host)[0]


def free_ports(number: int, host: str = LOOPBACK[0]) -> list[int]:
    """So many different ports that nobody listens on at this moment."""
    with ExitStack() as held:
        # All are held until the last is known: the system may give a free one again at once.
        probes = [held.enter_context(socket.socket()) for _ in range(number)]
        for probe in probes:
            probe.bind((host, 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def installation_ports() -> dict[str, str]:
    """A free port for everything that listens, by the variable that sets it."""
    return dict(
        zip(_OF_AN_INSTALLATION, map(str, free_ports(len(_OF_AN_INSTALLATION))), strict=True)
    )


def require_free(name: str, port: int, hosts: Sequence[str] = LOOPBACK) -> None:
    """Raise PortTakenError unless `name` could listen on the port.

    ``::1`` counts too: `localhost` may mean it, and clients would talk to the other process.
    """
    for host in hosts:
        if _is_taken(host, port):
            holder = holder_of(port)
            by = f" by {holder}" if holder else ""
            raise PortTakenError(f"Port {port}, needed for {name}, is taken{by}.")


def holder_of(port: int) -> str | None:
    """Process id and command of who listens on the port, where the system lets us read it."""
    inodes = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for process in Path("/proc").glob("[0-9]*") if inodes else ():
        with suppress(OSError):
            if any(str(file.readlink()) in inodes for file in (process / "fd").iterdir()):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                return f"process {process.name} ({command[:120]})"
    return None


def _is_taken(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            # As servers do: connections that are still closing do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        return error.errno == errno.EADDRINUSE  # others: no such family or address here
    return False


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        with suppress(OSError):
            for line in table.read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    inodes.add(fields[9])
    return inodes
