"""Makes the pictures of the staff chat: a real store, real files, the real check and the bot's own words.

``python docs/pictures/staff.py`` writes staff-closed.png, staff-missed.png and staff-preview.png; it needs Chromium.
"""

import asyncio
import html
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import sync_playwright  # noqa: E402
from sqlalchemy import insert  # noqa: E402

from bot.assistant import build  # noqa: E402
from bot.assistant.conversation import Kind, Message, Reply  # noqa: E402
from bot.channels.telegram_text import as_html  # noqa: E402
from bot.content import load  # noqa: E402
from bot.delivery.metrics import Metrics  # noqa: E402
from bot.staff.chat import StaffChat  # noqa: E402
from bot.staff.group import StaffGroup, staff_of  # noqa: E402
from bot.staff.reload import Reloader  # noqa: E402
from bot.store import open_store  # noqa: E402
from bot.store.tables import missed  # noqa: E402

QUESTION = "my mate swears by a bag of frozen sprouts on it, daft or not?"
STYLE = """
body { margin: 0; padding: 16px; width: 420px; background: #d7e3d4; font: 15px/1.4 "DejaVu Sans", sans-serif; }
.bubble { background: #fff; border-radius: 12px; padding: 10px 14px; white-space: pre-wrap; margin: 0 40px 4px 0; }
.mine { background: #e3ffd1; margin: 0 0 10px 120px; }
.row { display: flex; gap: 4px; margin: 0 40px 4px 0; }
.row span { flex: 1; background: #6b8f71; color: #fff; border-radius: 8px; padding: 8px; text-align: center; }
"""


class Holder:
    trouble = ""

    def __init__(self, assistant: object) -> None:
        self.assistant = assistant

    def __call__(self):  # type: ignore[no-untyped-def]
        return self.assistant

    def swap(self, assistant: object) -> None:
        self.assistant = assistant


def bubble(said: str, reply: Reply) -> str:
    mine = f'<div class="bubble mine">{html.escape(said)}</div>' if said else ""
    rows = "".join(
        '<div class="row">' + "".join(f"<span>{html.escape(one.label)}</span>" for one in row) + "</div>"
        for row in reply.buttons
    )
    return f'{mine}<div class="bubble">{as_html(reply)}</div>{rows}'


async def conversation(folder: Path) -> dict[str, str]:
    """By picture, the HTML of what was said."""
    faq = Path(shutil.copytree(ROOT / "faq", folder / "faq"))
    cache = folder / "cache"

    def make(content):  # type: ignore[no-untyped-def]
        return build(content, cache)

    async def nobody() -> tuple[str, ...]:
        return ()

    async def report() -> tuple[str, dict[str, str]]:
        return "", {}

    posted: list[Reply] = []
    store = open_store(f"sqlite:///{folder}/bot.db")
    reloader = Reloader(faq, folder / "state", cache, Holder(make(load(faq))), make, nobody)
    reloader.snapshots.add(reloader.folder.read())
    people, put = staff_of({1: "reviewer:Anna"}), lambda out: posted.extend(one.reply for one in out)
    chat = StaffChat(StaffGroup("telegram:1", "1", people, store, Metrics(), put), store, reloader, report)

    async def take(kind: Kind, text: str, action: str) -> Reply:
        now = datetime.now(UTC)
        place = {"channel": "telegram:1", "chat": "1", "update_id": "1", "user": "1"}
        message = Message(**place, kind=kind, sent_at=now, now=now, text=text, action=action)
        said = await chat.take(message)
        await chat.proposals.finish()
        return posted.pop() if posted else said.reply or Reply(())

    row = {"person": "x", "utterance": QUESTION, "reason": "not understood", "candidates": "[]"}
    now = datetime.now(UTC).timestamp()
    await store._writer.write(lambda c: c.execute(insert(missed), {**row, "created_at": now}))
    (question,) = await chat.missed.begin_new()
    preview = await take(Kind.BUTTON, "", question.buttons[0][0].action)
    closed = await take(Kind.COMMAND, "24 Nov", "closed")
    store.close()
    return {
        "staff-missed": bubble("", question),
        "staff-preview": bubble("", preview),
        "staff-closed": bubble("/closed 24 Nov", closed),
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        found = asyncio.run(conversation(Path(name)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 452, "height": 300}, device_scale_factor=1.5)
        for picture, body in found.items():
            page.set_content(f"<meta charset=utf-8><style>{STYLE}</style>{body}")
            page.screenshot(path=str(Path(__file__).parent / f"{picture}.png"), full_page=True)
        browser.close()


if __name__ == "__main__":
    main()
