"""The composition root: makes the parts, starts them in order, and stops them without losing anything."""

import asyncio
import signal
import time
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from bot.assistant import Assistant
from bot.content import Content
from bot.delivery.inbox import Inbox
from bot.delivery.log import describe, log
from bot.delivery.metrics import Metrics
from bot.delivery.outbox import Outbox
from bot.delivery.rate_limit import RateLimiter
from bot.errors import StartError
from bot.ops.backup import Backups
from bot.ops.current import Current
from bot.ops.maintenance import Maintenance
from bot.ops.readiness import Readiness
from bot.ops.settings import Settings
from bot.ops.web_server import WebServer, health_routes
from bot.staff.group import Look, staff_of
from bot.staff.services import StaffServices
from bot.staff.snapshots import state_folder
from bot.store import Store

if TYPE_CHECKING:
    from bot.channels.telegram import Telegram
    from bot.channels.telegram_polling import Polling
    from bot.channels.telegram_webhook import Webhook
    from bot.channels.web import WebChannel

STOP_SECONDS: Final = 2.5


class Service:
    """``make`` builds the assistant of a checked content; without it the content is never looked at again."""

    def __init__(
        self,
        settings: Settings,
        current: Current,
        store: Store,
        taken: Any,
        make: Callable[[Content], Assistant] | None = None,
    ) -> None:
        self._make_assistant = make
        self._staff: StaffServices | None = None
        self._settings = settings
        self._current = current
        self._store = store
        self._taken = taken
        self._metrics = Metrics()
        self._stopping = asyncio.Event()
        self._failure: StartError | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._web_server: WebServer | None = None
        self._web_task: asyncio.Task[None] | None = None
        self._page: WebChannel | None = None
        self._telegram: Telegram | None = None
        self._polling: Polling | None = None
        self._webhook: Webhook | None = None
        self._backups = Backups(store.path, settings.faq_dir, settings.backup_keep)

    async def serve(self) -> int:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self._stopping.set)
        loop.set_exception_handler(_on_loop_error)
        self._build_parts()
        if self._staff:
            await self._staff.group.find()
        await self._inbox.recover()
        await self._outbox.recover()
        try:
            await self._start()
            await self._stopping.wait()
        finally:
            await self._stop()
        if self._failure:
            raise self._failure
        return 0

    # Parts

    def _build_parts(self) -> None:
        settings = self._settings
        channels: list[Any] = []
        limiters = {}
        if settings.token:
            from bot.channels.telegram import Telegram

            url = settings.telegram_api_base_url
            self._telegram = Telegram(settings.token, url, settings.proxy_for(url))
            channels.append(self._telegram)
            limiters[self._telegram.name] = RateLimiter(settings.telegram_send_rate)
        if settings.has_page:
            self._page = self._build_page()
            channels.append(self._page)
        self._outbox = Outbox(self._store, channels, self._metrics, limiters)
        self._staff = self._make_staff(self._make_assistant) if self._make_assistant else None
        self._outbox.watcher = self._staff
        self._inbox = Inbox(
            self._store,
            self._current,
            self._outbox.put,
            self._outbox.send_now,
            lambda: len(self._outbox),
            self._metrics,
            self._staff,
        )
        if self._telegram:
            self._build_intake(self._telegram)
        self._readiness = Readiness(
            trouble=lambda: self._store.trouble or self._inbox.trouble,
            model_trouble=lambda: self._current.assistant.trouble,
            channel_trouble=lambda: self._webhook.trouble if self._webhook else "",
            content_version=lambda: self._current.assistant.version,
            content_since=lambda: self._current.since,
            content_trouble=lambda: self._current.trouble,
            staff_chat_problems=lambda: self._staff.group.list_problems() if self._staff else [],
            switched_off=lambda: self._staff.switched_off() if self._staff else [],
            heard=self._heard if self._telegram else None,
            is_polling=self._polling is not None,
            waiting=lambda: len(self._inbox) + len(self._outbox),
            oldest=lambda: max(self._inbox.oldest(), self._outbox.oldest()),
            last_backup=lambda: self._backups.last_good,
        )
        self._metrics.gauges |= {
            "inbox_waiting": lambda: len(self._inbox),
            "outbox_waiting": lambda: len(self._outbox),
            "oldest_waiting_seconds": self._readiness.oldest,
            "ready": lambda: float(self._readiness()["ready"]),
            "hearing": lambda: float(not self._current.assistant.trouble),
            "last_heard_timestamp_seconds": self._heard,
        }
        if settings.backup_hours:  # else there is none to be old
            self._metrics.gauges["last_backup_timestamp_seconds"] = lambda: self._backups.last_good
        self._maintenance = Maintenance(settings, self._store, self._backups, self._readiness)

    def _make_staff(self, make: Callable[[Content], Assistant]) -> StaffServices:
        settings = self._settings
        telegram, people = self._telegram, staff_of(settings.staff_user_ids)
        has_chat = telegram is not None and settings.staff_chat_id is not None

        async def look(chat: str) -> Look | None:
            from bot.channels.telegram_staff import look_at_chat

            return await look_at_chat(telegram, chat, people) if telegram else None

        return StaffServices(
            faq_dir=settings.faq_dir,
            state=state_folder(self._store.path),
            cache_dir=settings.cache_dir,
            holder=self._current,
            build=make,
            store=self._store,
            metrics=self._metrics,
            put=self._outbox.put,
            channel=self._telegram.name if self._telegram else "",
            chat=str(settings.staff_chat_id) if has_chat else "",
            people=people,
            look=look,
            release=self._outbox.release,
        )

    def _build_intake(self, telegram: "Telegram") -> None:
        from bot.channels.telegram_receiver import Receiver

        settings = self._settings
        receiver = Receiver(telegram, self._inbox, self._metrics, self._staff)
        if settings.telegram_webhook_url:
            from bot.channels.telegram_webhook import Webhook, secret_of

            secret = secret_of(settings.token, settings.webhook_secret)
            self._webhook = Webhook(
                telegram, receiver, self._metrics, settings.telegram_webhook_url, secret, self._store.note
            )
        else:
            from bot.channels.telegram_polling import Polling

            self._polling = Polling(telegram, self._inbox, receiver, self._metrics, self._start_web_and_jobs)

    def _build_page(self) -> "WebChannel":
        from bot.channels.web import Front, WebChannel

        def front(now: datetime) -> Front:
            assistant = self._current()
            clinic = assistant.content.clinic
            return Front(clinic.name, clinic.phone, clinic.emergency_number, assistant.replies.greeting(now))

        return WebChannel(lambda messages: self._inbox.accept(messages), front)

    def _heard(self) -> float:
        source = self._polling or self._webhook
        return source.last_success if source else 0.0

    # Start and stop

    async def _start(self) -> None:
        self._keep_running("inbox", self._inbox.run)
        self._keep_running("outbox", self._outbox.run)
        if self._telegram is None:
            self._start_web_and_jobs()
            log().info(
                "the chat page is served", address=f"http://{self._settings.web_host}:{self._taken.getsockname()[1]}/"
            )
            log().info("for Telegram: get a token from @BotFather, write TELEGRAM_BOT_TOKEN=… into .env, start again")
            return
        is_sure = await self._check_token(self._telegram)
        if self._failure:
            self._stopping.set()
            return
        if not is_sure:
            log().warning("Telegram can't be reached at the start; trying on")  # once, however long it takes
            self._keep_running("token", self._check_token_again)
        if self._polling:
            self._keep_running("polling", self._polling.run)
        elif self._webhook:
            self._start_web_and_jobs()
            self._keep_running("webhook", self._webhook.keep_set)

    def _start_web_and_jobs(self) -> None:
        """What the first poll need not wait for."""
        if self._stopping.is_set() or self._web_server:
            return
        routes = health_routes(self._readiness, self._metrics)
        if self._webhook:
            routes.append(self._webhook.route)
        if self._page:
            routes.extend(self._page.routes)
        self._web_server = WebServer(self._taken, routes)
        self._web_task = asyncio.create_task(self._web_server.run())
        if self._telegram:
            self._keep_running("profile", lambda: self._maintenance.write_profile(self._telegram, self._current()))
        self._keep_running("sweep", self._inbox.pick_up_retried)
        if self._staff:
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._staff.reloader.ask)
            for name, job in self._staff.jobs().items():
                self._keep_running(name, job)
        for name, job in self._maintenance.jobs().items():
            self._keep_running(name, job)

    async def _check_token(self, telegram: "Telegram") -> bool:
        """Whether Telegram said yes. A refused token ends the start; an outage does not."""
        from bot.channels.telegram import TelegramTrouble

        try:
            await telegram.get_me()
        except TelegramTrouble as trouble:
            if trouble.kind == "unauthorized" and not self._heard():
                self._failure = StartError(
                    "Telegram refuses the token (TELEGRAM_BOT_TOKEN). Copy it again from @BotFather."
                )
                self._stopping.set()
            return False
        return True

    async def _check_token_again(self) -> None:
        while self._telegram and not self._stopping.is_set() and not await self._check_token(self._telegram):
            await asyncio.sleep(2.0)

    def _keep_running(self, name: str, job: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Runs a part; if a bug ends it, it is started again."""

        async def keep() -> None:
            while True:
                try:
                    await job()
                    return
                except Exception as error:
                    log().error("a part failed and is started again", part=name, error=describe(error))
                    await asyncio.sleep(1.0)

        self._tasks.append(asyncio.create_task(keep(), name=name))

    async def _stop(self) -> None:
        """Nothing new is begun, what is in hand is finished; the rest waits on disk."""
        began = time.monotonic()
        self._maintenance.say_stopping()
        kept = {task for task in self._tasks if task.get_name() in ("inbox", "outbox")}
        for task in set(self._tasks) - kept:
            task.cancel()
        if self._page:
            self._page.close()
        if self._web_server:
            self._web_server.begin_stop()
        await self._inbox.stop(patience=1.0)
        await self._outbox.stop(patience=max(0.5, STOP_SECONDS - (time.monotonic() - began)))
        if self._web_server and self._web_task:
            await asyncio.wait([self._web_task], timeout=0.5)
            self._web_task.cancel()
        for task in kept:
            task.cancel()
        await asyncio.gather(*self._tasks, *filter(None, [self._web_task]), return_exceptions=True)
        if self._telegram:
            await self._telegram.close()
        log().info("stopped", waiting=len(self._inbox) + len(self._outbox))


def _on_loop_error(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    error = context.get("exception")
    log().error("an error nobody waited for", error=describe(error) if error else str(context.get("message", "")))
