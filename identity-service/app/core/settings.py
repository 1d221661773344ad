"""What identity is set by, beyond what every service is."""

import os
from typing import Annotated, ClassVar

from pydantic import Field, SecretStr, field_validator
from typing_extensions import override

from shared_lib.keys import KeyCipher, Schedule
from shared_lib.limits import RateLimit
from shared_lib.mail import MailSettings
from shared_lib.settings import IssuerUrl, ServiceSettings
from shared_lib.tokens import CORE_AUDIENCE, LONGEST_LIFE

_DAY = 24 * 3600
_LONGEST_IDLE = 7 * _DAY
_LONGEST_SESSION = 30 * _DAY
_LONGEST_ACCESS = 900
_SECRET_LENGTH = 32

# OWASP, Password Storage Cheat Sheet: Argon2id with 19 MiB, two iterations, one lane.
OWASP_MEMORY_KIB = 19 * 1024
OWASP_ITERATIONS = 2

_THROTTLES = (
    *("sign_in_limit_pair", "sign_in_limit_address", "sign_in_limit_account"),
    *("sign_in_slow_lane", "mail_limit_account", "mail_limit_address"),
    *("invitation_limit_address", "invitation_limit_tenant", "invitation_limit_resend"),
)

PositiveInt = Annotated[int, Field(ge=1)]


