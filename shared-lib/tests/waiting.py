"""Waiting for what happens in the background."""

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], bool]) -> None:
    """Wait until `condition` is true. Raises TimeoutError."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  nobody signals what a test waits for
            await asyncio.sleep(0.01)
