"""`phasezero keys`: the signing keys of the identity service, over SQL."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Annotated, Any, TypeVar

import asyncpg
import typer

from shared_lib.audit import PLATFORM
from shared_lib.cli._connection import connected, instant
from shared_lib.cli._drill import drill_keys
from shared_lib.cli._facts import SEND_REVOCATION, leave_event, leave_jobs, revocation
from shared_lib.cli._settings import AsJson, EnvFile, KeySettings, load_settings
from shared_lib.ids import uuid7
from shared_lib.keys import (
    KeyCipher,
    KeyRecord,
    KeyRevocation,
    Rotation,
    RotationRefused,
    Schedule,
    SigningKeyStore,
    UnknownKey,
    revocation_event,
    rotation_event,
)

__all__ = ["app"]

app = typer.Typer(help="The signing keys of the identity service.", no_args_is_help=True)
app.command("drill")(drill_keys)

R = TypeVar("R")


@app.command("list")
def list_keys(env_file: EnvFile = None, as_json: AsJson = False) -> None:  # noqa: FBT002  an option
    """Show every key, its state, and when its next step is safe or due."""
    settings = load_settings(KeySettings, env_file)
    keys = _run(settings, lambda store, connection: store.load(connection))
    rows = [_row(key, settings.schedule) for key in keys]
    if as_json:
        typer.echo(json.dumps({"keys": rows}, indent=2))
    else:
        _print_table(rows)


@app.command("rotate")
def rotate_keys(env_file: EnvFile = None, as_json: AsJson = False) -> None:  # noqa: FBT002  an option
    """Take every step of a rotation that is safe now; refuse, with status 1, when none is.

    Keys turn by themselves in the worker of identity: this is for a turn before its time.
    """
    settings = load_settings(KeySettings, env_file)
    try:
        rotation = _run(settings, _rotate)
    except RotationRefused as refusal:
        _print_refusal(refusal, as_json=as_json)
        raise typer.Exit(1) from refusal
    if as_json:
        typer.echo(json.dumps(asdict(rotation), indent=2, default=instant))
    else:
        _print_rotation(rotation)


# One kid in 64 begins with a dash, as options do.
@app.command("revoke", context_settings={"ignore_unknown_options": True})
def revoke_key(
    kid: Annotated[str, typer.Argument(help="The key, as `phasezero keys list` shows it.")],
    reason: Annotated[str, typer.Option(help="Why: it stands in the audit trail.")],
    env_file: EnvFile = None,
    as_json: AsJson = False,  # noqa: FBT002  an option
) -> None:
    """Let no token of a key count any longer, in an emergency; status 1 when there is no such key.

    Whoever has one must refresh it. In place of the current key the next one signs at once, even
    if some verifiers do not know it yet.
    """
    settings = load_settings(KeySettings, env_file)
    try:
        revoked = _run(settings, lambda store, own: _revoke(store, own, kid, reason))
    except UnknownKey as error:
        typer.echo(f"there is no signing key {kid}", err=True)
        raise typer.Exit(1) from error
    if as_json:
        typer.echo(json.dumps(asdict(revoked), indent=2, default=instant))
    else:
        _print_revocation(revoked)


async def _rotate(store: SigningKeyStore, connection: asyncpg.Connection) -> Rotation:
    async with connection.transaction():
        rotation = await store.rotate(connection)
        await leave_event(connection, rotation_event(rotation))
    return rotation


async def _revoke(
    store: SigningKeyStore, connection: asyncpg.Connection, kid: str, reason: str
) -> KeyRevocation:
    async with connection.transaction():
        revoked = await store.revoke(connection, kid)
        fact = revocation("signing_key", kid, revoked.revoked_at)
        await leave_jobs(connection, SEND_REVOCATION, [(PLATFORM, uuid7(), fact)])
        await leave_event(connection, revocation_event(revoked, reason))
    return revoked


def _run(
    settings: KeySettings,
    work: Callable[[SigningKeyStore, asyncpg.Connection], Awaitable[R]],
) -> R:
    """Work on the store over a connection of its own; exits with status 1 when that fails."""

    async def working(connection: asyncpg.Connection) -> R:
        cipher = KeyCipher.from_setting(settings.encryption_key.get_secret_value())
        return await work(SigningKeyStore(cipher, settings.schedule), connection)

    return connected(working, settings.dsn)


def _row(key: KeyRecord, schedule: Schedule) -> dict[str, Any]:
    return {
        "kid": key.kid,
        "state": key.state.value,
        "published_at": instant(key.published_at),
        "activated_at": instant(key.activated_at),
        "deactivated_at": instant(key.deactivated_at),
        "retired_at": instant(key.retired_at),
        "revoked_at": instant(key.revoked_at),
        "next_step_from": instant(schedule.next_step_from(key)),
    }


def _print_table(rows: Sequence[dict[str, Any]]) -> None:
    columns = ("kid", "state", "published_at", "activated_at", "deactivated_at", "next_step_from")
    lines = [columns, *(tuple(row[name] or "-" for name in columns) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


def _print_rotation(rotation: Rotation) -> None:
    for kid in rotation.retired:
        typer.echo(f"{kid} is retired and no longer published")
    if rotation.demoted is not None:
        typer.echo(f"{rotation.demoted} no longer signs; it stays published for its tokens")
    if rotation.promoted is not None:
        typer.echo(f"{rotation.promoted} signs, as soon as running services have read it")
    if rotation.published is not None:
        typer.echo(f"{rotation.published} is published")
    typer.echo(f"{rotation.upcoming} may sign from {instant(rotation.signs_from)}")


def _print_revocation(revoked: KeyRevocation) -> None:
    typer.echo(f"{revoked.kid} is revoked; its tokens are refused within seconds")
    if revoked.promoted is not None:
        typer.echo(f"{revoked.promoted} signs in its place")
    if revoked.known_from is not None:
        until = instant(revoked.known_from)
        typer.echo(f"verifiers that keep a key set may refuse its tokens until {until}")


def _print_refusal(refusal: RotationRefused, *, as_json: bool) -> None:
    safe_at = instant(refusal.safe_at)
    if as_json:
        typer.echo(json.dumps({"refused": refusal.reason, "safe_at": safe_at}, indent=2))
        return
    typer.echo(f"refused: {refusal.reason}", err=True)
    if safe_at is not None:
        typer.echo(f"safe from {safe_at}", err=True)
