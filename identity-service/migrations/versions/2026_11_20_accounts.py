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


def upgrade() -> None:
    op.add_column('sign_in_sessions', sa.Column('client_ip', sa.Text(), nullable=True))
    op.add_column('sign_in_sessions', sa.Column('user_agent', sa.Text(), nullable=True))
    op.add_column('sign_in_sessions', sa.Column('last_client_ip', sa.Text(), nullable=True))
    op.drop_constraint(op.f('ck_sign_in_sessions_reason'), 'sign_in_sessions')
    op.create_check_constraint(op.f('ck_sign_in_sessions_reason'), 'sign_in_sessions', REASONS)
    op.execute('GRANT SELECT, INSERT, UPDATE (tenant_id, last_used_at, last_client_ip, ended_at, ended_reason) ON sign_in_sessions TO identity_auth')


def downgrade() -> None:
    op.drop_constraint(op.f('ck_sign_in_sessions_reason'), 'sign_in_sessions')
    # The reasons that are new become the nearest old one; what has ended stays ended.
    op.execute('ALTER TABLE sign_in_sessions DISABLE TRIGGER sign_in_sessions_keep_ended')
    op.execute(f"UPDATE sign_in_sessions SET ended_reason = 'signed_out' WHERE NOT ({BEFORE})")
    op.execute('ALTER TABLE sign_in_sessions ENABLE TRIGGER sign_in_sessions_keep_ended')
    op.create_check_constraint(op.f('ck_sign_in_sessions_reason'), 'sign_in_sessions', BEFORE)
    op.drop_column('sign_in_sessions', 'last_client_ip')
    op.drop_column('sign_in_sessions', 'user_agent')
    op.drop_column('sign_in_sessions', 'client_ip')
