"""What is done beside answering: backups, expiry, heartbeat, the service manager's watchdog, Telegram's profile."""

import asyncio
import os
import socket
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

from bot.assistant import Assistant
from bot.delivery.log import log
from bot.errors import StoreError
from bot.ops.backup import Backups
from bot.ops.readiness import Readiness
from bot.ops.settings import Settings
from bot.store import Store

if TYPE_CHECKING:
    from bot.channels.telegram import Telegram

HOUR: Final = 3600.0
FIRST_BACKUP_SECONDS: Final = 60.0


def notify_systemd(state: str) -> None:
    """Tells systemd, if it asked (man sd_notify)."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.sendto(state.encode(), address)
    except OSError:
        return


class Maintenance:
    def __init__(self, settings: Settings, store: Store, backups: Backups, readiness: Readiness) -> None:
        self._settings = settings
        self._store = store
        self._backups = backups
        self._readiness = readiness

    def jobs(self) -> dict[str, Callable[[], Coroutine[Any, Any, None]]]:
        """By name, what runs for as long as the bot does."""
        jobs: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
            "expiry": self.delete_old_rows,
            "watchdog": self.feed_watchdog,
        }
        if self._settings.backup_hours:
            jobs["backup"] = self.make_backups
        if self._settings.heartbeat_url:
            jobs["heartbeat"] = self.send_heartbeats
        return jobs

    async def delete_old_rows(self) -> None:
        """Every hour, deletes what has been kept long enough."""
        await asyncio.sleep(20.0)
        while True:
            try:
                count = await self._store.expire(self._settings.missed_days, self._settings.alarm_days)
                if count:
                    log().info("old rows are deleted", count=count)
            except StoreError as error:
                log().error("old rows could not be deleted", why=str(error))
            await asyncio.sleep(HOUR)

    async def make_backups(self) -> None:
        """A backup whenever the last good one is older than BACKUP_HOURS."""
        await asyncio.sleep(FIRST_BACKUP_SECONDS)
        while True:
            if time.time() - self._backups.last_good >= self._settings.backup_hours * HOUR:
                try:
                    backup = await asyncio.to_thread(self._backups.create)
                    log().info("a backup is made", file=backup.path.name, rows=sum(backup.rows.values()))
                except StoreError as error:
                    log().error("the backup failed; older ones are kept", why=str(error))
            await asyncio.sleep(600.0)

    async def feed_watchdog(self) -> None:
        """Tells systemd that the loop is alive; it restarts the bot when this stops."""
        notify_systemd("READY=1")
        pause = int(os.environ.get("WATCHDOG_USEC", "20000000")) / 2_000_000
        while True:
            notify_systemd("WATCHDOG=1")
            await asyncio.sleep(pause)

    def say_stopping(self) -> None:
        notify_systemd("STOPPING=1")

    async def send_heartbeats(self) -> None:
        """Calls HEARTBEAT_URL every minute while all is well; whoever watches it notices the silence."""
        import aiohttp

        url = self._settings.heartbeat_url or ""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
            while True:
                is_ready = self._readiness()["ready"]
                if is_ready:
                    try:
                        async with session.get(url, proxy=self._settings.proxy_for(url)) as response:
                            await response.read()
                    except (aiohttp.ClientError, TimeoutError):
                        log().warning("the heartbeat could not be sent")
                await asyncio.sleep(60.0 if is_ready else 2.0)

    async def write_profile(self, telegram: "Telegram | None", assistant: Assistant) -> None:
        """Brings Telegram's texts and commands in line with the content."""
        from bot.channels.telegram import TelegramTrouble
        from bot.channels.telegram_profile import wanted_profile, write_profile

        if telegram is None:
            return
        phrases, now = assistant.content.phrases, time.time()
        wanted = wanted_profile(phrases.commands, phrases.profile.description, phrases.profile.short_description)
        pause = 1.0
        while time.time() - now < HOUR:
            try:
                changed = await write_profile(telegram, wanted)
                if changed:
                    log().info("Telegram's profile is brought in line", changed=", ".join(changed))
                return
            except TelegramTrouble as trouble:
                await asyncio.sleep(max(trouble.pause, pause))
                pause = min(pause * 2, 60.0)
