"""Staff of the platform whose role was taken away: no token of his opens what staff may do."""

import httpx

from shared_lib.prove._routes_document import read_operations
from tests.conftest import Identity, bearer


async def test_every_operation_of_the_platform_asks_for_the_role_that_he_has(
    identity: Identity,
) -> None:
    admin = await identity.make_person(platform_role="platform_admin")
    headers = bearer((await identity.sign_in(admin))["access_token"])
    operations = (await read_operations("identity-service", identity.client)).values()
    of_staff = [each for each in operations if each.access["scope"] == "platform"]

    async def ask() -> dict[str, httpx.Response]:
        return {
            each.name: await identity.client.request(**each.harmless(), headers=headers)
            for each in of_staff
        }

    before = await ask()
    assert {"list_signing_keys", "revoke_signing_key"} <= before.keys()
    assert all(response.status_code not in (401, 403) for response in before.values())
    await identity.admin.execute("UPDATE people SET platform_role = NULL WHERE id = $1", admin.id)
    after = {name: response.json().get("detail") for name, response in (await ask()).items()}
    assert after == dict.fromkeys(before, "token_revoked")
