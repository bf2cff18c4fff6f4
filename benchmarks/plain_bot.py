"""What the service is compared with: python-telegram-bot as its documentation shows it, calling the same assistant.

``python benchmarks/plain_bot.py`` reads the same settings as the bot. FREE=1: an assistant that costs nothing.
"""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.ext import Application, ContextTypes, MessageHandler, filters

from bot.assistant import build
from bot.channels.telegram_text import as_html, keyboard
from bot.content import load
from bot.conversation import Conversation, Kind, Message, Reply
from bot.settings import Settings, load_settings

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
    return build(load(settings.faq_dir), settings.cache_dir, settings.fact, second_stage=False)


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
        application.run_webhook(
            "127.0.0.1", settings.web_port, "hook", webhook_url=f"{settings.telegram_webhook_url}/hook"
        )
    else:
        application.run_polling()


def markup(reply: Reply) -> InlineKeyboardMarkup | None:
    rows = [
        [InlineKeyboardButton(one["text"], callback_data=one["callback_data"]) for one in row]
        for row in keyboard(reply)
    ]
    return InlineKeyboardMarkup(rows) if rows else None


if __name__ == "__main__":
    main()
