"""What owners and admins do with service accounts, and what nobody else does."""

import re
from hashlib import sha256
from typing import Any
from zlib import crc32

import pytest

from tests.conftest import Identity, bearer
from tests.service_accounts.accounts import Owner, claims_in

SECRET = re.compile(r"pzs_[0-9A-Za-z]{49}")
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
NOBODY = "01900000-0000-7000-8000-000000000000"


@pytest.fixture
async def owner(identity: Identity) -> Owner:
    return await Owner.make(identity)


@pytest.mark.parametrize("own_role", ["owner", "admin"])
@pytest.mark.parametrize("role", ["admin", "standard", "viewer"])
async def test_an_account_is_made_and_shows_its_secret_once(
    identity: Identity, own_role: str, role: str
) -> None:
    owner = await Owner.make(identity, own_role)
    response = await owner.call("POST", json={"name": "  Importer ", "role": role})
    assert response.status_code == 201, response.text
    assert response.headers["cache-control"] == "no-store"
    made = response.json()
    secret = made.pop("secret")
    assert made == {
        "id": secret["client_id"],
        "name": "Importer",
        "role": role,
        "active": True,
        "created_by": str(owner.person.id),
        "created_at": made["created_at"],
        "revoked_at": None,
    }
    assert secret == {
        "id": secret["id"],
        "client_id": made["id"],
        "client_secret": secret["client_secret"],
        "created_at": made["created_at"],
        "expires_at": None,
    }
    shown = await owner.call("GET", f"/{made['id']}")
    assert shown.json() == made | {
        "secrets": [
            {
                "id": secret["id"],
                "created_at": secret["created_at"],
                "expires_at": None,
                "revoked_at": None,
                "last_used_at": None,
            }
        ]
    }


async def test_t7_no_answer_and_no_row_holds_a_secret_again(owner: Owner) -> None:
    account = await owner.create()
    row = await owner.identity.admin.fetchrow(
        "SELECT * FROM service_account_secrets WHERE account_id = $1", account.id
    )
    stored = sha256(account.secret.encode()).digest()
    assert row["secret_hash"] == stored
    shown = [(await owner.call("GET", path)).text for path in ("", account.path)]
    for text in (*shown, str(dict(row))):
        assert account.secret not in text
        assert account.secret[4:20] not in text
    for text in shown:
        assert stored.hex() not in text
        assert "hash" not in text


async def test_a_secret_is_known_to_scanners_by_prefix_and_checksum(owner: Owner) -> None:
    secrets = [(await owner.create()).secret for _ in range(3)]
    assert len(set(secrets)) == 3
    for secret in secrets:
        assert SECRET.fullmatch(secret)
        number = 0
        for digit in secret[-6:]:
            number = number * 62 + BASE62.index(digit)
        assert number == crc32(secret[:-6].encode())


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x", "role": "owner"},
        {"name": "x", "role": "client"},
        {"name": "x", "role": "platform_admin"},
        {"name": "x"},
        {"role": "viewer"},
        {"name": "   ", "role": "viewer"},
        {"name": "a\x00b", "role": "viewer"},
        {"name": "x" * 201, "role": "viewer"},
        {"name": "x", "role": "viewer", "tenant_id": NOBODY},  # T8
        {"name": "x", "role": "viewer", "active": False},
        {"name": "x", "role": "viewer", "id": NOBODY},
        {"name": "x", "role": "viewer", "client_secret": "mine"},
        {"name": "x", "role": "viewer", "expires_in_days": 0},
        {"name": "x", "role": "viewer", "expires_in_days": 3651},
        {"name": "x", "role": "viewer", "expires_in_days": True},
        {"name": "x", "role": "viewer", "expires_in_days": "5"},
    ],
)
async def test_what_does_not_fit_is_refused(owner: Owner, body: dict[str, object]) -> None:
    response = await owner.call("POST", json=body)
    assert (response.status_code, response.json()["detail"]) == (422, "validation_failed")
    assert (await owner.call("GET")).json()["results"] == []


