"""Neither service needs the other to answer a request that is already authorized."""

import pytest

from shared_lib.testing.tokens import TokenIssuer
from tests.people import Caller, is_refused, refusal, sign_in, token_request
from tests.system import System, eventually

pytestmark = pytest.mark.database


@pytest.fixture
def member(frail: System) -> Caller:
    return sign_in(frail, "standard@acme.example.com")


@pytest.fixture
def foreign(frail: System, member: Caller) -> Caller:
    """A token like any other, of a key that the core has never seen."""
    issuer = TokenIssuer(member.claims["iss"])
    return Caller(frail, issuer.person())


def test_the_core_serves_while_identity_is_dead(
    frail: System, member: Caller, foreign: Caller
) -> None:
    agent = sign_in(frail, "support@numbersence.com")
    frail.identity.kill()
    for _ in range(20):
        assert member.popups()
    created = member.core("POST", "/popups", json={"name": "Made in the dark"})
    assert created.status_code == 201
    refused = foreign.core("GET", "/me")  # however lately identity has answered
    assert refusal(refused) == (503, "keys_unavailable")
    assert int(refused.headers["retry-after"]) > 0
    assert "www-authenticate" not in refused.headers
    assert refusal(agent.start_support()) == (503, "identity_unavailable")
    assert agent.results("/support/sessions") == [], "no row without its token"
    frail.identity.up()
    assert sign_in(frail, "standard@acme.example.com").popups() == member.popups()


def test_an_unknown_key_is_invalid_once_identity_can_be_asked(
    frail: System, foreign: Caller
) -> None:
    eventually(
        "identity is asked again",
        lambda: foreign.core("GET", "/me").status_code == 401,
    )
    assert refusal(foreign.core("GET", "/me")) == (401, "invalid_token")


def test_the_core_starts_from_its_stored_keys(
    frail: System, member: Caller, foreign: Caller
) -> None:
    assert member.popups()
    frail.identity.kill()
    frail.core.stop()
    frail.core.up()
    assert member.popups()
    refused = foreign.core("GET", "/me")  # however lately identity has answered
    assert refusal(refused) == (503, "keys_unavailable")
    frail.identity.up()
    assert sign_in(frail, "owner@acme.example.com").popups() == member.popups()


def test_identity_serves_while_the_core_is_dead(frail: System, member: Caller) -> None:
    frail.core.kill()
    other = sign_in(frail, "viewer@acme.example.com")
    assert other.identity("GET", "/me").json()["memberships"]
    answer = token_request(
        frail, grant_type="refresh_token", refresh_token=str(member.refresh_token)
    )
    assert answer.status_code == 200
    renewed = Caller(frail, answer.json()["access_token"], answer.json()["refresh_token"])
    other.sign_out()
    frail.core.up()
    assert renewed.popups()
    eventually("the core hears of it", lambda: is_refused(other, "token_revoked"))


def test_tokens_outlive_a_restart_of_both(frail: System, member: Caller) -> None:
    frail.core.kill()
    frail.identity.kill()
    frail.identity.up()
    frail.core.up()
    assert member.popups()
    assert member.identity("GET", "/me").status_code == 200


@pytest.mark.parametrize("database", ["identity", "product"])
def test_connections_that_the_server_cut_are_replaced(
    frail: System, member: Caller, database: str
) -> None:
    assert member.popups()
    cut = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    assert frail.sql(database, cut)
    assert member.popups()
    assert member.identity("GET", "/me").status_code == 200
    assert sign_in(frail, "owner@acme.example.com").popups()
