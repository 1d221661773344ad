"""What the core is set by."""

from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field, SecretStr, field_validator
from typing_extensions import override

from shared_lib.audit import audit_key_set
from shared_lib.mail import MailSettings
from shared_lib.settings import IssuerUrl, ServiceSettings, separated


class CoreSettings(MailSettings, ServiceSettings):
    """Settings of product-core-api; the prefix of its own variables is `CORE_`."""

    service_prefix: ClassVar[str] = "CORE_"

    app_database_url: SecretStr
    """Where requests of organizations and people connect, as role `product_app`."""

    platform_database_url: SecretStr
    """Where requests of platform staff connect, as role `product_platform`."""

    worker_database_url: SecretStr
    """Where calls of the identity service are served, as role `product_worker`."""

    jwks_url: IssuerUrl
    """Where the core fetches the keys that tokens are verified with."""

    identity_url: IssuerUrl
    """How the core reaches the identity service; clients know it as `ISSUER`."""

    client_id: str = "product-core-api"
    """The name under which the core authenticates to the identity service."""

    client_secret: SecretStr
    """The secret that goes with `client_id`; 256 random bits as text."""

    require_auth: bool = True
    """`false` makes callers without a token standard members of the public organization."""

    unpaid_organizations_per_founder: Annotated[int, Field(ge=0)] = 3
    """How many organizations a person may found without paying for any of them; 0 forbids it."""

    audit_public_keys: Annotated[tuple[str, ...], BeforeValidator(separated)] = ()
    """Public audit keys, separated by commas: the one that signs now, and all before it, so that
    what they signed can be verified. The private part is not the core's to have."""

    support_pool_size: Annotated[int, Field(ge=1)] = 3
    """Connections per process for platform staff, and as many for the identity service."""

    @field_validator("audit_public_keys")
    @classmethod
    def _are_keys(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            audit_key_set(value)
        except ValueError:
            raise ValueError("must be Ed25519 public keys: 32 bytes in base64url each") from None
        return value

    @override
    def insecure(self) -> list[str]:
        faults = [*super().insecure(), *self.insecure_mail()]
        if not self.require_auth:
            faults.append("require_auth must be true")
        if len(self.client_secret.get_secret_value()) < 32:  # noqa: PLR2004 - 256 bits of base64url are 43
            faults.append("client_secret must have at least 32 characters")
        return faults