CALLS = [
    ("GET", ""),
    ("POST", ""),
    ("GET", "/{id}"),
    ("DELETE", "/{id}"),
    ("POST", "/{id}/secrets"),
    ("DELETE", "/{id}/secrets/{secret_id}"),
]
BODIES: dict[str, dict[str, Any]] = {
    "/{id}/secrets": {"json": {}},
    "": {"json": {"name": "x", "role": "viewer"}},
}


async def codes(owner: Owner, target: Owner) -> set[tuple[int, str]]:
    """What `owner` is answered when he asks for everything of an account of `target`."""
    account = await target.create()
    answers = set()
    for method, path in CALLS:
        options = BODIES[path] if method == "POST" else {}
        where = path.format(id=account.id, secret_id=account.secret_id)
        response = await owner.call(method, where, **options)
        answers.add((response.status_code, response.json()["detail"]))
    assert (await account.detail())["active"]
    assert len((await account.detail())["secrets"]) == 1
    assert (await account.ask()).status_code == 200
    return answers


@pytest.mark.parametrize("role", ["standard", "viewer", "client"])
async def test_nobody_below_admin_reaches_them(identity: Identity, owner: Owner, role: str) -> None:
    person = await identity.make_person()
    await identity.join(person, owner.organization, role)
    token = (await identity.sign_in(person))["access_token"]
    member = Owner(identity, person, owner.organization, token)
    assert await codes(member, owner) == {(403, "missing_permission")}


async def test_people_without_an_organization_are_told_so(identity: Identity, owner: Owner) -> None:
    for platform_role in (None, "platform_admin"):
        person = await identity.make_person(platform_role=platform_role)
        token = (await identity.sign_in(person))["access_token"]
        stranger = Owner(identity, person, owner.organization, token)
        assert await codes(stranger, owner) == {(403, "tenant_required")}


async def test_a_service_account_makes_no_other(identity: Identity, owner: Owner) -> None:
    machine = await (await owner.create("admin")).token()
    itself = Owner(identity, owner.person, owner.organization, machine)
    assert await codes(itself, owner) == {(403, "missing_permission")}
    for method, path in (("GET", "/me"), ("POST", "/logout")):
        response = await identity.client.request(method, path, headers=bearer(machine))
        assert (response.status_code, response.json()["detail"]) == (403, "missing_permission")
        assert "service account" in response.json()["title"]


async def test_another_organizations_do_not_exist(identity: Identity, owner: Owner) -> None:
    other = await Owner.make(identity)
    account = await other.create()
    assert (await owner.call("GET")).json()["results"] == []
    for method, path in CALLS[2:]:
        where = path.format(id=account.id, secret_id=account.secret_id)
        options = BODIES[path] if method == "POST" else {}
        response = await owner.call(method, where, **options)
        assert (response.status_code, response.json()["detail"]) == (
            404,
            "service_account_not_found",
        )
    own = await owner.create()
    mixed = await owner.call("DELETE", f"{own.path}/secrets/{account.secret_id}")
    assert (mixed.status_code, mixed.json()["detail"]) == (404, "service_account_secret_not_found")
    assert len((await account.detail())["secrets"]) == 1
    assert (await account.ask()).status_code == 200


async def test_the_list_is_newest_first_and_paged(owner: Owner) -> None:
    made = [(await owner.create()).id for _ in range(3)]
    await owner.call("DELETE", f"/{made[0]}")
    first = (await owner.call("GET", params={"limit": 2, "cursor": ""})).json()
    rest = (
        await owner.call("GET", params={"limit": 2, "cursor": first["paging"]["next_cursor"]})
    ).json()
    listed = first["results"] + rest["results"]
    assert [each["id"] for each in listed] == list(reversed(made))
    assert [each["active"] for each in listed] == [True, True, False]
    assert "secrets" not in listed[0]
    assert (await owner.call("GET")).json()["paging"]["total"] == 3


async def test_an_account_acts_with_its_role_in_its_organization(owner: Owner) -> None:
    account = await owner.create("viewer")
    claims = claims_in(await account.token())
    assert (claims["sub"], claims["tenant_id"], claims["role"]) == (
        account.id,
        str(owner.organization.id),
        "viewer",
    )
