"""Notices what happens in a folder, as far as its disk sends events."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from bot.delivery.log import describe, log

LOOK_SECONDS: Final = 10.0  # some disks send no events, and none come from behind a link
_SWAPPED: Final = "..data"  # the link by which Kubernetes puts all files of a ConfigMap in place at once


async def watch(folder: Path, noticed: Callable[[], Awaitable[None]]) -> None:
    """Calls ``noticed`` after each change of a file of ``folder``, until cancelled."""
    from watchfiles import awatch

    while True:
        try:
            async for _ in awatch(folder, debounce=200, step=50, recursive=True, watch_filter=_is_content):
                await noticed()
        except Exception as error:  # the folder was replaced; until it can be watched again others look by themselves
            log().warning("the FAQ folder can't be watched; looking every few seconds", error=describe(error))
        await asyncio.sleep(LOOK_SECONDS)


def _is_content(_change: object, path: str) -> bool:
    name = Path(path).name
    is_passing = name.startswith((".", "#", "~")) or name.endswith(("~", ".swp", ".tmp"))
    return name == _SWAPPED or not is_passing
