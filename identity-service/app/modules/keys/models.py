"""The table of signing keys."""

from app.core.models import metadata
from shared_lib.keys import signing_keys_table
from shared_lib.tables import Grant, global_table

signing_keys = signing_keys_table(
    metadata,
    info=global_table(
        Grant(
            "worker",
            select=True,
            insert=True,
            update=(
                *("state", "private_key"),
                *("activated_at", "deactivated_at", "retired_at", "revoked_at"),
            ),
        ),
        # Not auth, which serves whoever asks: one injected INSERT would plant a key of its own.
        reason="sign the tokens of every organization",
    ),
)
