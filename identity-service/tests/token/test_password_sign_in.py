"""Password sign-in: who gets in, where it leads, and what the refusals give away."""

import asyncio
from uuid import UUID

import httpx
import jwt
import pytest
from argon2 import PasswordHasher

from shared_lib.ids import uuid7
from shared_lib.testing.mail import REAL_MAIL
from shared_lib.testing.postgres import Cluster
from tests.conftest import PASSWORD, Identity, client_of, make_settings, running


def claims_in(answer: dict[str, str]) -> dict[str, object]:
    claims: dict[str, object] = jwt.decode(
        answer["access_token"], options={"verify_signature": False}
    )
    return claims


def refused(response: httpx.Response, error: str, detail: str) -> None:
    assert response.status_code == 400, response.text
    assert response.headers["cache-control"] == "no-store"
    assert {key: response.json()[key] for key in ("error", "detail")} == {
        "error": error,
        "detail": detail,
    }


@pytest.mark.parametrize("role", ["owner", "admin", "standard", "viewer", "client"])
async def test_every_role_signs_in(identity: Identity, role: str) -> None:
    person, organization = await identity.make_member(role)
    response = await identity.token(username=person.email, password=person.password)
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    answer = response.json()
    assert answer.keys() == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 900)
    claims = claims_in(answer)
    assert (claims["tenant_id"], claims["role"]) == (str(organization.id), role)


async def test_the_grant_type_may_be_named_and_the_address_spelled_otherwise(
    identity: Identity,
) -> None:
    person, _ = await identity.make_member()
    for username in (person.email.upper(), person.email.lower()):
        response = await identity.token(
            grant_type="password",
            client_id="phase-zero-web",
            username=username,
            password=PASSWORD,
        )
        assert claims_in(response.json())["sub"] == str(person.id)


@pytest.mark.parametrize("role", ["platform_admin", "support_agent"])
async def test_staff_have_a_role_and_no_organization(identity: Identity, role: str) -> None:
    person = await identity.make_person(platform_role=role)
    claims = claims_in(await identity.sign_in(person))
    assert claims["role"] == role
    assert "tenant_id" not in claims


async def test_staff_do_not_sign_in_outside_development(
    cluster: Cluster, database_name: str, identity: Identity
) -> None:
    settings = make_settings(
        cluster,
        database_name,
        identity.settings.core_url,
        environment="staging",
        argon2_memory_kib=19456,
        argon2_iterations=2,
        **REAL_MAIL,
    )
    staff = await identity.make_person(platform_role="platform_admin")
    member, _ = await identity.make_member()
    async with running(settings) as app, client_of(app) as client:
        form = {"username": staff.email, "password": PASSWORD}
        refused(await client.post("/token", data=form), "invalid_grant", "second_factor_required")
        wrong = {**form, "password": "wrong"}
        refused(await client.post("/token", data=wrong), "invalid_grant", "invalid_credentials")
        form = {"username": member.email, "password": PASSWORD}
        assert (await client.post("/token", data=form)).status_code == 200


async def test_nobody_learns_which_half_was_wrong(identity: Identity) -> None:
    """The same answer and the same work: one hash each."""
    known, _ = await identity.make_member()
    inactive, _ = await identity.make_member(active=False)
    without = await identity.make_person(password_hash=None)
    unverified = await identity.make_person(verified=False)
    passwords = identity.app.state.process.passwords
    answers = []
    for username, password in (
        (known.email, "wrong"),
        (unverified.email, "wrong"),
        ("nobody@example.com", PASSWORD),
        (inactive.email, PASSWORD),
        (without.email, PASSWORD),
    ):
        before = passwords.computed
        response = await identity.token(username=username, password=password)
        assert passwords.computed == before + 1, username
        volatile = {"x-request-id"}
        headers = {k: v for k, v in response.headers.items() if k not in volatile}
        answers.append((response.status_code, headers, response.content))
        refused(response, "invalid_grant", "invalid_credentials")
    assert all(answer == answers[0] for answer in answers)


async def test_without_a_choice_the_organization_used_last_is_opened(identity: Identity) -> None:
    person, first = await identity.make_member("viewer")
    second = await identity.make_organization()
    await identity.join(person, second, "owner")
    assert claims_in(await identity.sign_in(person))["tenant_id"] == str(first.id)
    chosen = claims_in(await identity.sign_in(person, tenant_id=str(second.id)))
    assert (chosen["tenant_id"], chosen["role"]) == (str(second.id), "owner")
    assert claims_in(await identity.sign_in(person))["tenant_id"] == str(second.id)


