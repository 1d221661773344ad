"""Waiting for what happens in the background."""

import asyncio
from collections.abc import Callable
from inspect import isawaitable


async def until(condition: Callable[[], object]) -> None:
    """Wait until `condition`, or what it awaits, is true. Raises TimeoutError."""
    async with asyncio.timeout(20):
        while True:
            found = condition()
            if isawaitable(found):
                found = await found
            if found:
                return
            await asyncio.sleep(0.01)
