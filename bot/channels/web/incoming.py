"""From a request of the page to a Message: who asks, what, and whether the page itself sent it."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from urllib.parse import parse_qs, urlsplit
from zlib import crc32

from starlette.requests import ClientDisconnect, Request

from bot.assistant.conversation import Kind, Message
from bot.channels.taps import utterance
from bot.channels.typed import read_typed
from bot.channels.web.transcript import Asked, Transcript
from bot.understanding.text import utf16_length

COOKIE = "chat"
SCRIPT_HEADER = "x-requested-with"
MAX_UNITS = 4_096
# 4,096 characters of three bytes each, percent-encoded, as message and as draft beside a tapped button.
MAX_BODY = 90_000
# A message may have waited in the browser for a connection; longer than a day is a wrong clock.
_MAX_AGE_SECONDS = 86_400
_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
_SESSION = re.compile(r"[A-Za-z0-9_-]{32}")

Fields = Mapping[str, str]


class Unusable(Exception):
    """The request can't be taken: HTTP ``status`` and what to tell the patient."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.words = words


@dataclass(frozen=True, slots=True)
class Session:
    """A browser: its random ``token`` is known to nobody else, its ``chat`` id can't be turned back into the token."""

    token: str
    is_new: bool = False

    @property
    def chat(self) -> str:
        return sha256(self.token.encode()).hexdigest()[:32]

    @property
    def key(self) -> str:
        """What the plain form carries to prove that it is this browser's own page."""
        return sha256(f"key {self.token}".encode()).hexdigest()[:32]

    @classmethod
    def of(cls, request: Request) -> "Session | None":
        token = request.cookies.get(COOKIE, "")
        return cls(token) if _SESSION.fullmatch(token) else None

    @classmethod
    def begin(cls) -> "Session":
        return cls(secrets.token_urlsafe(24), is_new=True)


def is_from_page(request: Request, fields: Fields, session: Session | None) -> bool:
    """Whether our page made the browser send this, and no other site.

    Browsers tell by Sec-Fetch-Site, but not on plain http, nor Safari before 16.4. Then the page's origin has to be the
    host that was asked for, which a proxy may pass on under another name or not at all (nginx by default). What no other
    site can send proves it too: the script's header (another origin's would be asked for leave first), the form's key.
    """
    fetched = request.headers.get("sec-fetch-site")
    if fetched is not None:
        return fetched in ("same-origin", "none")
    origin = request.headers.get("origin")
    asked = f"{request.headers.get('host', '')},{request.headers.get('x-forwarded-host', '')}".split(",")
    return (
        origin is None
        or urlsplit(origin).netloc in [host.strip() for host in asked if host.strip()]
        or request.headers.get(SCRIPT_HEADER) == "chat"
        or (session is not None and compare_digest(fields.get("key", "").encode(), session.key.encode()))
    )


async def read_fields(request: Request) -> dict[str, str]:
    """The form's fields; Unusable if it is too large or not text."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                raise Unusable(413, f"That is too long. Please send at most {MAX_UNITS:,} characters at a time.")
    except ClientDisconnect:
        raise Unusable(400, "The message did not come in whole. Please send it again.") from None
    try:
        parsed = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=20, errors="strict")
    except ValueError:
        raise Unusable(400, "That could not be read. Please reload the page and send it again.") from None
    # A form sends line ends as CRLF.
    return {name: values[-1].replace("\r\n", "\n") for name, values in parsed.items()}


@dataclass(frozen=True, slots=True)
class Posted:
    """What a patient sent: ``asked`` for the transcript, ``message`` for the inbox, ``draft`` typed but not sent."""

    asked: Asked
    message: Message
    draft: str = ""


def read_post(fields: Fields, chat: str, transcript: Transcript | None, now: datetime) -> Posted | None:
    """What the form means; None if nothing was written or tapped. Unusable if it is too long."""
    tapped, command, text = fields.get("tap", ""), fields.get("command", ""), fields.get("text", "")
    if utf16_length(text) > MAX_UNITS:
        raise Unusable(413, f"That is too long. Please send at most {MAX_UNITS:,} characters at a time.")
    if not (tapped or command or text.strip()):
        return None
    asked_id = _asked_id(fields, tapped or command or text)
    sent_at = now - timedelta(seconds=_age(fields))
    bubble_id = action = ""
    if tapped:
        bubble_id, action, shown = (*tapped.split(" ", 2), "", "")[:3]
        question = _question(bubble_id, transcript) or fields.get("question", "")[:MAX_UNITS]
        kind, heard = Kind.BUTTON, utterance(action, shown, question)
    elif command:
        action, _, shown = command.partition(" ")
        kind, heard = Kind.COMMAND, ""
    else:
        shown = text.strip()
        kind, action, heard = read_typed(shown)
    message = Message(
        channel="web",
        chat=chat,
        update_id=f"{chat}.{asked_id}",
        kind=kind,
        sent_at=sent_at,
        now=now,
        text=heard,
        action=action[:64],
        message_id=bubble_id if tapped else asked_id,
    )
    forgets = kind is Kind.COMMAND and action == "forget"
    asked = Asked(id=asked_id, text=shown[:MAX_UNITS], at=sent_at, is_tap=bool(tapped), forgets=forgets)
    return Posted(asked, message, draft=text if tapped or command else "")


def asked_id_of(update_id: str) -> str:
    """The browser's own id in an update id made by ``read_post``."""
    return update_id.partition(".")[2]


def _asked_id(fields: Fields, content: str) -> str:
    """The browser's own id of the message.

    The plain form has one id a page, so that a double click is one message; what was sent is added, for a page that is
    used again with the back button.
    """
    given = fields.get("id", "")
    if _ID.fullmatch(given):
        return given
    page = fields.get("page", "")
    return f"{page if _ID.fullmatch(page) else secrets.token_hex(8)}-{crc32(content.encode()):08x}"


def _age(fields: Fields) -> float:
    age = fields.get("age", "")
    return min(int(age), _MAX_AGE_SECONDS) if age.isascii() and age.isdigit() and len(age) < 9 else 0


def _question(bubble_id: str, transcript: Transcript | None) -> str:
    answer = transcript.find(bubble_id) if transcript else None
    question = transcript.find(answer.answers) if transcript and answer else None
    return question.text if question else ""
