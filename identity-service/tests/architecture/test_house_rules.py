"""The rules of the house that no linter knows."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

import app as application
from app.core.models import metadata
from shared_lib.tables import declared_tables, security_statements
from shared_lib.tenancy import operation_of
from shared_lib.testing.postgres import Cluster
from tests.conftest import Identity

SERVICE = Path(__file__).parents[2]
LONGEST_FILE = 300
LONGEST_FUNCTION = 40
SOURCES = sorted(
    path for directory in ("app", "tests") for path in (SERVICE / directory).rglob("*.py")
)


def test_this_services_app_is_under_test() -> None:
    assert Path(str(application.__file__)).is_relative_to(SERVICE)


def long_functions(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            last = node.end_lineno or node.lineno
            if last - node.lineno + 1 > LONGEST_FUNCTION:
                yield node.name


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(SERVICE)))
def test_files_and_functions_are_short_and_say_what_belongs_in_them(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    assert len(text.splitlines()) <= LONGEST_FILE
    assert list(long_functions(tree)) == []
    assert ast.get_docstring(tree)


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  our own programs
        command,
        cwd=SERVICE,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_imports_go_in_one_direction() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    result = run(str(program), "--no-cache")
    assert result.returncode == 0, result.stdout


def test_migrations_and_models_agree(cluster: Cluster, database_name: str) -> None:
    url = cluster.admin_url(database_name).replace("postgresql:", "postgresql+asyncpg:")
    result = run(
        sys.executable,
        "-m",
        "alembic",
        "check",
        MIGRATION_DATABASE_URL=url,
        MIGRATION_ROLE="identity_owner",
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_policies_and_grants_are_written_out_in_the_migrations() -> None:
    written = "".join(
        path.read_text() for path in sorted((SERVICE / "migrations/versions").glob("*.py"))
    ).replace("\\'", "'")
    assert {"jobs", "memberships", "people"} <= declared_tables(metadata).keys()
    for table in metadata.sorted_tables:
        for statement in security_statements(table, "identity"):
            assert statement in written


SCOPES = {
    "DELETE /invitations/{invitation_id}": "organization",
    "DELETE /members/me": "organization",
    "DELETE /members/{person_id}": "organization",
    "DELETE /service-accounts/{account_id}": "organization",
    "DELETE /service-accounts/{account_id}/secrets/{secret_id}": "organization",
    "DELETE /sessions/{session_id}": "user",
    "GET /.well-known/jwks.json": "public",
    "GET /.well-known/oauth-authorization-server": "public",
    "GET /.well-known/oauth-authorization-server/{issuer_path}": "public",
    "GET /admin/keys": "platform",
    "GET /admin/people": "platform",
    "GET /admin/people/{person_id}": "platform",
    "GET /health/live": "public",
    "GET /health/ready": "public",
    "GET /invitations": "organization",
    "GET /me": "user",
    "GET /members": "organization",
    "GET /service-accounts": "organization",
    "GET /service-accounts/{account_id}": "organization",
    "GET /sessions": "user",
    "PATCH /me": "user",
    "PATCH /members/{person_id}": "organization",
    "POST /admin/keys/{kid}/revoke": "platform",
    "POST /admin/people/{person_id}/deactivate": "platform",
    "POST /admin/people/{person_id}/reactivate": "platform",
    "POST /admin/tenants/{tenant_id}/invite-owner": "platform",
    "POST /introspect": "public",
    "POST /invitations": "organization",
    "POST /invitations/accept": "public",
    "POST /invitations/lookup": "public",
    "POST /invitations/{invitation_id}/resend": "organization",
    "POST /logout": "user",
    "POST /logout/all": "user",
    "POST /me/invitations/accept": "user",
    "POST /password-reset": "public",
    "POST /password-reset/complete": "public",
    "POST /revoke": "public",
    "POST /service-accounts": "organization",
    "POST /service-accounts/{account_id}/secrets": "organization",
    "POST /sign-up": "public",
    "POST /sign-up/complete": "public",
    "POST /token": "public",
    "PUT /internal/tenants/{tenant_id}": "service",
    "PUT /me/password": "user",
}


def operations(app: FastAPI) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_every_operation_declares_who_may_call_it(identity: Identity) -> None:
    scopes = {name: each["x-access"]["scope"] for name, each in operations(identity.app)}
    assert scopes == SCOPES


def test_the_form_of_the_token_endpoint_is_documented(identity: Identity) -> None:
    operation = identity.app.openapi()["paths"]["/token"]["post"]
    content = operation["requestBody"]["content"]
    schema = content["application/x-www-form-urlencoded"]["schema"]
    assert {"grant_type", "username", "password", "refresh_token", "tenant_id"} <= set(
        schema["properties"]
    )
    assert {"200", "400", "401", "503"} <= operation["responses"].keys()


async def test_the_documents_are_served(identity: Identity) -> None:
    document = await identity.client.get("/openapi.json")
    assert document.json()["info"]["title"] == "identity-service"
    assert (await identity.client.get("/docs")).status_code == 200


def test_what_creates_takes_an_idempotency_key_or_says_why_not(identity: Identity) -> None:
    creating = [
        operation_of(context)
        for context in iter_route_contexts(identity.app.routes)
        if isinstance(context.original_route, APIRoute)
        and "POST" in (context.methods or ())
        and context.status_code == 201
    ]
    assert {"create_invitation", "join_by_invitation"} <= {each.name for each in creating}
    assert [each.name for each in creating if each.idempotent is None] == []


def test_too_many_requests_are_documented(identity: Identity) -> None:
    for name, operation in operations(identity.app):
        uncounted = ("/health/", "/internal/", "/.well-known/")
        counted = not name.partition(" ")[2].startswith(uncounted)
        told = operation["responses"].get("429", {}).get("description", "")
        assert ("`rate_limited`" in told) == counted, name
