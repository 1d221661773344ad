"""`phasezero keys`: the signing keys of the identity service, over SQL."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, TypeVar

import asyncpg
import typer

from shared_lib.cli._settings import EnvFile, KeySettings, load_key_settings
from shared_lib.keys import (
    KeyCipher,
    KeyRecord,
    KeyState,
    KeysUndecryptable,
    Rotation,
    RotationRefused,
    Schedule,
    SigningKeyStore,
)

__all__ = ["app"]

app = typer.Typer(help="The signing keys of the identity service.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

R = TypeVar("R")


@app.command("list")
def list_keys(env_file: EnvFile = None, as_json: AsJson = False) -> None:  # noqa: FBT002  an option
    """Show every key, its state, and when its next step is safe."""
    settings = load_key_settings(env_file)
    keys = _run(settings, lambda store, connection: store.load(connection))
    rows = [_row(key, settings.schedule) for key in keys]
    if as_json:
        typer.echo(json.dumps({"keys": rows}, indent=2))
    else:
        _print_table(rows)


@app.command("rotate")
def rotate_keys(env_file: EnvFile = None, as_json: AsJson = False) -> None:  # noqa: FBT002  an option
    """Take every step of a rotation that is safe now; refuse, with status 1, when none is."""
    settings = load_key_settings(env_file)
    try:
        rotation = _run(settings, lambda store, connection: store.rotate(connection))
    except RotationRefused as refusal:
        _print_refusal(refusal, as_json=as_json)
        raise typer.Exit(1) from refusal
    if as_json:
        typer.echo(json.dumps(asdict(rotation), indent=2, default=_instant))
    else:
        _print_rotation(rotation)


def _run(
    settings: KeySettings,
    work: Callable[[SigningKeyStore, asyncpg.Connection], Awaitable[R]],
) -> R:
    """Work on the store over a connection of its own; exits with status 1 when that fails."""

    async def connected() -> R:
        cipher = KeyCipher.from_setting(settings.encryption_key.get_secret_value())
        store = SigningKeyStore(cipher, settings.schedule)
        connection = await asyncpg.connect(settings.dsn, timeout=10)
        try:
            return await work(store, connection)
        finally:
            await connection.close()

    try:
        return asyncio.run(connected())
    except (OSError, TimeoutError, ValueError, KeysUndecryptable, asyncpg.PostgresError) as error:
        hint = " (does PostgreSQL run?)" if isinstance(error, OSError) else ""
        typer.echo(f"{type(error).__name__}: {error}{hint}", err=True)
        raise typer.Exit(1) from error


def _row(key: KeyRecord, schedule: Schedule) -> dict[str, Any]:
    return {
        "kid": key.kid,
        "state": key.state.value,
        "published_at": _instant(key.published_at),
        "activated_at": _instant(key.activated_at),
        "deactivated_at": _instant(key.deactivated_at),
        "retired_at": _instant(key.retired_at),
        "next_step_from": _instant(_next_step_from(key, schedule)),
    }


def _next_step_from(key: KeyRecord, schedule: Schedule) -> datetime | None:
    """When the key may sign or retire; a current key waits for the next one."""
    if key.state is KeyState.NEXT:
        return schedule.signs_from(key)
    if key.state is KeyState.PREVIOUS:
        return schedule.retires_from(key)
    return None


def _instant(value: datetime | None) -> str | None:
    """RFC 3339 in UTC, whole seconds are enough for people and programs here."""
    return None if value is None else value.strftime("%Y-%m-%dT%H:%M:%SZ")


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
    typer.echo(f"{rotation.upcoming} may sign from {_instant(rotation.signs_from)}")


def _print_refusal(refusal: RotationRefused, *, as_json: bool) -> None:
    safe_at = _instant(refusal.safe_at)
    if as_json:
        typer.echo(json.dumps({"refused": refusal.reason, "safe_at": safe_at}, indent=2))
        return
    typer.echo(f"refused: {refusal.reason}", err=True)
    if safe_at is not None:
        typer.echo(f"safe from {safe_at}", err=True)
