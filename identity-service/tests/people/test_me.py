"""`GET /me`: the profile and the memberships of whoever calls, and of nobody else."""

from tests.conftest import Identity, bearer


async def test_profile_and_memberships(identity: Identity) -> None:
    person, organization = await identity.make_member("owner")
    other = await identity.make_organization()
    await identity.join(person, other, "client")
    await identity.make_member()
    token = (await identity.sign_in(person, tenant_id=str(other.id)))["access_token"]
    response = await identity.client.get("/me", headers=bearer(token))
    assert response.status_code == 200
    assert response.json() == {
        "id": str(person.id),
        "email": person.email,
        "name": "Test Person",
        "verified": True,
        "platform_role": None,
        "tenant_id": str(other.id),
        "role": "client",
        "memberships": [
            {
                "tenant_id": str(each.id),
                "slug": each.slug,
                "name": each.name,
                "role": role,
            }
            for each, role in ((organization, "owner"), (other, "client"))
        ],
    }


async def test_staff_belong_nowhere(identity: Identity) -> None:
    person = await identity.make_person(platform_role="support_agent")
    token = (await identity.sign_in(person))["access_token"]
    answer = (await identity.client.get("/me", headers=bearer(token))).json()
    assert (answer["platform_role"], answer["role"]) == ("support_agent", "support_agent")
    assert (answer["tenant_id"], answer["memberships"]) == (None, [])


async def test_without_a_token_it_is_401(identity: Identity) -> None:
    response = await identity.client.get("/me")
    assert (response.status_code, response.json()["detail"]) == (401, "missing_token")
    assert response.headers["www-authenticate"].startswith("Bearer")


async def test_an_inactive_person_is_out_at_once(identity: Identity) -> None:
    person, _ = await identity.make_member()
    headers = bearer((await identity.sign_in(person))["access_token"])
    assert (await identity.client.get("/me", headers=headers)).status_code == 200
    await identity.admin.execute("UPDATE people SET active = false WHERE id = $1", person.id)
    response = await identity.client.get("/me", headers=headers)
    assert (response.status_code, response.json()["detail"]) == (401, "token_revoked")
