"""Every hostile token and transport, sent to both services as they run: refused, and silently."""

import asyncio
import http.client
import json
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
import pytest

from infra.postgres.urls import driver_url
from shared_lib.jwks import public_jwk
from shared_lib.keys import KeyCipher, KeyRecord, KeyState, Schedule, SigningKeyStore
from shared_lib.testing.forgery import Forger, old_key
from shared_lib.testing.hostile import (
    GOOD_TRANSPORTS,
    HOSTILE_TOKENS,
    HOSTILE_TRANSPORTS,
    Place,
    Sent,
)
from shared_lib.testing.tokens import TokenIssuer
from shared_lib.tokens import PEOPLE_AUDIENCES, SigningKey
from tests.conftest import MakeSystem
from tests.people import API, Caller, create_account, invite, sign_in
from tests.program import phasezero
from tests.system import ServiceProcess, System, eventually

pytestmark = pytest.mark.database

REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "reference"
CHALLENGES = {
    "missing_token": 'Bearer realm="phase-zero"',
    "invalid_token": 'Bearer realm="phase-zero", error="invalid_token"',
}
# One reading operation of each service, and any path of its internal ones: which token is shown
# there is asked before which operation it is.
PATHS = {
    Place.CORE: f"{API}/popups",
    Place.IDENTITY: "/me",
    Place.CORE_INTERNAL: "/internal/revocations",
    Place.IDENTITY_INTERNAL: f"/internal/tenants/{UUID(int=1)}",
}


