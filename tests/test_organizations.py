"""Organizations of both services: how they begin, and that identity knows what the core decides."""

import email
import re
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.postgres.secrets_file import read_variables
from tests.conftest import MakeSystem
from tests.people import PASSWORD, Caller, refusal, sign_in, token_request
from tests.system import System, eventually

pytestmark = pytest.mark.database

_TOKEN = re.compile(r"#token=([\w.~-]+)")
_NEW_PASSWORD = "a horse of another colour"


@pytest.fixture(scope="module")
def pair(make_system: MakeSystem) -> System:
    """A system that nothing else writes to."""
    return make_system()


def fresh(word: str) -> str:
    return f"{word}-{uuid4().hex}"


def mails_to(system: System, address: str) -> list[EmailMessage]:
    """What was written for `address`."""
    files = (Path(system.environ["DATA_DIR"]) / "mail").glob("*.eml")
    mails = [email.message_from_bytes(file.read_bytes(), policy=default) for file in files]
    return [mail for mail in mails if str(mail["To"]) == address]


def link_token(system: System, mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    found = _TOKEN.search(body.get_content())
    assert found is not None
    system.secrets.add(found[1])
    return found[1]


def renewed(person: Caller, **form: str) -> httpx.Response:
    return token_request(
        person.system,
        grant_type="refresh_token",
        refresh_token=str(person.refresh_token),
        **form,
    )


def test_a_created_organization_gets_its_first_owner(pair: System) -> None:
    """Created, invited by mail, accepted, signed in, at work."""
    admin = sign_in(pair, "platform@numbersence.com")
    address = f"{fresh('Ada')}@example.com"
    wish = {"name": "Ada's Kitchen", "slug": fresh("ada"), "first_owner_email": address}
    created = admin.core("POST", "/admin/orgs", json=wish)
    assert created.status_code == 201, created.text
    (mail,) = eventually("the invitation is mailed", lambda: mails_to(pair, address))
    assert "Ada's Kitchen" in str(mail["Subject"])
    accepted = pair.client.post(
        f"{pair.identity.url}/invitations/accept",
        json={"token": link_token(pair, mail), "name": "Ada", "password": _NEW_PASSWORD},
    )
    assert accepted.status_code == 201, accepted.text
    signed_in = token_request(pair, username=address.lower(), password=_NEW_PASSWORD)
    assert signed_in.status_code == 200, signed_in.text
    ada = Caller(pair, signed_in.json()["access_token"], signed_in.json()["refresh_token"])
    assert (ada.claims["tenant_id"], ada.claims["role"]) == (created.json()["id"], "owner")
    assert ada.core("POST", "/popups", json={"name": "First"}).status_code == 201
    org = ada.core("GET", "/org").json()
    assert (org["slug"], org["access_mode"], org["trial_days_left"]) == (wish["slug"], "active", 30)


def test_a_founder_is_owner_at_once(pair: System) -> None:
    person = sign_in(pair, "viewer@globex.example.com")
    founded = person.core("POST", "/orgs", json={"name": "Own", "slug": fresh("own")})
    assert founded.status_code == 201, founded.text
    tenant_id = founded.json()["id"]

    def owner() -> Caller | None:
        answer = renewed(person, tenant_id=tenant_id)
        if answer.is_error:
            assert refusal(answer) == (400, "tenant_not_found")  # not told yet
            return None
        return Caller(pair, answer.json()["access_token"], answer.json()["refresh_token"])

    own = eventually("identity makes the founder the owner", owner)
    assert (own.claims["tenant_id"], own.claims["role"]) == (tenant_id, "owner")
    assert own.id == person.id
    assert own.core("GET", "/org").json()["trial_days_left"] == 30
    assert own.core("POST", "/popups", json={"name": "First"}).status_code == 201
    assert (own.popups(), "First" in person.popups()) == ({"First"}, False)
    # T9: the token says nothing of the trial, whose end shows at the next request.
    ended = "UPDATE organizations SET trial_ends_at = now() WHERE tenant_id = $1"
    pair.sql("product", ended, UUID(tenant_id))
    assert refusal(own.core("POST", "/popups", json={"name": "More"})) == (403, "read_only")
    admin = sign_in(pair, "platform@numbersence.com")
    extended = admin.core(
        "POST", f"/admin/orgs/{tenant_id}/extend-trial", json={"days": 7, "reason": "They asked"}
    )
    assert extended.status_code == 200, extended.text
    assert own.core("POST", "/popups", json={"name": "More"}).status_code == 201


def test_a_suspension_reaches_identity_and_ends_there_too(pair: System) -> None:  # T10
    admin = sign_in(pair, "platform@numbersence.com")
    owner = sign_in(pair, "owner@globex.example.com")
    path = f"/admin/orgs/{owner.claims['tenant_id']}"
    assert owner.identity("GET", "/invitations").status_code == 200
    assert admin.core("POST", f"{path}/suspend", json={"reason": "Unpaid"}).status_code == 200
    assert refusal(owner.core("GET", "/popups")) == (403, "tenant_blocked")

    def shut_out() -> bool:
        answer = owner.identity("GET", "/invitations")
        return answer.is_error and refusal(answer) == (403, "tenant_blocked")

    eventually("identity shuts the organization out", shut_out)
    assert admin.core("POST", f"{path}/reactivate", json={}).status_code == 200
    eventually(
        "identity lets it in", lambda: owner.identity("GET", "/invitations").is_success or None
    )


def test_a_new_name_shows_at_sign_in(pair: System) -> None:
    admin = sign_in(pair, "platform@numbersence.com")
    owner = sign_in(pair, "owner@acme.example.com")
    name, tenant_id = fresh("Acme"), owner.claims["tenant_id"]
    path = f"/admin/orgs/{tenant_id}"
    assert admin.core("PATCH", path, json={"name": name}).status_code == 200

    def shown() -> bool:
        memberships = owner.identity("GET", "/me").json()["memberships"]
        return {"acme"} == {each["slug"] for each in memberships if each["name"] == name}

    eventually("identity knows the name", shown)


class Core:
    """The core as identity knows it: its credentials, and facts in whatever order."""

    def __init__(self, system: System) -> None:
        secrets = read_variables(Path(system.environ["DATA_DIR"]) / "secrets.env")
        answer = system.client.post(
            f"{system.identity.url}/token",
            data={"grant_type": "client_credentials", "audience": "identity-service/internal"},
            auth=("product-core-api", secrets["CORE_CLIENT_SECRET"]),
        )
        assert answer.status_code == 200, answer.text
        self._system = system
        self._caller = Caller(system, answer.json()["access_token"])

    def tell(self, tenant_id: UUID, fact: dict[str, Any]) -> None:
        answer = self._caller.identity("PUT", f"/internal/tenants/{tenant_id}", json=fact)
        assert answer.is_success, answer.text

    def known(self, tenant_id: UUID) -> dict[str, Any]:
        """What identity keeps of the organization."""
        statement = "SELECT slug, name, status, version FROM tenants WHERE id = $1"
        return dict(self._system.sql("identity", statement, tenant_id)[0])


@pytest.fixture(scope="module")
def core(pair: System) -> Core:
    return Core(pair)


@given(
    changes=st.lists(st.sampled_from(["name", "slug", "status"]), max_size=6),
    delivery=st.randoms(use_true_random=False),
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_suspended_organization_stays_suspended_in_every_order_of_deliveries(
    pair: System, core: Core, changes: list[str], delivery: Any
) -> None:
    """The real receiver is told every state of an organization whose last is a suspension: each
    once or more often, in any order.
    """
    tenant_id, address = uuid4(), f"{fresh('x')}@example.com"
    state: dict[str, Any] = {"slug": fresh("s"), "name": "x", "status": "active"}
    state |= {"version": 1, "founder_id": None, "first_owner_email": address}
    facts = [state]
    for change in [*changes, "suspend"]:
        flipped = {"active": "suspended", "suspended": "active"}[state["status"]]
        new = {"status": flipped, "suspend": "suspended"}.get(change, fresh(change))
        name = "status" if change == "suspend" else change
        value = flipped if change == "status" else new
        state = state | {name: value, "version": state["version"] + 1}
        facts.append(state)
    arriving = [fact for fact in facts for _ in range(delivery.randint(1, 2))]
    delivery.shuffle(arriving)
    for fact in arriving:
        core.tell(tenant_id, fact)
    assert core.known(tenant_id) == {
        name: state[name] for name in ("slug", "name", "status", "version")
    }
    assert state["status"] == "suspended"
    invited = "SELECT count(*) FROM invitations WHERE tenant_id = $1"
    assert pair.sql("identity", invited, tenant_id)[0]["count"] == 1  # the first owner, once


def test_the_demo_password_opens_nothing_of_another(pair: System) -> None:
    """The first owner chooses a password of his own; no account comes into being without him."""
    admin = sign_in(pair, "platform@numbersence.com")
    address = f"{fresh('nobody')}@example.com"
    wish = {"name": "Empty", "slug": fresh("empty"), "first_owner_email": address}
    assert admin.core("POST", "/admin/orgs", json=wish).status_code == 201
    eventually("the invitation is mailed", lambda: mails_to(pair, address))
    assert token_request(pair, username=address, password=PASSWORD).status_code == 400
