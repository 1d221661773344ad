"""Tells the core what ended; telling it twice changes nothing."""

from app.core.jobs import IdentityWork

_PATH = "/internal/revocations"


async def send_revocation(work: IdentityWork) -> None:
    """Send one revocation. Raises NotDelivered."""
    told = dict(work.job.arguments)
    told["kind"], told["tenant_id"] = told.pop("what"), told.pop("tenant")
    await work.context.internal.post(_PATH, {"revocations": [told]})
