"""What Globex alone holds, in the hands of Acme: tokens, links, memberships.

Its ids are tried on every operation by `shared_lib.prove` (test_access_matrix.py).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.conftest import MakeSystem
from tests.people import (
    ACME,
    GLOBEX,
    Account,
    Caller,
    create_account,
    invite,
    sign_in,
    token_request,
)
from tests.system import System

pytestmark = pytest.mark.database

IDENTITY_TABLES = ("memberships", "invitations", "service_accounts", "service_account_secrets")


@dataclass(frozen=True)
class Globex:
    """What belongs to Globex, and a program of Acme."""

    owner: Caller
    program: Caller
    outsider: Account
    link_token: str = field(repr=False)

    @property
    def traces(self) -> tuple[str, ...]:
        return ("globex", str(GLOBEX), self.owner.id, self.program.id, self.owner.claims["sid"])


@pytest.fixture(scope="module")
def pair(make_system: MakeSystem) -> System:
    """A system that nothing else writes to."""
    return make_system()


@pytest.fixture(scope="module")
def globex(pair: System) -> Globex:
    owner = sign_in(pair, "owner@globex.example.com")
    return Globex(
        owner=owner,
        program=create_account(owner, "admin").sign_in(),
        outsider=create_account(sign_in(pair, "owner@acme.example.com")),
        link_token=invite(owner, "guest@globex.example.com")[1],
    )


def join_with_a_link_of_globex(pair: System, globex: Globex) -> httpx.Response:
    person = sign_in(pair, "owner@acme.example.com")
    return person.identity("POST", "/me/invitations/accept", json={"token": globex.link_token})


def sign_in_to_globex(pair: System, _: Globex) -> httpx.Response:
    return token_request(
        pair,
        username="owner@acme.example.com",
        password="demo-password-123",
        tenant_id=str(GLOBEX),
    )


def refresh_to_globex(pair: System, _: Globex) -> httpx.Response:
    token = str(sign_in(pair, "owner@acme.example.com").refresh_token)
    return token_request(
        pair, grant_type="refresh_token", refresh_token=token, tenant_id=str(GLOBEX)
    )


def introspect_its_token(_: System, globex: Globex) -> httpx.Response:
    return globex.outsider.post("/introspect", token=globex.owner.access_token)


def revoke_its_refresh_token(_: System, globex: Globex) -> httpx.Response:
    return globex.outsider.post("/revoke", token=str(globex.owner.refresh_token))


def revoke_a_token_of_its_program(_: System, globex: Globex) -> httpx.Response:
    return globex.outsider.post("/revoke", token=globex.program.access_token)


ANSWERS = {
    join_with_a_link_of_globex: "invitation_for_another_address",
    sign_in_to_globex: "tenant_not_found",
    refresh_to_globex: "tenant_not_found",
    introspect_its_token: {"active": False},
    revoke_its_refresh_token: None,
    revoke_a_token_of_its_program: "client_not_allowed",
}


def rows_of_globex(system: System) -> Any:
    """What identity holds of Globex."""
    subqueries = (
        f"(SELECT json_agg(row ORDER BY row::text) FROM {table} AS row WHERE tenant_id = $1)"  # noqa: S608
        for table in IDENTITY_TABLES
    )
    return system.sql("identity", f"SELECT {', '.join(subqueries)}", GLOBEX)


@pytest.mark.parametrize("attempt", list(ANSWERS), ids=lambda each: each.__name__)
def test_what_globex_holds_opens_nothing_to_others(
    pair: System, globex: Globex, attempt: Callable[[System, Globex], httpx.Response]
) -> None:
    before = rows_of_globex(pair)
    response = attempt(pair, globex)
    said: Any = response.json() if response.content else None
    assert (said if response.is_success else said["detail"]) == ANSWERS[attempt]
    assert [trace for trace in globex.traces if trace in response.text] == []
    assert rows_of_globex(pair) == before
    assert globex.owner.identity("GET", "/me").status_code == 200
    assert globex.program.core("GET", "/popups").status_code == 200


def test_a_person_of_acme_stays_in_acme(pair: System) -> None:
    assert sign_in(pair, "owner@acme.example.com").claims["tenant_id"] == str(ACME)
