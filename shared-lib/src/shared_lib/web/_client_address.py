"""The address of the client, behind as many proxies as the settings trust."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.types import Scope

from shared_lib.settings import Network

_Address = IPv4Address | IPv6Address
_HOST_BITS = 64
_MAPPED = "::ffff:"  # how a socket of both families writes an IPv4 address


def client_address(scope: Scope, trusted_proxies: Sequence[Network]) -> str:
    """The client's address as text; "" where the server knows none (a Unix socket).

    `X-Forwarded-For` is believed only when the peer is a trusted proxy, and then from the right:
    each proxy appends whom it saw, so the right-most address that is no trusted proxy is the
    last one that was not written by the client itself.
    """
    client = scope.get("client")
    if not client or not client[0]:
        return ""
    text: str = client[0]
    if not trusted_proxies and not text.startswith(_MAPPED):
        return text
    peer = _parse(text)
    if peer is None:
        return text
    if not _is_trusted(peer, trusted_proxies):
        return str(peer)
    address = peer
    for entry in reversed(_forwarded_for(scope)):
        hop = _parse(entry)
        if hop is None:
            break
        address = hop
        if not _is_trusted(hop, trusted_proxies):
            break
    return str(address)


def address_group(address: str) -> str:
    """What one client counts as: an IPv4 address, or the /64 that an IPv6 one lies in.

    A customer of a provider is given a /64 at least (RFC 6177) and may use any address of it.
    """
    if ":" not in address:
        return address
    try:
        parsed = IPv6Address(address)
    except ValueError:
        return address
    return str(IPv6Address(int(parsed) >> _HOST_BITS << _HOST_BITS))


def _forwarded_for(scope: Scope) -> list[str]:
    lines = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return b",".join(lines).decode("latin-1").split(",") if lines else []


def _is_trusted(address: _Address, trusted_proxies: Sequence[Network]) -> bool:
    return any(address in network for network in trusted_proxies)


def _parse(text: str) -> _Address | None:
    """An address, without the port that some proxies append; None for anything else."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
