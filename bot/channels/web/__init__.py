"""The chat page: the same assistant in a browser, with or without JavaScript.

The page posts a message, it goes to the inbox, and the outbox hands the reply to ``WebChannel.send``, which puts it
into the chat's transcript: bubbles in memory, for an hour. Browsers take their bubbles from there: with the answer to
their POST, by a long poll, or, without JavaScript, with the next whole page.
"""

from bot.channels.web.channel import WebChannel, create_app
from bot.channels.web.pages import Front

__all__ = ["Front", "WebChannel", "create_app"]
