"""The way of a newcomer: signing in, the first requests, the documentation."""

import re

import pytest

from tests.people import ACME, API, GLOBEX, PASSWORD, Caller, refusal, sign_in, token_request
from tests.system import System

pytestmark = pytest.mark.database

DEMO_POPUPS = {"Spring Market", "Night Library", "Repair Café", "Winter Kitchen"}
_ASSET = re.compile(r"""(?:src|href)=["']([^"']+)""")
ROLES = ("owner", "admin", "standard", "viewer", "client")


@pytest.mark.parametrize("slug", ["acme", "globex"])
@pytest.mark.parametrize("role", ROLES)
def test_every_demo_account_signs_in(system: System, slug: str, role: str) -> None:
    person = sign_in(system, f"{role}@{slug}.example.com")
    tenant_id = str({"acme": ACME, "globex": GLOBEX}[slug])
    profile = person.identity("GET", "/me").json()
    assert profile["email"] == f"{role}@{slug}.example.com"
    assert [(each["tenant_id"], each["role"]) for each in profile["memberships"]] == [
        (tenant_id, role)
    ]
    me = person.core("GET", "/me").json()
    assert (me["id"], me["tenant_id"], me["role"]) == (profile["id"], tenant_id, role)
    assert me["support"] is None
    popups = person.core("GET", "/popups")
    if role == "client":
        assert refusal(popups) == (403, "missing_permission")
    else:
        assert {popup["name"] for popup in popups.json()["results"]} >= DEMO_POPUPS


@pytest.mark.parametrize("address", ["platform@numbersence.com", "support@numbersence.com"])
def test_staff_belong_to_no_organization(system: System, address: str) -> None:
    person = sign_in(system, address)
    assert person.identity("GET", "/me").json()["memberships"] == []
    assert person.core("GET", "/me").json()["tenant_id"] is None
    assert refusal(person.core("GET", "/popups")) == (403, "tenant_required")
    found = person.results("/support/orgs", search="acm")
    assert [each["id"] for each in found] == [str(ACME)]


def test_only_platform_admins_manage_organizations(agent: Caller, admin: Caller) -> None:
    assert {str(ACME), str(GLOBEX)} <= {each["id"] for each in admin.results("/admin/orgs")}
    assert refusal(agent.core("GET", "/admin/orgs")) == (403, "missing_permission")
    suspend = agent.core("POST", f"/admin/orgs/{ACME}/suspend", json={"reason": "Unpaid"})
    assert refusal(suspend) == (403, "missing_permission")


def test_wrong_credentials_are_one_answer(system: System) -> None:
    wrong = token_request(system, username="owner@acme.example.com", password="wrong-password-1")
    unknown = token_request(system, username="nobody@acme.example.com", password=PASSWORD)
    assert wrong.status_code == unknown.status_code == 400
    assert wrong.json() == unknown.json()
    assert (wrong.json()["error"], wrong.json()["detail"]) == (
        "invalid_grant",
        "invalid_credentials",
    )


def test_a_popup_lives_and_goes(owner: Caller) -> None:
    created = owner.core("POST", "/popups", json={"name": "Walk of a Newcomer"})
    assert created.status_code == 201
    popup = created.json()
    assert (popup["slug"], popup["status"]) == ("walk-of-a-newcomer", "draft")
    taken = owner.core("POST", "/popups", json={"name": "x", "slug": popup["slug"]})
    assert refusal(taken) == (409, "popup_slug_taken")

    path = f"/popups/{popup['id']}"
    changed = owner.core("PATCH", path, json={"status": "active"})
    assert changed.status_code == 200
    assert changed.json() == popup | {
        "status": "active",
        "updated_at": changed.json()["updated_at"],
    }
    assert owner.core("GET", path).json() == changed.json()
    assert owner.core("DELETE", path).status_code == 204
    assert refusal(owner.core("GET", path)) == (404, "popup_not_found")


# T5
def test_a_viewer_reads_only(system: System, owner: Caller) -> None:
    viewer = sign_in(system, "viewer@acme.example.com")
    popup = owner.core("GET", "/popups").json()["results"][0]
    assert viewer.core("GET", f"/popups/{popup['id']}").json() == popup
    created = viewer.core("POST", "/popups", json={"name": "No"})
    assert refusal(created) == (403, "missing_permission")


def test_without_a_good_token_nothing_is_shown(system: System, owner: Caller) -> None:
    for service, path in ((system.core, f"{API}/me"), (system.identity, "/me")):
        missing = system.client.get(f"{service.url}{path}")
        assert refusal(missing) == (401, "missing_token")
        assert missing.headers["www-authenticate"].startswith("Bearer")
    broken = Caller(system, owner.access_token[:-4] + "AAAA")
    for response in (broken.core("GET", "/me"), broken.identity("GET", "/me")):
        assert refusal(response) == (401, "invalid_token")


@pytest.mark.parametrize("name", ["core", "identity"])
def test_each_service_documents_itself(system: System, name: str) -> None:
    """From assets of its own: a page that a browser can show without any other host."""
    url = {"core": system.core.url, "identity": system.identity.url}[name]
    for page in ("/docs", "/redoc"):
        shown = system.client.get(f"{url}{page}")
        assert shown.status_code == 200
        assert "text/html" in shown.headers["content-type"]
        assert "://" not in shown.text.replace("http://www.w3.org", "")
        assets = _ASSET.findall(shown.text)
        assert assets
        for asset in assets:
            assert system.client.get(f"{url}{asset}").status_code == 200, asset


def test_the_documents_name_access_and_errors(system: System) -> None:
    document = system.client.get(f"{system.core.url}{API}/openapi.json").json()
    operation = document["paths"][f"{API}/popups/{{popup_id}}"]["patch"]
    assert operation["operationId"] == "update_popup"
    assert operation["security"]
    assert {"401", "403", "404", "409", "422"} <= set(operation["responses"])


def test_discovery_leads_to_the_keys_of_the_tokens(system: System, owner: Caller) -> None:
    url = f"{system.identity.url}/.well-known/oauth-authorization-server"
    metadata = system.client.get(url).json()
    assert metadata["issuer"] == owner.claims["iss"]
    keys = system.client.get(f"{system.identity.url}/.well-known/jwks.json")
    assert "max-age=300" in keys.headers["cache-control"]
    assert all(set(key) & {"d", "p", "q"} == set() for key in keys.json()["keys"])
    again = system.client.get(keys.url, headers={"If-None-Match": keys.headers["etag"]})
    assert again.status_code == 304
