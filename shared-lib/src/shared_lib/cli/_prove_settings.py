"""What `phasezero prove` is told by the environment, else by the file of secrets."""

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared_lib.postgres import driver_url

__all__ = ["ProveSettings"]


class ProveSettings(BaseSettings):
    """What is looked at where it is there; nothing of it is required."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True, env_prefix="")

    migration_product_database_url: SecretStr | None = None
    """The administrator's, for behaviour: he makes rows and takes on the roles."""
    migration_identity_database_url: SecretStr | None = None
    core_app_database_url: SecretStr | None = None
    """Role `app`, for what pooled connections carry; any role will do for the catalogue."""
    identity_app_database_url: SecretStr | None = None
    prove_product_database_url: SecretStr | None = None
    """A role that may only CONNECT, for the catalogue of an installation in use."""
    prove_identity_database_url: SecretStr | None = None
    identity_worker_database_url: SecretStr | None = None
    """Where the signing key is read, with which wrong tokens are signed rightly."""
    identity_encryption_key: SecretStr | None = None
    core_client_secret: SecretStr | None = None
    audit_signing_key: SecretStr | None = None
    """What reports are signed with: an Ed25519 seed in base64url."""

    def url(self, kind: str, database: str) -> str | None:
        """The URL of `kind` (`migration`, `app` or `prove`) for `database`."""
        prefix = {"identity": "identity", "product": "core"}[database]
        name = f"{prefix}_app" if kind == "app" else f"{kind}_{database}"
        found: SecretStr | None = getattr(self, f"{name}_database_url")
        return None if found is None else found.get_secret_value()

    @property
    def worker_dsn(self) -> str | None:
        """The URL of identity's worker, as asyncpg reads it."""
        url = self.identity_worker_database_url
        return None if url is None else driver_url(url.get_secret_value())
