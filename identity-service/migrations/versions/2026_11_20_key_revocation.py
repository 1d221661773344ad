"""Signing keys that were revoked; what the worker reads to send every fact again."""

import sqlalchemy as sa
from alembic import op

revision = '2026_11_20_key_revocation'
down_revision = '2026_11_20_service_accounts'
branch_labels = None
depends_on = None


STATES = "state IN ('next', 'current', 'previous', 'retired')"
INSTANTS = (
    "(activated_at IS NULL) = (state = 'next') "
    "AND (deactivated_at IS NULL) = (state IN ('next', 'current')) "
    "AND (retired_at IS NULL) = (state <> 'retired')"
)


def upgrade() -> None:
    op.add_column('signing_keys', sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True))
    op.drop_constraint(op.f('ck_signing_keys_state'), 'signing_keys')
    op.drop_constraint(op.f('ck_signing_keys_instants'), 'signing_keys')
    op.create_check_constraint(
        op.f('ck_signing_keys_state'),
        'signing_keys',
        "state IN ('next', 'current', 'previous', 'retired', 'revoked')",
    )
    op.create_check_constraint(
        op.f('ck_signing_keys_instants'), 'signing_keys', f"state = 'revoked' OR {INSTANTS}"
    )
    op.create_check_constraint(
        op.f('ck_signing_keys_revoked'),
        'signing_keys',
        "(revoked_at IS NOT NULL) = (state = 'revoked')",
    )
    op.execute('GRANT SELECT, INSERT, UPDATE (state, private_key, activated_at, deactivated_at, retired_at, revoked_at) ON signing_keys TO identity_worker')


def downgrade() -> None:
    for name in ('revoked', 'instants', 'state'):
        op.drop_constraint(op.f(f'ck_signing_keys_{name}'), 'signing_keys')
    # Not published before, not published after.
    op.execute(
        "UPDATE signing_keys SET state = 'retired', retired_at = coalesce(retired_at, revoked_at), "
        "activated_at = coalesce(activated_at, published_at), "
        "deactivated_at = coalesce(deactivated_at, revoked_at) WHERE state = 'revoked'"
    )
    op.drop_column('signing_keys', 'revoked_at')
    op.create_check_constraint(op.f('ck_signing_keys_state'), 'signing_keys', STATES)
    op.create_check_constraint(op.f('ck_signing_keys_instants'), 'signing_keys', INSTANTS)
