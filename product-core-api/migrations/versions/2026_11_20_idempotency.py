"""Answers kept for requests that are sent again."""

import sqlalchemy as sa
from alembic import op

revision = '2026_11_20_idempotency'
down_revision = '2026_11_20_revocations'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('idempotency_keys',
    sa.Column('actor_id', sa.Uuid(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('fingerprint', sa.LargeBinary(), nullable=False),
    sa.Column('reservation', sa.Uuid(), nullable=False),
    sa.Column('status', sa.SmallInteger(), nullable=True),
    sa.Column('content_type', sa.Text(), nullable=True),
    sa.Column('location', sa.Text(), nullable=True),
    sa.Column('body', sa.LargeBinary(), nullable=True),
    sa.Column('resource_id', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), server_default=sa.text('now()'), nullable=False),
    sa.CheckConstraint('status IS NOT NULL OR body IS NULL', name=op.f('ck_idempotency_keys_done')),
    sa.PrimaryKeyConstraint('actor_id', 'key', name=op.f('pk_idempotency_keys'))
    )
    op.create_index('ix_idempotency_keys_created', 'idempotency_keys', ['created_at'], unique=False)
    op.execute('ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY')
    op.execute('ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY')
    op.execute("CREATE POLICY idempotency_keys_app ON idempotency_keys FOR ALL TO product_app USING (actor_id = (SELECT current_setting('app.current_actor', true)::uuid)) WITH CHECK (actor_id = (SELECT current_setting('app.current_actor', true)::uuid))")
    op.execute("CREATE POLICY idempotency_keys_platform ON idempotency_keys FOR ALL TO product_platform USING (actor_id = (SELECT current_setting('app.current_actor', true)::uuid)) WITH CHECK (actor_id = (SELECT current_setting('app.current_actor', true)::uuid))")
    op.execute('CREATE POLICY idempotency_keys_worker ON idempotency_keys FOR ALL TO product_worker USING (true) WITH CHECK (true)')
    op.execute('GRANT SELECT, INSERT, UPDATE (fingerprint, reservation, status, content_type, location, body, resource_id, created_at), DELETE ON idempotency_keys TO product_app')
    op.execute('GRANT SELECT, INSERT, UPDATE (fingerprint, reservation, status, content_type, location, body, resource_id, created_at), DELETE ON idempotency_keys TO product_platform')
    op.execute('GRANT SELECT, DELETE ON idempotency_keys TO product_worker')


def downgrade() -> None:
    op.drop_index('ix_idempotency_keys_created', table_name='idempotency_keys')
    op.drop_table('idempotency_keys')
