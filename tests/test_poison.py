"""Callers of every kind at once on few connections: none leaves anything behind for the next."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random
from uuid import uuid4

import httpx
import pytest

from tests.conftest import MakeSystem
from tests.people import ACME, GLOBEX, Caller, is_refused, sign_in
from tests.system import System, eventually

pytestmark = pytest.mark.database

THREADS, REQUESTS = 8, 50


@dataclass(frozen=True)
class Kind:
    """A request, and what it must be answered: a refusal's code or the names of popups."""

    send: Callable[[], httpx.Response]
    expected: str | frozenset[str]

    def check(self) -> str | None:
        """None when the answer is right, else the answer."""
        response = self.send()
        body = response.json()
        if response.is_success:
            answer: str | frozenset[str] = frozenset(each["name"] for each in body["results"])
        else:
            answer = body["detail"]
        return None if answer == self.expected else f"{self.expected}: {response.text}"


@pytest.fixture(scope="module")
def narrow(make_system: MakeSystem) -> System:
    """A system with fewer connections than callers."""
    return make_system(CORE_DATABASE_POOL_SIZE="2", CORE_SUPPORT_POOL_SIZE="1")


def reads(caller: Caller, expected: str | frozenset[str]) -> Kind:
    return Kind(lambda: caller.core("GET", "/popups"), expected)


def writes(caller: Caller, expected: str, **body: object) -> Kind:
    return Kind(lambda: caller.core("POST", "/popups", json={"name": "No", **body}), expected)


@pytest.fixture(scope="module")
def kinds(narrow: System) -> list[Kind]:
    owner = sign_in(narrow, "owner@acme.example.com")
    theirs = sign_in(narrow, "owner@globex.example.com")
    owner.core("POST", "/popups", json={"name": "Of Acme"})
    theirs.core("POST", "/popups", json={"name": "Of Globex"})
    acme, globex = frozenset(owner.popups()), frozenset(theirs.popups())
    assert acme ^ globex == {"Of Acme", "Of Globex"}

    agent = sign_in(narrow, "support@numbersence.com")
    ended = agent.impersonate(ACME)
    agent.core("DELETE", f"/support/impersonate/{ended.claims['support']['id']}")
    gone = sign_in(narrow, "standard@acme.example.com")
    gone.sign_out()
    eventually("the core hears of it", lambda: is_refused(gone, "token_revoked"))
    admin = sign_in(narrow, "platform@numbersence.com")
    suspended = admin.core("POST", f"/admin/orgs/{GLOBEX}/suspend", json={"reason": "Unpaid"})
    assert suspended.status_code == 200

    in_acme, in_globex = agent.impersonate(ACME), agent.impersonate(GLOBEX)
    forged = Caller(narrow, owner.access_token[:-6] + "AAAAAA")
    missing = f"/popups/{uuid4()}"
    return [
        *[reads(owner, acme)] * 4,
        *[reads(in_globex, globex)] * 4,  # a support session reads in any access mode
        reads(in_acme, acme),
        reads(theirs, "tenant_blocked"),
        writes(theirs, "tenant_blocked"),
        reads(gone, "token_revoked"),
        reads(ended, "token_revoked"),
        reads(forged, "invalid_token"),
        reads(agent, "tenant_required"),
        writes(in_acme, "read_only"),
        writes(in_globex, "tenant_blocked"),
        writes(owner, "validation_failed", tenant_id=str(GLOBEX)),
        writes(owner, "popup_slug_taken", slug="of-acme"),
        Kind(lambda: owner.core("GET", missing), "popup_not_found"),
    ]


def test_good_callers_are_served_among_refused_ones(kinds: list[Kind]) -> None:
    def work(seed: int) -> list[str]:
        order = Random(seed).choices(kinds, k=REQUESTS)
        return [wrong for kind in order if (wrong := kind.check())]

    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(work, range(THREADS)))
    assert [wrong for each in found for wrong in each] == []


def test_afterwards_each_kind_is_answered_as_before(kinds: list[Kind]) -> None:
    assert [wrong for kind in kinds if (wrong := kind.check())] == []