async def test_a_membership_that_ended_is_no_default(identity: Identity) -> None:
    person, first = await identity.make_member()
    second = await identity.make_organization()
    await identity.join(person, second)
    await identity.sign_in(person, tenant_id=str(second.id))
    await identity.admin.execute(
        "UPDATE memberships SET active = false WHERE tenant_id = $1", second.id
    )
    assert claims_in(await identity.sign_in(person))["tenant_id"] == str(first.id)


async def test_another_organization_is_refused_once_the_password_was_right(
    identity: Identity,
) -> None:
    person, _ = await identity.make_member()
    foreign = await identity.make_organization()
    for tenant_id in (foreign.id, uuid7()):
        form = {"username": person.email, "tenant_id": str(tenant_id)}
        response = await identity.token(password=PASSWORD, **form)
        refused(response, "invalid_grant", "tenant_not_found")
        refused(
            await identity.token(password="wrong", **form), "invalid_grant", "invalid_credentials"
        )


async def test_a_purged_organization_is_none(identity: Identity) -> None:
    organization = await identity.make_organization(status="purged")
    person = await identity.make_person()
    await identity.join(person, organization)
    assert "tenant_id" not in claims_in(await identity.sign_in(person))


async def test_an_unverified_person_enters_no_organization(identity: Identity) -> None:
    person, organization = await identity.make_member(verified=False)
    claims = claims_in(await identity.sign_in(person))
    assert not {"tenant_id", "role"} & claims.keys()
    response = await identity.token(
        username=person.email, password=PASSWORD, tenant_id=str(organization.id)
    )
    refused(response, "invalid_grant", "email_not_verified")


async def test_an_outdated_hash_is_renewed_and_the_password_stays(identity: Identity) -> None:
    outdated = PasswordHasher(time_cost=2, memory_cost=32, parallelism=1).hash(PASSWORD)
    person = await identity.make_person(password_hash=outdated)
    await identity.sign_in(person)
    stored = await identity.admin.fetchval(
        "SELECT password_hash FROM credentials WHERE person_id = $1", person.id
    )
    assert stored != outdated
    assert ",t=1,p=1$" in stored
    await identity.sign_in(person)


async def test_only_the_first_party_client_may(identity: Identity) -> None:
    person, _ = await identity.make_member()
    form = {"username": person.email, "password": PASSWORD}
    refused(
        await identity.token(client_id="product-core-api", **form),
        "unauthorized_client",
        "client_not_allowed",
    )
    response = await identity.client.post("/token", data=form, auth=("product-core-api", "x"))
    refused(response, "unauthorized_client", "client_not_allowed")


async def test_a_foreign_page_may_not(identity: Identity) -> None:
    person, _ = await identity.make_member()
    form = {"username": person.email, "password": PASSWORD}
    for origin, status in (
        ("https://evil.example", 400),
        ("null", 400),
        ("http://localhost:3000", 200),
    ):
        response = await identity.client.post("/token", data=form, headers={"Origin": origin})
        assert response.status_code == status
        if status == 400:
            refused(response, "invalid_request", "origin_not_allowed")


async def test_it_can_be_turned_off(
    cluster: Cluster, database_name: str, identity: Identity
) -> None:
    person, _ = await identity.make_member()
    settings = make_settings(
        cluster, database_name, identity.settings.core_url, password_sign_in=False
    )
    async with running(settings) as app, client_of(app) as client:
        for form in ({}, {"grant_type": "password"}):
            data = {"username": person.email, "password": PASSWORD, **form}
            refused(
                await client.post("/token", data=data),
                "unsupported_grant_type",
                "password_sign_in_disabled",
            )


async def test_somebody_shut_out_while_the_hash_was_computed_stays_out(
    identity: Identity,
) -> None:
    """The account is locked by another transaction, which deactivates it and then commits."""
    person, _ = await identity.make_member()
    async with identity.admin.transaction():
        await identity.admin.execute("UPDATE people SET active = false WHERE id = $1", person.id)
        attempt = asyncio.create_task(
            identity.token(username=person.email, password=person.password)
        )
        done, _ = await asyncio.wait([attempt], timeout=0.5)
        assert not done
    refused(await attempt, "invalid_grant", "invalid_credentials")


async def test_sessions_are_kept_with_what_the_token_says(identity: Identity) -> None:
    person, organization = await identity.make_member()
    claims = claims_in(await identity.sign_in(person))
    row = await identity.admin.fetchrow(
        "SELECT * FROM sign_in_sessions WHERE id = $1", UUID(str(claims["sid"]))
    )
    assert (row["person_id"], row["tenant_id"]) == (person.id, organization.id)
    assert (row["client_id"], row["amr"]) == ("phase-zero-web", "pwd")
    assert int(row["auth_time"].timestamp()) == claims["auth_time"]
