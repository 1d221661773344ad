"""Settings of a service: read from the environment once, checked, and never changed."""

from shared_lib.settings._service import (
    ServiceSettings,
    Setting,
    SettingsError,
    list_settings,
    refuse_unknown_variables,
)
from shared_lib.settings._types import IssuerUrl, Network, Networks, Origins, separated

__all__ = [
    "IssuerUrl",
    "Network",
    "Networks",
    "Origins",
    "ServiceSettings",
    "Setting",
    "SettingsError",
    "list_settings",
    "refuse_unknown_variables",
    "separated",
]
