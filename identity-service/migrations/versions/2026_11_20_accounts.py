"""Sign-ups, password resets; where a sign-in session is used."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '2026_11_20_accounts'
down_revision = '2026_11_20_members'
branch_labels = None
depends_on = None

BEFORE = "ended_reason IN ('signed_out', 'refresh_token_reused')"
REASONS = (
    "ended_reason IN ('signed_out', 'signed_out_everywhere', 'ended_by_person', "
    "'refresh_token_reused', 'password_changed', 'password_reset', 'person_deactivated')"
)


# The grants let role auth use a link up; these keep it from making it good again.
KEEP_USED_TRIGGERS = tuple(
    f"""
    CREATE TRIGGER {table}_keep_used BEFORE UPDATE ON {table} FOR EACH ROW
    WHEN (OLD.used_at IS NOT NULL AND NEW.used_at IS DISTINCT FROM OLD.used_at)
    EXECUTE FUNCTION public.keep_ended()
    """
    for table in ('sign_ups', 'password_resets')
)


def upgrade() -> None:
    op.add_column('sign_in_sessions', sa.Column('client_ip', sa.Text(), nullable=True))
    op.add_column('sign_in_sessions', sa.Column('user_agent', sa.Text(), nullable=True))
    op.add_column('sign_in_sessions', sa.Column('last_client_ip', sa.Text(), nullable=True))
    op.drop_constraint(op.f('ck_sign_in_sessions_reason'), 'sign_in_sessions')
    op.create_check_constraint(op.f('ck_sign_in_sessions_reason'), 'sign_in_sessions', REASONS)
    op.create_index(op.f('ix_sign_in_sessions_expires_at'), 'sign_in_sessions', ['expires_at'], unique=False)
    op.create_index(op.f('ix_sign_in_sessions_ended_at'), 'sign_in_sessions', ['ended_at'], unique=False)
    op.add_column('people', sa.Column('password_changed_at', sa.DateTime(timezone=True), nullable=True))
    op.create_table('sign_ups',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('email', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sign_ups'))
    )
    op.create_index(op.f('ix_sign_ups_expires_at'), 'sign_ups', ['expires_at'], unique=False)
    op.create_table('password_resets',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('email', sa.Text(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('used_from', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['person_id'], ['people.id'], name=op.f('fk_password_resets_person_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_password_resets'))
    )
    op.create_index(op.f('ix_password_resets_expires_at'), 'password_resets', ['expires_at'], unique=False)
    op.execute('GRANT SELECT, INSERT (id, email, name, created_at, expires_at), UPDATE (used_at) ON sign_ups TO identity_auth')
    op.execute('GRANT SELECT, DELETE ON sign_ups TO identity_worker')
    op.execute('GRANT SELECT, INSERT (id, email, name, verified_at, created_at, updated_at), UPDATE (name, last_tenant_id, tokens_not_before, password_changed_at, updated_at) ON people TO identity_auth')
    op.execute('GRANT SELECT (id, email, email_normalized, name, platform_role, verified_at, active, tokens_not_before, created_at, updated_at), UPDATE (active, tokens_not_before, updated_at) ON people TO identity_platform')
    op.execute('GRANT SELECT, INSERT (id, email, created_at, expires_at), UPDATE (used_at, used_from) ON password_resets TO identity_auth')
    op.execute('GRANT SELECT, UPDATE (person_id), DELETE ON password_resets TO identity_worker')
    op.execute('GRANT SELECT, INSERT, UPDATE (tenant_id, last_used_at, last_client_ip, ended_at, ended_reason) ON sign_in_sessions TO identity_auth')
    op.execute('GRANT SELECT (id, person_id, expires_at, ended_at), UPDATE (ended_at, ended_reason) ON sign_in_sessions TO identity_platform')
    op.execute('GRANT SELECT (id, person_id, auth_time, expires_at, ended_at), DELETE ON sign_in_sessions TO identity_worker')
    op.execute('GRANT SELECT (token_hash, session_id), DELETE ON refresh_tokens TO identity_worker')
    for trigger in KEEP_USED_TRIGGERS:
        op.execute(trigger)


def downgrade() -> None:
    op.execute('REVOKE ALL ON refresh_tokens FROM identity_worker')
    op.execute('REVOKE ALL ON sign_in_sessions FROM identity_worker, identity_platform')
    op.execute('REVOKE ALL ON people FROM identity_platform')
    op.execute('REVOKE UPDATE (name, tokens_not_before) ON people FROM identity_auth')
    op.drop_table('password_resets')
    op.drop_table('sign_ups')
    op.drop_column('people', 'password_changed_at')
    op.drop_index(op.f('ix_sign_in_sessions_ended_at'), table_name='sign_in_sessions')
    op.drop_index(op.f('ix_sign_in_sessions_expires_at'), table_name='sign_in_sessions')
    op.drop_constraint(op.f('ck_sign_in_sessions_reason'), 'sign_in_sessions')
    # The reasons that are new become the nearest old one; what has ended stays ended.
    op.execute('ALTER TABLE sign_in_sessions DISABLE TRIGGER sign_in_sessions_keep_ended')
    op.execute(f"UPDATE sign_in_sessions SET ended_reason = 'signed_out' WHERE NOT ({BEFORE})")
    op.execute('ALTER TABLE sign_in_sessions ENABLE TRIGGER sign_in_sessions_keep_ended')
    op.create_check_constraint(op.f('ck_sign_in_sessions_reason'), 'sign_in_sessions', BEFORE)
    op.drop_column('sign_in_sessions', 'last_client_ip')
    op.drop_column('sign_in_sessions', 'user_agent')
    op.drop_column('sign_in_sessions', 'client_ip')