class IdentitySettings(MailSettings, ServiceSettings):
    """Settings of the identity service; variables begin with `IDENTITY_`."""

    service_prefix: ClassVar[str] = "IDENTITY_"

    app_database_url: SecretStr
    """URL of the database `identity` for the role `identity_app`."""

    auth_database_url: SecretStr
    """URL of the database `identity` for the role `identity_auth`: sign-in and `/me`."""

    platform_database_url: SecretStr
    """URL of the database `identity` for the role `identity_platform`."""

    worker_database_url: SecretStr
    """URL of the database `identity` for the role `identity_worker`: keys, facts for the core."""

    encryption_key: SecretStr
    """Fernet keys separated by commas: the first encrypts signing keys, each of them decrypts."""

    core_url: IssuerUrl
    """Where the core API is reached from here, without a slash at the end."""

    core_client_id: str = CORE_AUDIENCE
    """The client id by which the core authenticates itself at the token endpoint."""

    core_client_secret: SecretStr
    """The core's secret: 256 random bits or more."""

    password_sign_in: bool = True
    """Whether people may sign in with a password at the token endpoint."""

    argon2_memory_kib: PositiveInt = OWASP_MEMORY_KIB
    """Memory of one password hash, in KiB."""

    argon2_iterations: PositiveInt = OWASP_ITERATIONS
    """Passes over that memory."""

    argon2_parallelism: PositiveInt = 1
    """Lanes of one password hash."""

    argon2_concurrency: PositiveInt = Field(default_factory=lambda: os.cpu_count() or 1)
    """Password hashes that are computed at once; the number of processors by default."""

    argon2_queue: Annotated[int, Field(ge=0)] = 64
    """Sign-ins that may wait for a hash; further ones are answered with 503."""

    sign_in_limit_pair: RateLimit = "5/15 minutes"
    """Failed sign-ins of one account from one client address; then the two wait. `off`: none."""

    sign_in_limit_address: RateLimit = "100/15 minutes"
    """Failed sign-ins from one client address, whatever the account; then it waits."""

    sign_in_limit_account: RateLimit = "20/hour"
    """Failed sign-ins of one account, wherever from; then it is under attack: only addresses from
    which the person signed in during the last 30 days go on as before.
    """

    sign_in_slow_lane: RateLimit = "1/10 seconds"
    """Attempts at an account under attack from all other addresses together."""

    mail_limit_account: RateLimit = "5/hour"
    """Requests that have a mail sent to one address: sign-up, password reset."""

    mail_limit_address: RateLimit = "30/hour"
    """The same from one client address."""

    invitation_limit_address: RateLimit = "5/hour"
    """Invitations mailed to one address, whoever invites; resending counts."""

    invitation_limit_tenant: RateLimit = "100/day"
    """Invitations mailed for one organization; resending counts."""

    invitation_limit_resend: RateLimit = "1/minute"
    """How often one invitation is sent again."""

    access_token_lifetime: PositiveInt = _LONGEST_ACCESS
    """Seconds that an access token lives."""

    refresh_idle: PositiveInt = _LONGEST_IDLE
    """Seconds after which a refresh token that was not used is dead."""

    refresh_absolute: PositiveInt = _LONGEST_SESSION
    """Seconds after which people sign in again, however active they were."""

    refresh_grace: Annotated[int, Field(ge=0, le=60)] = 10
    """Seconds for which a spent refresh token gets the answer that it got before."""

    session_retention: PositiveInt = 90 * _DAY
    """Seconds for which sign-in sessions are kept when they are over."""

    invitation_retention: PositiveInt = 90 * _DAY
    """Seconds for which invitations, with their addresses, are kept when they are over."""

    jwks_max_age: PositiveInt = 300
    """Seconds for which verifiers keep the key set."""

    key_margin: PositiveInt = 60
    """Seconds by which processes may lag behind each other when keys turn."""

    longest_token: Annotated[int, Field(ge=1, le=LONGEST_LIFE)] = LONGEST_LIFE
    """Seconds that the longest-lived token lives; a key stays published as long."""

    key_rotation_days: Annotated[float, Field(gt=0)] = 30
    """Days that a key signs before the next one takes over by itself."""

    revocation_bound_seconds: Annotated[float, Field(gt=0, le=10)] = 5
    """Seconds within which the core refuses whoever lost access; beyond them health says so."""

    revocation_probe_seconds: Annotated[float, Field(ge=1)] = 15
    """Seconds between two measurements of how long that takes."""

    @property
    def throttles(self) -> dict[str, str]:
        """The limits of sign-in and of mails, each by the name of its setting."""
        return {name: getattr(self, name) for name in _THROTTLES}

    @property
    def schedule(self) -> Schedule:
        """How long the steps of a key's life take."""
        return Schedule(
            max_age=self.jwks_max_age,
            margin=self.key_margin,
            longest_token=self.longest_token,
            period=self.key_rotation_days * _DAY,
        )

    @field_validator("encryption_key")
    @classmethod
    def _is_fernet(cls, value: SecretStr) -> SecretStr:
        KeyCipher.from_setting(value.get_secret_value())
        return value

    @override
    def insecure(self) -> list[str]:
        too_weak = {
            f"argon2_memory_kib must be at least {OWASP_MEMORY_KIB}": (
                self.argon2_memory_kib < OWASP_MEMORY_KIB
            ),
            f"argon2_iterations must be at least {OWASP_ITERATIONS}": (
                self.argon2_iterations < OWASP_ITERATIONS
            ),
            f"access_token_lifetime must be at most {_LONGEST_ACCESS}": (
                self.access_token_lifetime > _LONGEST_ACCESS
            ),
            f"refresh_idle must be at most {_LONGEST_IDLE}": self.refresh_idle > _LONGEST_IDLE,
            f"refresh_absolute must be at most {_LONGEST_SESSION}": (
                self.refresh_absolute > _LONGEST_SESSION
            ),
            "refresh_grace must be at most 10": self.refresh_grace > 10,  # noqa: PLR2004
            "jwks_max_age must be at least 300": self.jwks_max_age < 300,  # noqa: PLR2004
            "key_margin must be at least 60": self.key_margin < 60,  # noqa: PLR2004
            f"longest_token must be {LONGEST_LIFE}": self.longest_token < LONGEST_LIFE,
            "key_rotation_days must be at most 90": self.key_rotation_days > 90,  # noqa: PLR2004
            f"core_client_secret must have at least {_SECRET_LENGTH} characters": (
                len(self.core_client_secret.get_secret_value()) < _SECRET_LENGTH
            ),
        }
        weak = [fault for fault, present in too_weak.items() if present]
        return [*super().insecure(), *self.insecure_mail(), *weak]
