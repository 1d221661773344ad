"""Invitations, versions of memberships, security events; organizations in admission."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '2026_11_20_members'
down_revision = '2026_11_20_jobs'
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
