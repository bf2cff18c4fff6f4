"""What the service is compared with: python-telegram-bot as its documentation shows it, calling the same assistant.

``python benchmarks/plain_bot.py`` reads the same settings as the bot. FREE=1: an assistant that costs nothing.
"""

import asyncio
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.ext import Application, ContextTypes, MessageHandler, filters

from bot.assistant import build
from bot.assistant.conversation import Conversation, Kind, Message, Reply
from bot.channels.telegram_text import as_html, keyboard
from bot.content import load
from bot.ops.settings import Settings, load_settings

Context = ContextTypes.DEFAULT_TYPE


def message_of(update: Update) -> Message:
    found, chat = update.effective_message, update.effective_chat
    assert found is not None
    assert chat is not None
    return Message(
        channel="telegram",
        chat=str(chat.id),
        update_id=str(update.update_id),
        kind=Kind.TEXT,
        text=found.text or "",
        sent_at=found.date,
        now=datetime.now(UTC),
    )


def answering(settings: Settings) -> Any:
    if os.environ.get("FREE"):
        from free_assistant import FreeAssistant

        return FreeAssistant()
    return build(load(settings.faq_dir), settings.cache_dir, settings.fact)


def main() -> None:
    settings = load_settings()
    assistant = answering(settings)
    conversations: dict[str, Conversation] = {}

    async def answer(update: Update, _: Context) -> None:
        message = message_of(update)
        turn = assistant.reply(message, conversations.get(message.chat, Conversation()))
        conversations[message.chat] = turn.conversation
        if turn.reply and update.effective_message:
            await update.effective_message.reply_html(as_html(turn.reply), reply_markup=markup(turn.reply))

    application = Application.builder().token(settings.token).base_url(settings.telegram_api_base_url).build()
    application.add_handler(MessageHandler(filters.TEXT, answer))
    if settings.telegram_webhook_url:
        asyncio.run(serve(application, settings))
    else:
        application.run_polling()


async def serve(application: Any, settings: Settings) -> None:
    """As in python-telegram-bot's customwebhookbot example: into its queue, then 200."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    async def receive(request: Request) -> Response:
        await application.update_queue.put(Update.de_json(await request.json(), application.bot))
        return Response()

    routes = Starlette(routes=[Route("/hook", receive, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(routes, port=settings.web_port, access_log=False, log_level="warning"))
    async with application:
        await application.start()
        await application.bot.set_webhook(f"{settings.telegram_webhook_url}/hook")
        await server.serve()
        await application.stop()


def markup(reply: Reply) -> InlineKeyboardMarkup | None:
    rows = [
        [InlineKeyboardButton(one["text"], callback_data=one["callback_data"]) for one in row]
        for row in keyboard(reply)
    ]
    return InlineKeyboardMarkup(rows) if rows else None


if __name__ == "__main__":
    main()
