"""Service accounts of organizations, their secrets, and tokens that they revoked."""

import sqlalchemy as sa
from alembic import op

revision = '2026_11_20_service_accounts'
down_revision = '2026_11_20_accounts'
branch_labels = None
depends_on = None

# What was called a service account is one of our own services: it gives up the name.
RENAMED = (('pk_service_accounts', 'pk_trusted_clients'), ('uq_service_accounts_client_id', 'uq_trusted_clients_client_id'))

# One of our own services is admitted by its row, which has another name now.
ADMIT_CLIENT = """
CREATE OR REPLACE PROCEDURE public.admit_client()
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    client uuid := nullif(current_setting('app.current_actor', true), '')::uuid;
BEGIN
    IF current_setting('app.admitted', true) = 'once' THEN
        RAISE EXCEPTION 'this transaction was admitted before';
    END IF;
    SET LOCAL app.admitted = 'once';
    IF (
        SELECT 1 FROM public.{table} c WHERE c.id = client AND c.active LIMIT 1
    ) IS NULL THEN
        RAISE EXCEPTION 'token_revoked' USING ERRCODE = 'PT401';
    END IF;
END
$$
"""


def admit_clients_of(table: str) -> None:
    op.execute("SET LOCAL ROLE identity_definer")
    op.execute(ADMIT_CLIENT.format(table=table))
    op.execute("SET LOCAL ROLE identity_owner")


# The grants let role app revoke; these keep it from taking that back.
KEEP_ENDED_TRIGGERS = (
    """
    CREATE TRIGGER service_accounts_keep_ended BEFORE UPDATE ON service_accounts FOR EACH ROW
    WHEN (OLD.revoked_at IS NOT NULL) EXECUTE FUNCTION public.keep_ended()
    """,
    """
    CREATE TRIGGER service_account_secrets_keep_ended BEFORE UPDATE ON service_account_secrets
    FOR EACH ROW WHEN (OLD.revoked_at IS NOT NULL) EXECUTE FUNCTION public.keep_ended()
    """,
)


