"""Logs of both services: one JSON object per line, and no secret in any."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.logs import Log
from tests.people import ACME, API, Caller, sign_in, token_request
from tests.system import System, eventually

pytestmark = pytest.mark.database


def logged(system: System) -> list[dict[str, Any]]:
    return [json.loads(line) for each in (system.core, system.identity) for line in each.log.lines]


def test_secrets_of_requests_are_not_logged(system: System, owner: Caller, agent: Caller) -> None:
    """However they are sent: in the right place, in wrong ones, in refused requests."""
    password, value = f"wrong-{uuid4().hex}", f"secret-{uuid4().hex}"
    system.secrets |= {password, value, "demo-password-123", "support123", "platform123"}
    support = agent.impersonate()
    assert token_request(system, username="owner@acme.example.com", password=password).is_error
    assert token_request(system, username=password, password=password).is_error
    assert token_request(system, grant_type="refresh_token", refresh_token=value).is_error
    for token in (owner.access_token, str(owner.refresh_token), support.access_token, value):
        for url in (f"{system.core.url}{API}/popups", f"{system.identity.url}/me"):
            system.client.get(url, params={"access_token": token})
            system.client.get(f"{url}/{token}")
            system.client.get(url, headers={"Authorization": f"Basic {token}"})
            system.client.get(url, headers={"Authorization": f"Bearer {token}x"})
            system.client.get(url, headers={"Cookie": f"refresh={token}"})
            system.client.get(url, headers={"X-Request-ID": f"{token} {token}"})
    for body in ({"name": value, "password": password}, {"name": {"token": value}}, [value]):
        assert owner.core("POST", "/popups", json=body).status_code == 422
    assert owner.core("POST", "/popups", content=f"{{{value}").status_code == 422
    basic = (value, password)
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "client_id": value}
    assert system.client.post(f"{system.identity.url}/token", data=form, auth=basic).is_error
    count = len(logged(system))
    owner.popups()
    eventually("what was asked before is logged, too", lambda: len(logged(system)) > count)
    system.check_logs()


def test_every_line_is_one_json_object(system: System, owner: Caller) -> None:
    assert owner.popups()
    for entry in logged(system):
        assert {"timestamp", "level", "service", "event"} <= set(entry), entry


def test_a_request_is_found_by_its_id_in_logs_and_trail(
    system: System, owner: Caller, agent: Caller
) -> None:
    support = agent.impersonate()
    request_id = str(uuid4())
    response = support.core("GET", "/popups", headers={"X-Request-ID": request_id})
    assert response.headers["x-request-id"] == request_id
    lines = eventually(
        "the request is logged, which it is after its answer",
        lambda: [entry for entry in logged(system) if entry.get("request_id") == request_id],
    )
    assert [(line["event"], line["status"], line["route"]) for line in lines] == [
        ("request", 200, f"{API}/popups")
    ]
    assert (lines[0]["person"], lines[0]["tenant_id"]) == (agent.id, str(ACME))
    event = next(
        each for each in owner.results("/org/audit-log") if each["request_id"] == request_id
    )
    assert (event["action"], event["actor_id"]) == ("popups.list", agent.id)


def test_a_leak_would_be_found(system: System, tmp_path: Path) -> None:
    token = sign_in(system, "owner@acme.example.com").access_token
    log = Log(tmp_path / "some.log")
    log.path.write_text(f'{{"event": "fine"}}\n{{"event": "{token}"}}\n{{"exception":"x"}}\n')
    assert len(log.leaks(system.secrets)) == 1
    assert log.tracebacks() == ['{"exception":"x"}']
