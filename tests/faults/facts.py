"""What the services must tell each other, written all the time, and held against both databases."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import uuid4

import httpx

from tests.faults.ledger import Answer, Outcome
from tests.faults.writers import Stopped, answer_of
from tests.people import PASSWORD, Caller, sign_in
from tests.system import PATIENCE, System, eventually

_PAUSE = 0.05
_WAITING = "SELECT FROM jobs WHERE kind IN ('tell_tenant', 'tell_member', 'send_revocation')"
# Half a minute passes: what a dead worker had claimed is due again.
_DUE = "UPDATE jobs SET run_at = now() WHERE held_at IS NULL"
_HELD = "SELECT kind, failure FROM jobs WHERE held_at IS NOT NULL"
_EVENTS = "SELECT count(*) FROM audit_events WHERE request_id = $1 AND outcome = 'succeeded'"
_TENANTS = "SELECT id, name, status, version FROM tenants"
_ORGANIZATIONS = "SELECT tenant_id, name, status, version FROM organizations"
_MEMBERSHIPS = "SELECT tenant_id, person_id, role, version FROM memberships WHERE active"
_MEMBERS = "SELECT tenant_id, person_id, role, version FROM members WHERE active"
_REVOKED = "SELECT count(*) FROM revocations WHERE subject_id = $1"


@dataclass
class Facts:
    """What was acknowledged: requests of staff, names and states, roles, sessions that ended."""

    system: System
    stop: threading.Event = field(default_factory=threading.Event)
    done: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    role: str = "viewer"
    ended: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)

    def wait_for_more(self, more: int = 2) -> None:
        """Wait until so many more organizations and sign-outs were acknowledged."""
        organizations, sign_outs = len(self.names) + more, len(self.ended) + more

        def are_there() -> bool:
            assert not self.unclear, self.unclear  # whoever was told that has stopped
            return len(self.names) >= organizations and len(self.ended) >= sign_outs

        # A key that was reserved by a process that died is free a minute later.
        eventually(f"{more} more organizations and sign-outs", are_there, 3 * PATIENCE)

    def found_organizations(self, admin: Caller) -> None:
        """Create one after the other, and suspend every second one."""
        for number in count():
            if self.stop.is_set():
                return
            name = f"Faults {uuid4().hex[:12]}"
            body = {"name": name, "first_owner_email": f"{uuid4().hex}@example.com"}
            key = {"Idempotency-Key": str(uuid4())}
            created = self._until(admin.core, "POST", "/admin/orgs", json=body, headers=key)
            state = "active"
            if number % 2:
                path = f"/admin/orgs/{created.json()['id']}/suspend"
                why = {"reason": "Unpaid"}
                # Suspended by the attempt before, of which nobody could tell.
                self._until(admin.core, "POST", path, json=why, gone="organization_not_active")
                state = "suspended"
            self.names[name] = state

    def change_a_role(self, owner: Caller, person_id: str) -> None:
        """Make somebody a viewer and a standard member in turn."""
        while not self.stop.is_set():
            role = "standard" if self.role == "viewer" else "viewer"
            self._until(owner.identity, "PATCH", f"/members/{person_id}", json={"role": role})
            self.role = role
            self.stop.wait(_PAUSE)

    def sign_in_and_out(self, address: str) -> None:
        """Begin a session and end it."""
        form = {"username": address, "password": PASSWORD}
        url = f"{self.system.identity.url}/token"

        def ask(method: str, path: str, **request: Any) -> httpx.Response:
            return self.system.client.request(method, url, data=form, **request)

        while not self.stop.is_set():
            token = self._until(ask, "POST", "/token").json()["access_token"]
            caller = Caller(self.system, token)
            # Signed out by the attempt before, of which nobody could tell.
            self._until(caller.identity, "POST", "/logout", gone="token_revoked")
            self.ended.append(str(caller.claims["sid"]))

    def _until(
        self, call: Callable[..., httpx.Response], method: str, path: str, **request: Any
    ) -> httpx.Response:
        """Ask until it is done; the answer that says so."""
        gone, unknown = request.pop("gone", None), False
        headers = request.pop("headers", {})
        while True:
            request_id = str(uuid4())
            try:
                response = call(
                    method, path, headers={**headers, "X-Request-ID": request_id}, **request
                )
            except httpx.TransportError:
                unknown = True
                self._pause()
                continue
            answer = answer_of(response)
            if unknown and answer.code == gone:
                return response
            self._note(answer, path)
            if answer.outcome is Outcome.DONE:
                if "/admin/" in path and not answer.replayed:
                    self.done.append(request_id)
                return response
            unknown = unknown or answer.outcome is Outcome.UNKNOWN
            self._pause()

    def _note(self, answer: Answer, path: str) -> None:
        if not answer.is_clear:
            self.unclear.append(f"{path}: answered {answer}")
            raise Stopped

    def _pause(self) -> None:
        threading.Event().wait(_PAUSE)

    def faults(self) -> list[str]:
        """Everything that was acknowledged and is not known, once, where it must be."""
        faults = list(self.unclear)
        for database in ("identity", "product"):
            self._rows(database, _DUE)
            self._wait_until_told(database)
            faults += [f"held: {tuple(row)}" for row in self._rows(database, _HELD)]
        for request_id in self.done:
            events = self._rows("product", _EVENTS, request_id)[0][0]
            if events != 1:
                faults.append(f"request {request_id} stands {events} times in the trail")
        faults += self._faults_of_organizations()
        members = {tuple(row) for row in self._rows("identity", _MEMBERSHIPS)}
        known = {tuple(row) for row in self._rows("product", _MEMBERS)}
        faults += [f"member not as identity has it: {row}" for row in members ^ known]
        for session_id in self.ended:
            times = self._rows("product", _REVOKED, session_id)[0][0]
            if times != 1:
                faults.append(f"session {session_id} is revoked {times} times")
        return faults

    def _wait_until_told(self, database: str) -> None:
        eventually(f"{database} has told", lambda: not self._rows(database, _WAITING))

    def _faults_of_organizations(self) -> Iterator[str]:
        organizations = [tuple(row) for row in self._rows("product", _ORGANIZATIONS)]
        tenants = [tuple(row) for row in self._rows("identity", _TENANTS)]
        for name, state in self.names.items():
            here = [row for row in organizations if row[1] == name]
            there = [row for row in tenants if row[1] == name]
            if [row[2] for row in here] != [state] or here != there:
                yield f"{name} is {state}: the core has {here}, identity {there}"

    def _rows(self, database: str, statement: str, *arguments: Any) -> list[Any]:
        return list(self.system.sql(database, statement, *arguments))


@contextmanager
def telling(system: System) -> Iterator[Facts]:
    """Facts come about while the block runs; then both services are asked."""
    facts = Facts(system)
    admin = sign_in(system, "platform@numbersence.com")
    owner = sign_in(system, "owner@globex.example.com")
    members = owner.identity("GET", "/members").json()["results"]
    viewer = next(each["id"] for each in members if each["name"] == "Globex viewer")
    with ThreadPoolExecutor(3) as pool:
        futures = [
            pool.submit(facts.found_organizations, admin),
            pool.submit(facts.change_a_role, owner, viewer),
            pool.submit(facts.sign_in_and_out, "client@globex.example.com"),
        ]
        try:
            yield facts
        finally:
            facts.stop.set()
        for future in futures:
            error = future.exception(3 * PATIENCE)
            assert error is None or isinstance(error, Stopped), error
    faults = facts.faults()
    assert not faults, "\n".join(faults)
