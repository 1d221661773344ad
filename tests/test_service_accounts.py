"""Programs of organizations: from their secret to rows in the core, and out again."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from infra.postgres.secrets_file import read_variables
from tests.people import ACME, Caller, create_account, is_refused, refusal, sign_in
from tests.system import System, eventually

PHASEZERO = Path(sys.executable).with_name("phasezero")

pytestmark = pytest.mark.database


def test_a_service_account_works_in_the_core_until_it_is_revoked(
    system: System, owner: Caller
) -> None:
    account = create_account(owner)
    machine = account.sign_in()
    created = machine.core("POST", "/popups", json={"name": "Made by a program"})
    assert created.status_code == 201, created.text
    history = system.sql(
        "product",
        "SELECT actor_id::text FROM row_history WHERE row_id = $1::uuid",
        created.json()["id"],
    )
    assert [row["actor_id"] for row in history] == [account.id]
    me = machine.core("GET", "/me").json()
    assert (me["id"], me["tenant_id"], me["role"]) == (account.id, str(ACME), "standard")

    assert owner.identity("DELETE", f"/service-accounts/{account.id}").status_code == 204
    refused = account.ask()
    assert refusal(refused) == (401, "invalid_client")
    eventually("the core hears of it", lambda: is_refused(machine, "token_revoked"))
    for method, path in (("GET", "/me"), ("DELETE", f"/popups/{created.json()['id']}")):
        assert refusal(machine.core(method, path)) == (401, "token_revoked")
    assert owner.core("DELETE", f"/popups/{created.json()['id']}").status_code == 204


def test_the_role_of_a_service_account_binds_it(owner: Caller) -> None:
    viewer = create_account(owner, "viewer").sign_in()
    assert viewer.popups()
    assert refusal(viewer.core("POST", "/popups", json={"name": "No"})) == (
        403,
        "missing_permission",
    )
    assert refusal(viewer.identity("GET", "/me")) == (403, "missing_permission")
    assert refusal(viewer.identity("GET", "/service-accounts")) == (403, "missing_permission")


def test_a_token_that_is_given_back_is_refused_in_the_core(owner: Caller) -> None:
    account = create_account(owner)
    machine, other = account.sign_in(), account.sign_in()
    assert account.post("/revoke", token=machine.access_token).status_code == 200
    eventually("the core hears of it", lambda: is_refused(machine, "token_revoked"))
    assert other.popups()
    told = [
        account.post("/introspect", token=each.access_token).json()["active"]
        for each in (machine, other)
    ]
    assert told == [False, True]


def test_a_person_who_gives_a_token_back_is_out(system: System) -> None:
    person = sign_in(system, "standard@acme.example.com")
    url = f"{system.identity.url}/revoke"
    given_back = system.client.post(url, data={"token": str(person.refresh_token)})
    assert given_back.status_code == 200
    eventually("the core hears of it", lambda: is_refused(person, "token_revoked"))


def test_secrets_turn_while_the_program_works(owner: Caller) -> None:
    account = create_account(owner)
    machine = account.sign_in()
    secrets = f"/service-accounts/{account.id}/secrets"
    assert owner.identity("POST", secrets, json={}).status_code == 201
    assert owner.identity("DELETE", f"{secrets}/{account.secret_id}").status_code == 204
    assert refusal(account.ask()) == (401, "invalid_client")
    assert machine.popups()
    out = owner.identity("DELETE", f"{secrets}/{account.secret_id}?revoke_tokens=true")
    assert out.status_code == 204
    eventually("the core hears of it", lambda: is_refused(machine, "token_revoked"))


def test_the_customer_reads_who_made_the_account(owner: Caller) -> None:
    account = create_account(owner)

    def told() -> bool:
        return any(
            event["action"] == "service_accounts.create"
            and event["resource_id"] == account.id
            and event["actor_id"] == owner.id
            for event in owner.results("/org/audit-log")
        )

    eventually("identity's event is in the core's log", told)


def test_what_was_revoked_is_told_again(system: System, owner: Caller) -> None:
    """After a restore of the core's database to a moment before."""
    account, other = create_account(owner), create_account(owner)
    ended, given_back = account.sign_in(), other.sign_in()
    assert owner.identity("DELETE", f"/service-accounts/{account.id}").status_code == 204
    assert other.post("/revoke", token=given_back.access_token).status_code == 200
    for machine in (ended, given_back):
        eventually("the core hears of it", partial(is_refused, machine, "token_revoked"))
    subjects = [account.id, given_back.claims["jti"]]
    forget = "DELETE FROM revocations WHERE subject_id::text = ANY($1)"
    system.sql("product", forget, subjects)
    assert ended.popups()
    assert given_back.popups()
    command = [str(PHASEZERO), "reconcile"]
    environment = os.environ | read_variables(system.configuration.secrets_path)
    subprocess.run(command, env=environment, check=True, capture_output=True)  # noqa: S603
    for machine in (ended, given_back):
        eventually("the core hears of it", partial(is_refused, machine, "token_revoked"))
