"""PostgreSQL URLs: as asyncpg reads them, and as SQLAlchemy's asyncpg dialect does."""

from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from shared_lib import postgres

SCHEMES = frozenset({"postgres", "postgresql", "postgresql+asyncpg"})
SERVICE_SCHEME = "postgresql+asyncpg"
PARAMETERS = frozenset({"ssl", "sslmode", "host", "port"})  # which both of them understand


class UrlError(ValueError):
    """The URL of a database cannot be used; the message says why and shows no password."""


def driver_url(url: str, database: str | None = None) -> str:
    """The URL for ``asyncpg.connect``; `database` replaces the one that it names."""
    accepted = _accepted(url)
    if database is not None:
        accepted = urlunsplit(urlsplit(accepted)._replace(path=f"/{quote(database)}"))
    return postgres.driver_url(accepted)


def service_url(url: str, database: str, user: str | None = None, password: str = "") -> str:
    """The URL for SQLAlchemy of `database` on the server of `url`, as `user` (None: the same)."""
    parts = urlsplit(_accepted(url))
    credentials, _, place = parts.netloc.rpartition("@")
    if user is not None:
        credentials = f"{quote(user, safe='')}:{quote(password, safe='')}"
    query = {"ssl" if k == "sslmode" else k: v for k, v in parse_qsl(parts.query)}
    netloc = f"{credentials}@{place}" if credentials else place
    return urlunsplit((SERVICE_SCHEME, netloc, f"/{quote(database)}", urlencode(query), ""))


def password_in(url: str) -> str | None:
    """The password that the URL carries."""
    password = urlsplit(url).password
    return None if password is None else unquote(password)


def _accepted(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        raise UrlError(f"DATABASE_URL must start with postgresql://, not {parts.scheme or '?'}://")
    if unknown := {name for name, _ in parse_qsl(parts.query)} - PARAMETERS:
        raise UrlError(f"DATABASE_URL has parameters without support here: {sorted(unknown)}")
    return url