@dataclass(frozen=True)
class Answer:
    """What came back, as it came."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


@dataclass(frozen=True)
class Besieged:
    """A system, and forgers that have the key with which its identity service signs."""

    system: System
    member: Caller
    forgers: dict[str, Forger]

    def forger(self, place: Place) -> Forger:
        return self.forgers[place.audience]

    def service(self, place: Place) -> ServiceProcess:
        core = place in (Place.CORE, Place.CORE_INTERNAL)
        return self.system.core if core else self.system.identity

    def send(self, place: Place, sent: Sent) -> Answer:
        """One request, byte for byte: a client library would refuse to send some of them."""
        url = urlsplit(self.service(place).url)
        path = PATHS[place].encode() + (b"?" + sent.query if sent.query else b"")
        headers = (
            (b"Host", url.netloc.encode()),
            (b"Connection", b"close"),
            (b"Content-Length", b"%d" % len(sent.body)),
            *sent.headers,
        )
        lines = (b"GET " + path + b" HTTP/1.1", *(name + b": " + value for name, value in headers))
        with socket.create_connection((url.hostname, url.port), timeout=60) as connection:
            connection.sendall(b"\r\n".join((*lines, b"", sent.body)))
            response = http.client.HTTPResponse(connection)
            response.begin()
            return Answer(response.status, response.headers, response.read())

    def show(self, place: Place, token: str) -> Answer:
        value = b"Bearer " + token.encode("utf-8", "surrogatepass")
        return self.send(place, Sent(headers=((b"Authorization", value),)))


async def stored_keys(system: System) -> tuple[KeyRecord, ...]:
    url, database = system.administrator_of("identity")
    connection = await asyncpg.connect(driver_url(url, database))
    try:
        return await SigningKeyStore(cipher(system), Schedule()).load(connection)
    finally:
        await connection.close()


def cipher(system: System) -> KeyCipher:
    return KeyCipher.from_setting(system.environment(system.identity)["IDENTITY_ENCRYPTION_KEY"])


def current_key(system: System) -> SigningKey:
    """The key with which the identity service signs, opened with its own encryption key."""
    keys = asyncio.run(stored_keys(system))
    return cipher(system).open(next(key for key in keys if key.state is KeyState.CURRENT))


def retire(system: System, key: SigningKey) -> None:
    """Let the table say that the key signed once, long ago."""
    instants = [datetime.now(UTC) - timedelta(days=days) for days in (90, 90, 60, 30)]
    system.sql(
        "identity",
        "INSERT INTO signing_keys (kid, state, public_jwk, published_at, activated_at,"
        " deactivated_at, retired_at) VALUES ($1, 'retired', $2, $3, $4, $5, $6)",
        key.kid,
        json.dumps(public_jwk(key.private.public_key())),
        *instants,
    )


def revoke(system: System, key: SigningKey) -> None:
    """With the tool for emergencies; comes back when neither service accepts it any longer."""
    victim = sign_in(system, "viewer@acme.example.com")
    assert victim.popups()
    done = phasezero(system, "keys", "revoke", key.kid, "--reason", "Stolen")
    assert done.returncode == 0, done.stderr
    eventually("the core refuses the key", lambda: victim.core("GET", "/popups").is_error)
    eventually("identity refuses the key", lambda: victim.identity("GET", "/me").is_error)


@pytest.fixture(scope="module")
def besieged(make_system: MakeSystem) -> Besieged:
    system = make_system()
    stolen, retired = current_key(system), old_key(2)
    retire(system, retired)
    revoke(system, stolen)
    member = sign_in(system, "standard@acme.example.com")
    issuer = TokenIssuer(str(member.claims["iss"]), private=current_key(system).private)
    forgers = {
        audience: Forger(
            issuer,
            audience=audience,
            sub=UUID(member.claims["sub"]),
            sid=UUID(member.claims["sid"]),
            tenant_id=UUID(member.claims["tenant_id"]),
            retired=retired,
            revoked=stolen,
        )
        for audience in PEOPLE_AUDIENCES
    }
    return Besieged(system, member, forgers)


def assert_refused(name: str, place: Place, answer: Answer, code: str) -> None:
    assert answer.status == 401, (name, answer)
    assert answer.headers["content-type"] == "application/problem+json", name
    assert answer.headers["www-authenticate"] == CHALLENGES[code], name
    problem = json.loads(answer.body)
    assert (problem["detail"], problem["status"]) == (code, 401), (name, problem)
    assert problem["type"].endswith(code), name
    assert code in documented_codes(place), name


def documented_codes(place: Place) -> set[str]:
    """The stable codes of status 401 on the reference page of the service."""
    page = (REFERENCE / f"{place.audience}-errors.md").read_text()
    return set(re.findall(r"^\| `(\w+)` \| 401 ", page, re.MULTILINE))


def assert_everything_works(besieged: Besieged) -> None:
    """For the person herself, and for whoever signs as identity does."""
    assert besieged.member.popups()
    assert besieged.member.identity("GET", "/me").status_code == 200
    for place in (Place.CORE, Place.IDENTITY):
        assert besieged.show(place, besieged.forger(place).good()).status == 200, place
    for place in (Place.CORE_INTERNAL, Place.IDENTITY_INTERNAL):
        # Let in, and then told that there is nothing to read.
        assert besieged.show(place, besieged.forger(place).service()).status == 405, place


def assert_silent(besieged: Besieged, tokens: Iterable[str]) -> None:
    """Neither a traceback nor one of the tokens in what the services wrote."""
    besieged.system.secrets |= {token for token in tokens if token.count(".") == 2}
    written = len(besieged.system.core.log.lines)
    assert besieged.member.popups()
    eventually("the last request is logged", lambda: len(besieged.system.core.log.lines) > written)
    besieged.system.check_logs()


@pytest.mark.parametrize("audience", PEOPLE_AUDIENCES)
def test_every_hostile_token_is_refused(besieged: Besieged, audience: str) -> None:
    assert_everything_works(besieged)
    shown: set[str] = set()
    for vector in HOSTILE_TOKENS:
        token = vector.make(besieged.forgers[audience])
        for place in sorted(vector.places):
            if place.audience == audience and vector.travels:
                assert_refused(vector.name, place, besieged.show(place, token), "invalid_token")
                shown.add(token)
    assert len(shown) >= 120
    assert_everything_works(besieged)
    assert_silent(besieged, shown)


@pytest.mark.parametrize("place", [Place.CORE, Place.IDENTITY])
def test_what_http_does_not_carry_breaks_nothing(besieged: Besieged, place: Place) -> None:
    """The server itself refuses it, or strips what surrounds a good token."""
    stripped = {"space at the end", "space at the beginning"}  # RFC 9110 section 5.5
    for vector in HOSTILE_TOKENS:
        if not vector.travels:
            answer = besieged.show(place, vector.make(besieged.forger(place)))
            wanted = {200} if vector.name in stripped else {400, 401, 431}
            assert answer.status in wanted, (vector.name, answer)
    assert_everything_works(besieged)
    assert_silent(besieged, ())


@pytest.mark.parametrize("place", [Place.CORE, Place.IDENTITY])
def test_every_hostile_transport_is_refused(besieged: Besieged, place: Place) -> None:
    token = besieged.forger(place).good()
    for way in GOOD_TRANSPORTS:
        assert besieged.send(place, way.send(token)).status == 200, way.name
    for transport in HOSTILE_TRANSPORTS:
        answer = besieged.send(place, transport.send(token))
        assert_refused(transport.name, place, answer, transport.code)
    assert_everything_works(besieged)
    assert_silent(besieged, {token})


def test_real_tokens_of_other_kinds_are_refused(besieged: Besieged) -> None:
    """As the system itself gave them to somebody."""
    system = besieged.system
    owner = sign_in(system, "owner@acme.example.com")
    support = sign_in(system, "support@numbersence.com").impersonate()
    _, invitation = invite(owner, "new@acme.example.com")
    account = create_account(owner)
    assert support.popups()
    assert_refused(
        "support token",
        Place.IDENTITY,
        besieged.show(Place.IDENTITY, support.access_token),
        "invalid_token",
    )
    for place in Place:
        for name, token in {
            "refresh token": str(owner.refresh_token),
            "invitation": invitation,
            "secret of a service account": account.secret,
        }.items():
            assert_refused(name, place, besieged.show(place, token), "invalid_token")
    for place in (Place.CORE_INTERNAL, Place.IDENTITY_INTERNAL):
        for caller in (owner, support, account.sign_in()):
            answer = besieged.show(place, caller.access_token)
            assert_refused("internal", place, answer, "invalid_token")
    assert_silent(besieged, ())
