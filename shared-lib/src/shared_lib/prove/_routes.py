"""The routes: what every operation of both services answers to everybody; the seam for commands.

    checks = await check_routes(core, identity, secrets)         # a development installation
    checks = await check_routes_unauthenticated(core, identity)  # any installation, without a token
    operations = await read_operations("product-core-api", core)
    check = await check_operation(operations["get_popup"], cast)  # one operation, in process too

`core` and `identity` are httpx clients whose base URL is the service; over `httpx.ASGITransport`
they call an application in this process. A check per operation: its section is `routes: <service>`
(`other tenants: <service>` for what tries another organization's ids), its name the operationId,
and a fault is a principal that was not answered as the matrix says.
"""

from collections.abc import Sequence

import httpx

from shared_lib.checks import Check
from shared_lib.prove._matrix import MATRIX
from shared_lib.prove._principals_demo import Stage, staged
from shared_lib.prove._principals_http import NotStaged
from shared_lib.prove._principals_signed import InstallationSecrets, read_signing_key
from shared_lib.prove._routes_answers import check_operation, check_table, check_unauthenticated
from shared_lib.prove._routes_document import Operation, read_operations
from shared_lib.prove._routes_others import check_others

__all__ = [
    "InstallationSecrets",
    "check_operation",
    "check_routes",
    "check_routes_unauthenticated",
    "read_operations",
    "read_signing_key",
]


async def check_routes(
    core: httpx.AsyncClient,
    identity: httpx.AsyncClient,
    secrets: InstallationSecrets | None = None,
    *,
    spend: bool = False,
) -> Sequence[Check]:
    """Ask every operation as everybody, in every access mode, and for another organization's ids.

    The callers are the demo accounts, so it works in development only; what it leaves behind is
    said in `_principals_demo`. Without `secrets` neither the services' own tokens nor rightly
    signed wrong ones are tried. `spend`: the accounts are of no use afterwards, so that leaving and
    signing out everywhere are tried, too. Raises httpx.HTTPError when a service does not answer.
    """
    read = await _documents(core, identity)
    try:
        async with staged(core, identity, secrets, spend=spend) as stage:
            return [*await _others(read, stage), *await _table(read, stage), *_without(secrets)]
    except NotStaged as fault:
        return [_check("the demo accounts can be signed in", faults=(str(fault),))]


async def check_routes_unauthenticated(
    core: httpx.AsyncClient, identity: httpx.AsyncClient
) -> Sequence[Check]:
    """Ask every operation that is not public without a token, and with one that is none.

    It changes nothing and needs no account. Raises httpx.HTTPError when a service does not answer.
    """
    return [
        check
        for service, client in zip(MATRIX, (core, identity), strict=True)
        for check in await check_unauthenticated(service, client)
    ]


async def _documents(
    core: httpx.AsyncClient, identity: httpx.AsyncClient
) -> dict[str, dict[str, Operation]]:
    clients = zip(MATRIX, (core, identity), strict=True)
    return {service: await read_operations(service, client) for service, client in clients}


async def _others(read: dict[str, dict[str, Operation]], stage: Stage) -> list[Check]:
    everything = [each for operations in read.values() for each in operations.values()]
    return await check_others(everything, stage)


async def _table(read: dict[str, dict[str, Operation]], stage: Stage) -> list[Check]:
    return [
        check
        for service, operations in read.items()
        for check in await check_table(operations, stage.casts[service])
    ]


def _without(secrets: InstallationSecrets | None) -> list[Check]:
    skipped = "" if secrets else "the secrets of the installation were not given"
    return [_check("the services' own tokens and rightly signed wrong ones", skipped=skipped)]


def _check(says: str, *, faults: tuple[str, ...] = (), skipped: str = "") -> Check:
    name = says.replace(" ", "-")
    return Check("routes", name, says, faults=faults, skipped=skipped)