def upgrade() -> None:
    op.rename_table('service_accounts', 'trusted_clients')
    for old, new in RENAMED:
        op.execute(f'ALTER TABLE trusted_clients RENAME CONSTRAINT {old} TO {new}')
    admit_clients_of('trusted_clients')
    # They have come along with the table; a test looks for them in writing.
    op.execute('GRANT SELECT ON trusted_clients TO identity_auth')
    op.execute('GRANT SELECT, INSERT, UPDATE (secret_hash, updated_at) ON trusted_clients TO identity_worker')
    op.execute('GRANT SELECT (id, active) ON trusted_clients TO identity_definer')
    op.create_table('service_accounts',
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('role', sa.Text(), nullable=False),
    sa.Column('active', sa.Boolean(), sa.Computed('revoked_at IS NULL', persisted=True), nullable=False),
    sa.Column('created_by', sa.Uuid(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('tokens_not_before', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("role IN ('admin', 'standard', 'viewer')", name=op.f('ck_service_accounts_role')),
    sa.CheckConstraint('revoked_at IS NULL OR coalesce(tokens_not_before >= revoked_at, false)', name=op.f('ck_service_accounts_revoked')),
    sa.ForeignKeyConstraint(['tenant_id'], ['tenants.id'], name=op.f('fk_service_accounts_tenant_id')),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_service_accounts'))
    )
    op.create_index('ix_service_accounts_id', 'service_accounts', ['id'], unique=False)
    op.create_index('ix_service_accounts_newest', 'service_accounts', ['tenant_id', 'created_at', 'id'], unique=False)
    op.create_table('service_account_secrets',
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('account_id', sa.Uuid(), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('secret_hash', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_used_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint('octet_length(secret_hash) = 32', name=op.f('ck_service_account_secrets_secret_hash')),
    sa.ForeignKeyConstraint(['tenant_id', 'account_id'], ['service_accounts.tenant_id', 'service_accounts.id'], name=op.f('fk_service_account_secrets_tenant_id_account_id')),
    sa.PrimaryKeyConstraint('tenant_id', 'account_id', 'id', name=op.f('pk_service_account_secrets'))
    )
    op.create_index('ix_service_account_secrets_account_id', 'service_account_secrets', ['account_id'], unique=False)
    op.create_table('revoked_tokens',
    sa.Column('tenant_id', sa.Uuid(), nullable=False),
    sa.Column('account_id', sa.Uuid(), nullable=False),
    sa.Column('jti', sa.Uuid(), nullable=False),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['tenant_id', 'account_id'], ['service_accounts.tenant_id', 'service_accounts.id'], name=op.f('fk_revoked_tokens_tenant_id_account_id')),
    sa.PrimaryKeyConstraint('tenant_id', 'account_id', 'jti', name=op.f('pk_revoked_tokens'))
    )
    op.execute('ALTER TABLE service_accounts ENABLE ROW LEVEL SECURITY')
    op.execute('ALTER TABLE service_accounts FORCE ROW LEVEL SECURITY')
    op.execute("CREATE POLICY service_accounts_app ON service_accounts FOR ALL TO identity_app USING (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid)) WITH CHECK (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid))")
    op.execute('CREATE POLICY service_accounts_worker ON service_accounts FOR ALL TO identity_worker USING (true) WITH CHECK (true)')
    op.execute("CREATE POLICY service_accounts_auth_select ON service_accounts FOR SELECT TO identity_auth USING (id = (SELECT current_setting('app.current_actor', true)::uuid))")
    op.execute('GRANT SELECT, INSERT, UPDATE (revoked_at, tokens_not_before) ON service_accounts TO identity_app')
    op.execute('GRANT SELECT (tenant_id, id, role, active, tokens_not_before) ON service_accounts TO identity_auth')
    op.execute('GRANT SELECT (tenant_id, id, tokens_not_before) ON service_accounts TO identity_worker')
    op.execute('ALTER TABLE service_account_secrets ENABLE ROW LEVEL SECURITY')
    op.execute('ALTER TABLE service_account_secrets FORCE ROW LEVEL SECURITY')
    op.execute("CREATE POLICY service_account_secrets_app ON service_account_secrets FOR ALL TO identity_app USING (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid)) WITH CHECK (tenant_id = (SELECT current_setting('app.current_tenant', true)::uuid))")
    op.execute("CREATE POLICY service_account_secrets_auth ON service_account_secrets FOR ALL TO identity_auth USING (account_id = (SELECT current_setting('app.current_actor', true)::uuid)) WITH CHECK (account_id = (SELECT current_setting('app.current_actor', true)::uuid))")
    op.execute('GRANT SELECT (tenant_id, account_id, id, created_at, expires_at, revoked_at, last_used_at), INSERT, UPDATE (revoked_at) ON service_account_secrets TO identity_app')
    op.execute('GRANT SELECT (tenant_id, account_id, id, created_at, expires_at, revoked_at, last_used_at, secret_hash), UPDATE (last_used_at) ON service_account_secrets TO identity_auth')
    op.execute('ALTER TABLE revoked_tokens ENABLE ROW LEVEL SECURITY')
    op.execute('ALTER TABLE revoked_tokens FORCE ROW LEVEL SECURITY')
    op.execute('CREATE POLICY revoked_tokens_worker ON revoked_tokens FOR ALL TO identity_worker USING (true) WITH CHECK (true)')
    op.execute("CREATE POLICY revoked_tokens_auth ON revoked_tokens FOR ALL TO identity_auth USING (account_id = (SELECT current_setting('app.current_actor', true)::uuid)) WITH CHECK (account_id = (SELECT current_setting('app.current_actor', true)::uuid))")
    op.execute('GRANT SELECT, INSERT, DELETE ON revoked_tokens TO identity_auth')
    op.execute('GRANT SELECT (jti, revoked_at) ON revoked_tokens TO identity_worker')
    for trigger in KEEP_ENDED_TRIGGERS:
        op.execute(trigger)


def downgrade() -> None:
    op.drop_table('revoked_tokens')
    op.drop_index('ix_service_account_secrets_account_id', table_name='service_account_secrets')
    op.drop_table('service_account_secrets')
    op.drop_index('ix_service_accounts_newest', table_name='service_accounts')
    op.drop_index('ix_service_accounts_id', table_name='service_accounts')
    op.drop_table('service_accounts')
    for old, new in RENAMED:
        op.execute(f'ALTER TABLE trusted_clients RENAME CONSTRAINT {new} TO {old}')
    op.rename_table('trusted_clients', 'service_accounts')
    admit_clients_of('service_accounts')
