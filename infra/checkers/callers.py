"""Who calls the services while they are taken apart, and which operations each may try.

Tokens are real. An operation that ends sessions costs its caller one: he signs in again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from infra.checkers.installation import Installation

OWNERS: Final = {
    "owner of acme": "owner@acme.example.com",
    "owner of globex": "owner@globex.example.com",
}
DEMO_PASSWORD: Final = "demo-password-123"  # noqa: S105 - of the demo data
STAFF: Final = {
    "platform admin": ("platform@numbersence.com", "platform123"),
    "agent": ("support@numbersence.com", "support123"),
}
THOROUGH: Final = ("coverage", "fuzzing", "stateful")
CURSORY: Final = ("fuzzing",)


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller of one service. `entries` are his credentials and those of his `peers`, in the
    form of the Web Fuzzing Commons; without any he has no token. `options` choose operations.
    """

    name: str
    entries: Sequence[Mapping[str, Any]] = ()
    peers: Sequence[str] = ()
    options: Sequence[str] = ()
    phases: Sequence[str] = THOROUGH
    examples: int = 4
    values: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Real values for parameters, such as ``path.person_id``."""
    refused: bool = False
    """Whether his credentials are for another service, so that nothing may answer with success."""


def callers(installation: Installation) -> dict[str, list[Caller]]:
    """The callers of each service, in their order. Begins a support session."""
    support = _header("support session", _support_token(installation))
    client = ("product-core-api", "CORE_CLIENT_SECRET", "identity-service/internal")
    core = _header("core", installation.client_token(*client))
    nobody = Caller("nobody", phases=CURSORY, examples=2)
    return {
        "core": [
            # Before the owner, who ends it.
            Caller("support session", [support], phases=CURSORY, examples=2),
            _owner(installation, "owner of acme", _without("/api/v1/(admin|support)/")),
            _staff(
                installation,
                (*_only("/api/v1/(admin|support)/"), *_not("suspend_organization")),
                {"path.tenant_id": _organizations(installation)},
            ),
            nobody,
        ],
        "identity": [
            _owner(installation, "owner of globex", _without("/(admin|internal)/")),
            _staff(
                installation,
                (*_only("/admin/"), *_not("deactivate_person", "revoke_signing_key")),
                {"path.tenant_id": _organizations(installation)},
            ),
            Caller("core", [core], options=_only("/internal/")),
            Caller("support session", [support], phases=CURSORY, examples=1, refused=True),
            nobody,
        ],
    }


def last_callers(installation: Installation) -> dict[str, list[Caller]]:
    """Those whose operations leave nothing to be taken apart behind them."""
    core = ("list_organizations", "suspend_organization")
    identity = ("list_people", "deactivate_person", "list_signing_keys", "revoke_signing_key")
    return {
        service: [
            Caller(
                "platform admin ending",
                _staff_entries(installation),
                options=_these(*names),
                phases=CURSORY,
                examples=8,
            )
        ]
        for service, names in (("core", core), ("identity", identity))
    }


def _owner(installation: Installation, name: str, options: Sequence[str]) -> Caller:
    others = [other for other in OWNERS if other != name]
    entries = [
        _sign_in(installation, each, OWNERS[each], DEMO_PASSWORD) for each in (name, *others)
    ]
    return Caller(name, entries, peers=(name, *others), options=options)


def _staff(
    installation: Installation, options: Sequence[str], values: Mapping[str, Sequence[str]]
) -> Caller:
    entries = _staff_entries(installation)
    return Caller("platform admin", entries, options=options, values=values)


def _staff_entries(installation: Installation) -> list[Mapping[str, Any]]:
    return [_sign_in(installation, "platform admin", *STAFF["platform admin"])]


def _organizations(installation: Installation) -> list[str]:
    token = installation.sign_in(*STAFF["platform admin"])
    found = installation.json("GET", "core", "/api/v1/admin/orgs", token)
    return [str(each["id"]) for each in found["results"]]


def _support_token(installation: Installation) -> str:
    agent = installation.sign_in(*STAFF["agent"])
    found = installation.json("GET", "core", "/api/v1/support/orgs?search=acme", agent)
    path = f"/api/v1/support/impersonate/{found['results'][0]['id']}"
    reason = {"reason": "Checkers look at what a support session may do"}
    return str(installation.json("POST", "core", path, agent, json=reason)["access_token"])


def _sign_in(
    installation: Installation, name: str, username: str, password: str
) -> Mapping[str, Any]:
    return {
        "name": name,
        "loginEndpointAuth": {
            "verb": "POST",
            "externalEndpointURL": f"{installation.urls['identity']}/token",
            "contentType": "application/x-www-form-urlencoded",
            "payloadRaw": urlencode({"username": username, "password": password}),
            "token": {
                "extractFrom": "body",
                "extractSelector": "/access_token",
                "sendIn": "header",
                "sendName": "Authorization",
                "sendTemplate": "Bearer {token}",
            },
        },
    }


def _header(name: str, token: str) -> Mapping[str, Any]:
    header = {"name": "Authorization", "value": f"Bearer {token}"}
    return {"name": name, "fixedHeaders": [header]}


def _only(path: str) -> tuple[str, ...]:
    return ("--include-path-regex", f"^{path}")


def _without(path: str) -> tuple[str, ...]:
    return ("--exclude-path-regex", f"^{path}")


def _not(*operations: str) -> tuple[str, ...]:
    return tuple(text for name in operations for text in ("--exclude-operation-id", name))


def _these(*operations: str) -> tuple[str, ...]:
    return tuple(text for name in operations for text in ("--include-operation-id", name))
