"""The routes: what every operation answers to everybody, compared with the table in `_matrix`.

The seam, for `phasezero prove` and for `make mutate`:

    checks = await check_routes(core, identity, signer)          # a development installation
    checks = await check_routes_unauthenticated(core, identity)  # any installation
    check = await check_operation(asked, cast)                   # one operation, in process too

`core` and `identity` are httpx clients whose base URL is the service; over `httpx.ASGITransport`
they call an application in this process. A check per operation: section `routes: <service>`, name
the operationId, a fault per principal that was not answered as the table says.
"""
