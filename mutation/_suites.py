"""What is mutated, and which tests are asked about it: the one table."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = [
    "DATABASES",
    "GUARDS",
    "ROUTINES",
    "SOURCES",
    "DatabaseSuite",
    "GuardSuite",
    "RoutineSuite",
    "SourceSuite",
]

_LIBRARY, _IDENTITY, _CORE = "shared-lib", "identity-service", "product-core-api"


@dataclass(frozen=True)
class SourceSuite:
    """Modules whose every refusal is removed, and the tests of the package in `directory`.

    `prepared` are functions, by module and name, whose result the tests share and which is costly.
    """

    kind: str
    directory: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]
    prepared: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class RoutineSuite:
    """The database of the service in `directory`: its functions that run with rights of their own.

    `tests` names for each function the tests that are asked, the sharpest first; one that has
    something to take away and no entry is an error.
    """

    directory: str
    database: str
    tests: Mapping[str, tuple[str, ...]] = field(hash=False)


@dataclass(frozen=True)
class DatabaseSuite:
    """The database of the service in `directory`; its mutations are read from its catalogue."""

    directory: str
    database: str


@dataclass(frozen=True)
class GuardSuite:
    """The operations of the service in `directory`; `test` is what loosens their guards."""

    directory: str
    test: str


SOURCES = {
    "gates of the core": SourceSuite(
        "gate",
        _CORE,
        (
            "shared_lib.tenancy._database_gate",
            "shared_lib.tables._catalogue",
            "shared_lib.tables._keys",
            "app.core.settings",
            "app.core.middleware",
            "app.core.access",
        ),
        (
            "tests/test_gates.py",
            "tests/test_database_gate.py",
            "tests/test_declared_tables.py",
            "tests/test_settings.py",
        ),
    ),
    "verifier": SourceSuite(
        "verifier",
        _LIBRARY,
        (
            "shared_lib.tokens._envelope",
            "shared_lib.tokens._encoding",
            "shared_lib.tokens._claims",
            "shared_lib.tokens._signature",
            "shared_lib.tokens._verifier",
            "shared_lib.jwks._document",
            "shared_lib.jwks._client",
            "shared_lib.web._bearer",
        ),
        (
            "tests/tokens/test_accepted_tokens.py",
            "tests/tokens/test_hostile_tokens.py",
            "tests/tokens/test_signature.py",
            "tests/tokens/test_verified_cache.py",
            "tests/jwks/test_document.py",
            "tests/jwks/test_client.py",
            "tests/web/test_bearer.py",
        ),
        prepared=(
            ("shared_lib.testing.hostile", "hostile_tokens"),
            ("shared_lib.testing.hostile", "good_tokens"),
        ),
    ),
    "gates of the library": SourceSuite(
        "gate",
        _LIBRARY,
        (
            "shared_lib.settings._service",
            "shared_lib.settings._types",
            "shared_lib.mail._settings",
            "shared_lib.errors._api_error",
            "shared_lib.tables._declaration",
            "shared_lib.limits._setting",
            "shared_lib.keys._cipher",
        ),
        (
            "tests/settings",
            "tests/mail/test_settings.py",
            "tests/errors/test_api_error.py",
            "tests/tables",
            "tests/limits/test_setting.py",
            "tests/keys/test_cipher.py",
        ),
    ),
    "gates of operations": SourceSuite(
        "gate",
        _LIBRARY,
        ("shared_lib.tenancy._operation", "shared_lib.tenancy._gates"),
        ("tests/tenancy/test_declarations.py",),
    ),
    "rules of the catalogue": SourceSuite(
        "gate",
        _LIBRARY,
        (
            "shared_lib.prove._rules",
            "shared_lib.prove._rules_rights",
            "shared_lib.prove._rules_rows",
        ),
        ("tests/prove",),
    ),
    "guards in code": SourceSuite(
        "guard",
        _LIBRARY,
        ("shared_lib.tenancy._guard", "shared_lib.tenancy._batch"),
        ("tests/tenancy/test_guard.py",),
    ),
    "gates of identity": SourceSuite(
        "gate",
        _IDENTITY,
        ("app.core.settings", "app.core.access"),
        (
            "tests/core/test_settings.py",
            "tests/core/test_start.py",
            "tests/core/test_access.py",
            "tests/members/test_admission.py",
        ),
    ),
}

_ADMISSION = (
    "tests/test_admission_sql.py",
    "tests/test_admission.py",
    "tests/revocations",
    "tests/support_sessions",
    "tests/transactions/test_opening_batch.py",
)
# Asked of the functions themselves: the service looks before it calls, so its tests tell less.
_ADMIT = "tests/members/test_admit_sql.py"
_LETTING_IN = ("tests/invitations/test_letting_in_sql.py",)
_MEMBERS = ("tests/members/test_members_sql.py",)

ROUTINES = {
    "admission of the core": RoutineSuite(
        _CORE,
        "product",
        {
            "admit": _ADMISSION,
            "access_mode": _ADMISSION,
            "found_organization": (
                "tests/organizations/test_founding_sql.py",
                "tests/organizations/test_founding.py",
            ),
            "record_row_history": ("tests/test_isolation_sql.py", "tests/popups"),
            "keep_ended": ("tests/support_sessions/test_ended.py",),
        },
    ),
    "admission of identity": RoutineSuite(
        _IDENTITY,
        "identity",
        {
            "admit": (_ADMIT, "tests/members/test_admission.py", "tests/people", "tests/sessions"),
            "admit_client": (_ADMIT,),
            "member_profile": _MEMBERS,
            "find_member": _MEMBERS,
            "find_invitation": _LETTING_IN,
            "accept_invitation": _LETTING_IN,
            "invite_owner": ("tests/invitations/test_owner_of_none_sql.py",),
            "inviter_reaches": _LETTING_IN,
            "hold_active_owners": _MEMBERS,
            "solely_owned": _MEMBERS,
            "keep_ended": ("tests/service_accounts", "tests/sessions"),
        },
    ),
}

DATABASES = {
    "database of identity": DatabaseSuite(_IDENTITY, "identity"),
    "database of the core": DatabaseSuite(_CORE, "product"),
}

GUARDS = {
    "guards of the core": GuardSuite(_CORE, "tests/guard_mutations.py"),
    "guards of identity": GuardSuite(_IDENTITY, "tests/guard_mutations.py"),
}
