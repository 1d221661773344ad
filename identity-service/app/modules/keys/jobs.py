"""Turns the signing keys when it is time, so that nobody has to remember it."""

import structlog

from app.core.jobs import IdentityWork
from app.modules.keys import service

_log = structlog.get_logger(__name__)


async def turn_keys(work: IdentityWork) -> None:
    """Take the steps that are due and safe. Any number of workers: one of them takes each."""
    async with work.service() as tx:
        rotation = await service.turn_keys(tx, work.context.process.keys)
    if rotation is not None:
        _log.info(
            "keys_turned",
            promoted=rotation.promoted,
            demoted=rotation.demoted,
            retired=rotation.retired,
            published=rotation.published,
            next_may_sign_from=rotation.signs_from.isoformat(),
        )
