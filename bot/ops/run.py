"""Starts the service: reads the content, takes the port, opens the database, in an order that fails early and in words."""

import asyncio
import contextlib
import signal
import sys

from bot.assistant import Assistant, build
from bot.content import Content
from bot.delivery.log import log
from bot.ops import logs
from bot.ops.current import Current
from bot.ops.memory import return_memory
from bot.ops.service import Service
from bot.ops.settings import Settings
from bot.ops.web_server import bind
from bot.staff.reload import starting_content
from bot.staff.snapshots import Snapshots, state_folder
from bot.store import database_path, open_store


def run(settings: Settings) -> int:
    """Serves until SIGTERM or SIGINT; returns the exit code. Raises a BotError, one line, when it can't start."""
    logs.set_up(settings.log_level, settings.log_format, settings.secrets())
    for remark in settings.remarks:
        log().warning("a setting does not do what it should", why=remark)
    if settings.token:
        settings.proxy_for(settings.telegram_api_base_url)  # refused before anything is built
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # until the loop takes signals: nothing is in hand yet
    path = database_path(settings.database_url)
    snapshots = Snapshots(state_folder(path) / "snapshots")

    def make(content: Content) -> Assistant:
        return build(content, settings.cache_dir, settings.fact)

    current = Current(make(starting_content(settings.faq_dir, snapshots)))
    return_memory()
    if trouble := current.assistant.trouble:
        log().error("the model does not hear: floor and words answer, red flags are missed", why=trouble)
    taken = bind(settings.web_host, settings.web_port)
    with contextlib.closing(taken):
        if not path.exists() or not path.stat().st_size:
            log().info("a new database is made; nothing is remembered from before", file=str(path.absolute()))
        store = open_store(settings.database_url)
        try:
            return asyncio.run(Service(settings, current, store, taken, make).serve())
        finally:
            store.close()
