"""People, credentials, memberships, sign-in sessions, refresh tokens, keys, accounts, revocations."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '2026_11_20_first'
down_revision = None
branch_labels = None
depends_on = None

# Ends the opening batch of every request of somebody who is known: the sign-in session of his
# token and he himself must be alive. A procedure, so that no expression, and so no injected
# SELECT, can call it.
ADMIT = """
CREATE PROCEDURE public.admit(sid uuid, person uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (
        SELECT 1 FROM public.sign_in_sessions s JOIN public.people p ON p.id = s.person_id
        WHERE s.id = sid AND s.person_id = person AND s.ended_at IS NULL
            AND s.expires_at > now() AND p.active
        LIMIT 1
    ) IS NULL THEN
        RAISE EXCEPTION 'token_revoked' USING ERRCODE = 'PT401';
    END IF;
END
$$
"""


# The grants let role auth end sessions and spend tokens; these keep it from taking that back.
KEEP_ENDED = """
CREATE FUNCTION public.keep_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% that has ended stays ended', TG_TABLE_NAME USING ERRCODE = '23514';
END
$$
"""
KEEP_ENDED_TRIGGERS = (
    """
    CREATE TRIGGER sign_in_sessions_keep_ended BEFORE UPDATE ON sign_in_sessions FOR EACH ROW
    WHEN (OLD.ended_at IS NOT NULL) EXECUTE FUNCTION public.keep_ended()
    """,
    """
    CREATE TRIGGER refresh_tokens_keep_ended BEFORE UPDATE ON refresh_tokens FOR EACH ROW
    WHEN (OLD.spent_at IS NOT NULL AND NEW.spent_at IS DISTINCT FROM OLD.spent_at)
    EXECUTE FUNCTION public.keep_ended()
    """,
)


def upgrade() -> None:
    op.execute(KEEP_ENDED)
    op.create_table('pending_revocations',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('subject_id', sa.Uuid(), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=True),
    sa.Column('not_before', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('attempts', sa.Integer(), server_default=sa.text('0'), nullable=False),
    sa.CheckConstraint("kind IN ('session', 'person', 'membership', 'service_account')", name=op.f('ck_pending_revocations_kind')),
    sa.CheckConstraint("(kind = 'membership') = (tenant_id IS NOT NULL)", name=op.f('ck_pending_revocations_tenant_id')),
    sa.CheckConstraint("(kind = 'session') = (not_before IS NULL)", name=op.f('ck_pending_revocations_not_before')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_pending_revocations'))
    )
    op.create_table('service_accounts',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('client_id', sa.Text(), nullable=False),
    sa.Column('secret_hash', sa.LargeBinary(), nullable=False),
    sa.Column('active', sa.Boolean(), server_default=sa.text('true'), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_service_accounts')),
    sa.UniqueConstraint('client_id', name=op.f('uq_service_accounts_client_id'))
    )
    op.create_table('signing_keys',
    sa.Column('kid', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('public_jwk', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('private_key', sa.LargeBinary(), nullable=True),
    sa.Column('published_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('activated_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('deactivated_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('retired_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint("(activated_at IS NULL) = (state = 'next') AND (deactivated_at IS NULL) = (state IN ('next', 'current')) AND (retired_at IS NULL) = (state <> 'retired')", name=op.f('ck_signing_keys_instants')),
    sa.CheckConstraint("(private_key IS NOT NULL) = (state IN ('next', 'current'))", name=op.f('ck_signing_keys_private_key')),
    sa.CheckConstraint("state IN ('next', 'current', 'previous', 'retired')", name=op.f('ck_signing_keys_state')),
    sa.PrimaryKeyConstraint('kid', name=op.f('pk_signing_keys'))
    )
    op.create_index('signing_keys_one_current', 'signing_keys', ['state'], unique=True, postgresql_where=sa.text("state = 'current'"))
    op.create_index('signing_keys_one_next', 'signing_keys', ['state'], unique=True, postgresql_where=sa.text("state = 'next'"))
    op.create_table('tenants',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('slug', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('status', sa.Text(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tenants'))
    )
    op.create_table('people',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('email', sa.Text(), nullable=False),
    sa.Column('email_normalized', sa.Text(), sa.Computed('lower(email)', persisted=True), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('platform_role', sa.Text(), nullable=True),
    sa.Column('verified_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('active', sa.Boolean(), server_default=sa.text('true'), nullable=False),
    sa.Column('last_tenant_id', sa.Uuid(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("platform_role IN ('platform_admin', 'support_agent')", name=op.f('ck_people_platform_role')),
    sa.ForeignKeyConstraint(['last_tenant_id'], ['tenants.id'], name=op.f('fk_people_last_tenant_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_people')),
    sa.UniqueConstraint('email_normalized', name=op.f('uq_people_email_normalized'))
    )
    op.create_table('credentials',
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('password_hash', sa.Text(), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['person_id'], ['people.id'], name=op.f('fk_credentials_person_id')),
    sa.PrimaryKeyConstraint('person_id', name=op.f('pk_credentials'))
    )
    op.create_table('memberships',
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('role', sa.Text(), nullable=False),
    sa.Column('active', sa.Boolean(), server_default=sa.text('true'), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("role IN ('owner', 'admin', 'standard', 'viewer', 'client')", name=op.f('ck_memberships_role')),
    sa.ForeignKeyConstraint(['person_id'], ['people.id'], name=op.f('fk_memberships_person_id')),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenants.id'], name=op.f('fk_memberships_tenant_id')),
    sa.PrimaryKeyConstraint('tenant_id', 'person_id', name=op.f('pk_memberships'))
    )
    op.create_index(op.f('ix_memberships_person_id'), 'memberships', ['person_id'], unique=False)
    op.create_table('sign_in_sessions',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('client_id', sa.Text(), nullable=False),
    sa.Column('amr', sa.Text(), nullable=False),
    sa.Column('auth_time', sa.DateTime(timezone=True), nullable=False),
    sa.Column('tenant_id', sa.Uuid(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_used_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_reason', sa.Text(), nullable=True),
    sa.CheckConstraint("ended_reason IN ('signed_out', 'refresh_token_reused')", name=op.f('ck_sign_in_sessions_reason')),
    sa.CheckConstraint('(ended_at IS NULL) = (ended_reason IS NULL)', name=op.f('ck_sign_in_sessions_ended')),
    sa.ForeignKeyConstraint(['person_id'], ['people.id'], name=op.f('fk_sign_in_sessions_person_id')),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenants.id'], name=op.f('fk_sign_in_sessions_tenant_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sign_in_sessions'))
    )
    op.create_index(op.f('ix_sign_in_sessions_person_id'), 'sign_in_sessions', ['person_id'], unique=False)
    op.create_table('refresh_tokens',
    sa.Column('token_hash', sa.LargeBinary(), nullable=False),
    sa.Column('session_id', sa.Uuid(), nullable=False),
    sa.Column('issued_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('spent_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('answer', sa.LargeBinary(), nullable=True),
    sa.CheckConstraint('answer IS NULL OR spent_at IS NOT NULL', name=op.f('ck_refresh_tokens_answer')),
    sa.ForeignKeyConstraint(['session_id'], ['sign_in_sessions.id'], name=op.f('fk_refresh_tokens_session_id')),
    sa.PrimaryKeyConstraint('token_hash', name=op.f('pk_refresh_tokens'))
    )
    op.create_index(op.f('ix_refresh_tokens_session_id'), 'refresh_tokens', ['session_id'], unique=False)
    op.execute('GRANT INSERT ON pending_revocations TO identity_auth')
    op.execute('GRANT SELECT, UPDATE (attempts), DELETE ON pending_revocations TO identity_worker')
    op.execute('GRANT SELECT ON service_accounts TO identity_auth')
    op.execute('GRANT SELECT, INSERT, UPDATE (secret_hash, updated_at) ON service_accounts TO identity_worker')
    op.execute('GRANT SELECT, INSERT, UPDATE (state, private_key, activated_at, deactivated_at, retired_at) ON signing_keys TO identity_worker')
    op.execute('GRANT SELECT ON tenants TO identity_auth')
    op.execute('GRANT SELECT, UPDATE (last_tenant_id, updated_at) ON people TO identity_auth')
    op.execute('GRANT SELECT ON people TO identity_definer')
    op.execute('GRANT SELECT, UPDATE (password_hash, updated_at) ON credentials TO identity_auth')
    op.execute('ALTER TABLE memberships ENABLE ROW LEVEL SECURITY')
    op.execute('ALTER TABLE memberships FORCE ROW LEVEL SECURITY')
    op.execute("CREATE POLICY memberships_app ON memberships FOR ALL TO identity_app USING (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid)) WITH CHECK (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid))")
    op.execute("CREATE POLICY memberships_auth_select ON memberships FOR SELECT TO identity_auth USING (person_id = (SELECT current_setting('app.current_person', true)::uuid))")
    op.execute('GRANT SELECT ON memberships TO identity_app')
    op.execute('GRANT SELECT ON memberships TO identity_auth')
    op.execute('GRANT SELECT, INSERT, UPDATE (tenant_id, last_used_at, ended_at, ended_reason) ON sign_in_sessions TO identity_auth')
    op.execute('GRANT SELECT ON sign_in_sessions TO identity_definer')
    op.execute('GRANT SELECT, INSERT, UPDATE (spent_at, answer) ON refresh_tokens TO identity_auth')
    # The procedure is the definer's, to whom the grants on what it reads are given.
    op.execute("SET LOCAL ROLE identity_definer")
    op.execute(ADMIT)
    op.execute("REVOKE ALL ON PROCEDURE public.admit(uuid, uuid) FROM PUBLIC")
    op.execute(
        "GRANT EXECUTE ON PROCEDURE public.admit(uuid, uuid) "
        "TO identity_app, identity_auth, identity_platform"
    )
    op.execute("SET LOCAL ROLE identity_owner")
    for trigger in KEEP_ENDED_TRIGGERS:
        op.execute(trigger)


def downgrade() -> None:
    op.execute("SET LOCAL ROLE identity_definer")
    op.execute("DROP PROCEDURE public.admit(uuid, uuid)")
    op.execute("SET LOCAL ROLE identity_owner")
    op.drop_index(op.f('ix_refresh_tokens_session_id'), table_name='refresh_tokens')
    op.drop_table('refresh_tokens')
    op.drop_index(op.f('ix_sign_in_sessions_person_id'), table_name='sign_in_sessions')
    op.drop_table('sign_in_sessions')
    op.drop_index(op.f('ix_memberships_person_id'), table_name='memberships')
    op.drop_table('memberships')
    op.drop_table('credentials')
    op.drop_table('people')
    op.drop_table('tenants')
    op.drop_index('signing_keys_one_next', table_name='signing_keys', postgresql_where=sa.text("state = 'next'"))
    op.drop_index('signing_keys_one_current', table_name='signing_keys', postgresql_where=sa.text("state = 'current'"))
    op.drop_table('signing_keys')
    op.drop_table('service_accounts')
    op.drop_table('pending_revocations')
    op.execute("DROP FUNCTION public.keep_ended()")
