"""Says in words what is wrong and how to cure it: `python -m bot doctor`. Safe to paste: secrets are masked."""

import re
import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bot.errors import BotError, ContentError
from bot.ops.backup import Backups, verify_backup
from bot.ops.findings import Finding, fine, note, wrong
from bot.ops.logs import Redactor
from bot.ops.settings import Settings
from bot.staff.folder import unwritable_folder

if TYPE_CHECKING:
    from bot.content import Content

FREE_BYTES: Final = 200_000_000
DATED: Final = re.compile(r"(\d{1,2})\.?\s+([A-Za-z]{3})[a-z]*\.?\s+(\d{4})")
EDITS_CURE: Final = (
    "Set FAQ_DIR to a folder of the bot's user (`python -m bot init FOLDER` makes one), or let it write there."
)


def report(settings: Settings) -> list[Finding]:
    """Everything that can be found out from outside the running bot; `WRONG` ones make the command fail."""
    redact = Redactor(settings.secrets())
    found: list[Finding] = []
    content: list[Content] = []
    for look in (
        lambda: (wrong(remark, "See .env.example.") for remark in settings.remarks),
        lambda: _content(settings, content),
        lambda: _hearing(content[0] if content else None),
        lambda: _edits(settings),
        lambda: _store(settings),
        lambda: _backups(settings),
        lambda: _disk(settings.data_dir),
        lambda: _telegram(settings, content[0] if content else None),
        lambda: _secrets(settings),
    ):
        found.extend(_safely(look))
    return [Finding(one.state, redact(one.what), redact(one.cure)) for one in found]


def _safely(look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from look()
    except BotError as error:
        yield wrong(str(error).splitlines()[0], "")
    except Exception as error:
        yield wrong(f"a look failed ({type(error).__name__})", "Report this as a bug with this line.")


def _content(settings: Settings, loaded: "list[Content]") -> "Iterator[Finding]":
    from bot.content import load

    try:
        content = load(settings.faq_dir)
    except ContentError as error:
        count = len(error.problems)
        yield wrong(f"the content has {count} problem(s), first: {error.problems[0]}", "Run `python -m bot check`.")
        return
    loaded.append(content)
    yield fine(f"content {content.version}: {len(content.entries)} entries, {len(content.red_flags.pages)} red flags")
    if examples := content.clinic.examples():
        yield wrong(f"clinic.yaml still holds example values: {', '.join(examples)}", "Write your clinic's own.")
    past = [
        line for line in (*content.clinic.closed, *content.clinic.special) if _is_past(line, datetime.now(UTC).date())
    ]
    if past:
        yield note(f"clinic.yaml: {len(past)} dated line(s) are over ({past[0]})", "Take them out, add the next ones.")
    else:
        yield fine("no dated closing of the clinic is over")


def _is_past(line: str, today: date) -> bool:
    """Whether a line names a year, and its last date is over."""
    dates = DATED.findall(line)
    if not dates:
        return False
    day, month, year = dates[-1]
    try:
        return datetime.strptime(f"{day} {month} {year}", "%d %b %Y").date() < today
    except ValueError:
        return False


def _hearing(content: "Content | None") -> Iterator[Finding]:
    """Builds what would be served, so that every file of the model is used."""
    from bot.assistant import build
    from bot.understanding import load_encoder

    encoder, trouble = load_encoder()
    if content and encoder:
        trouble = build(content).trouble
    if trouble or not encoder:
        yield wrong(f"the model does not hear, red flags are missed: {trouble}", "")
    else:
        yield fine(f"the model hears ({encoder.version})")


def _edits(settings: Settings) -> Iterator[Finding]:
    if settings.staff_chat_id is None:
        return
    if folder := unwritable_folder(settings.faq_dir):
        yield wrong(f"staff's edits can't be written into {folder}", EDITS_CURE)
    else:
        yield fine(f"staff's edits can be written into {settings.faq_dir}")


def _store(settings: Settings) -> Iterator[Finding]:
    from bot.store import database_path, is_served, list_dead_letters
    from bot.store.copies import verify

    path = database_path(settings.database_url)
    if not path.exists():
        yield note(f"there is no database at {path} yet", "Start the bot once: `make run`.")
        return
    rows = verify(path)
    if path.stat().st_mode & 0o077:
        yield wrong(f"{path} may be read by other users", f"chmod 600 {path}; the bot does so at each start.")
    yield fine(f"database {path}: every page is whole, {sum(rows.values())} rows")
    yield fine("the bot is running") if is_served(path) else note("the bot is not running", "Start it: `make run`.")
    if count := len(list_dead_letters(settings.database_url)):
        yield wrong(f"{count} message(s) are set aside", "See `python -m bot stuck`; after a fix, `stuck --retry`.")
    else:
        yield fine("no message is set aside")


def _backups(settings: Settings) -> Iterator[Finding]:
    from bot.store import database_path

    path = database_path(settings.database_url)
    if not path.exists():
        return
    paths = Backups(path, settings.faq_dir, settings.backup_keep).paths()
    if not paths:
        yield wrong("there is no backup", "Run `python -m bot backup`; see BACKUP_HOURS.")
        return
    age = (time.time() - paths[-1].stat().st_mtime) / 3600
    last = verify_backup(paths[-1])
    limit = 2 * max(settings.backup_hours, 24)
    if last.content is None:
        yield wrong(f"the last backup ({paths[-1].name}) holds no content", "Run `python -m bot backup`.")
    elif age > limit:
        yield wrong(f"the last backup is {age:.0f} hours old", "Run `python -m bot backup` and look into the log.")
    else:
        yield fine(f"the last backup ({paths[-1].name}) is {age:.0f} hours old and whole")


def _disk(folder: Path) -> Iterator[Finding]:
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < FREE_BYTES:
        yield wrong(f"{free / 1e6:.0f} MB are free in {folder}", "Free space: without it no message can be stored.")
    else:
        yield fine(f"{free / 1e9:.1f} GB are free in {folder}")


def _secrets(settings: Settings) -> Iterator[Finding]:
    env_file = Path(".env")
    text = env_file.read_text(encoding="utf-8-sig") if env_file.is_file() else ""
    if any(secret in text for secret in settings.secrets()) and env_file.stat().st_mode & 0o077:
        yield wrong(".env holds secrets and may be read by other users", "chmod 600 .env")
    if settings.telegram_webhook_url and settings.telegram_webhook_url.startswith("http://"):
        yield note("the webhook's address is plain http", "Right only with a local Bot API server; else use https.")


def _telegram(settings: Settings, content: "Content | None") -> Iterator[Finding]:
    if not settings.token:
        yield note("no TELEGRAM_BOT_TOKEN: the bot serves the chat page only", "Get a token from @BotFather.")
        return
    from bot.ops.doctor_telegram import ask_telegram

    yield from ask_telegram(settings, content)
