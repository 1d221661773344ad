"""Which numbers the platform's admins are shown."""

from app.modules.members import service as members
from app.modules.organizations import service as organizations
from app.modules.stats.schemas import MemberCounts, StatsRead, SupportSessionCounts
from app.modules.support_sessions import service as support_sessions
from shared_lib.tenancy import PlatformTx


async def get_stats(tx: PlatformTx) -> StatsRead:
    """Counts of all organizations; one statement for each resource, however many rows."""
    return StatsRead(
        organizations=await organizations.count_organizations(tx),
        members=MemberCounts(active=await members.count_active(tx)),
        support_sessions=SupportSessionCounts(live=await support_sessions.count_live(tx)),
    )
