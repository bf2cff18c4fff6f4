"""The web channel: takes messages from the page to the inbox, and replies from the outbox to the page."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from enum import Enum, auto
from functools import wraps
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from bot.assistant.conversation import Message
from bot.channels.web.incoming import (
    COOKIE,
    Posted,
    Session,
    Unusable,
    asked_id_of,
    is_from_page,
    read_fields,
    read_post,
)
from bot.channels.web.pages import HEADERS, Front, file_response, page_response
from bot.channels.web.rendering import plain_transcript, render
from bot.channels.web.transcript import Bubble, Transcript, Transcripts, Who
from bot.delivery.inbox import Full
from bot.delivery.outbox import Result, Sent
from bot.errors import BotError
from bot.store.values import Outgoing

Accept = Callable[[Sequence[Message]], Awaitable[Sequence[bool]]]
Handler = Callable[["WebChannel", Request], Awaitable[Response]]

_SCRIPT_WAITS = 4.0
_FORM_WAITS = 10.0
_POLL_WAITS = 25.0
# Each waiting poll holds a connection; beyond these a browser asks every few seconds instead.
_MAX_POLLS = 500

_NOT_TAKEN = "Your message did not get through. It is still in the box. Please send it again."


class Stored(Enum):
    """What became of a message in the inbox.

    NOT: the store is down, but its card came from memory; the page shows it and goes on trying. LONG_AGO: known to the
    inbox, but not to this run of the service. If no answer is due either, it was answered before a restart and the
    answer went down with the old run, so the page asks again under a new id.
    """

    YES = auto()
    NOT = auto()
    LONG_AGO = auto()


def _guarded(handler: Handler) -> Handler:
    """Adds the headers, and turns what can't be taken into an answer: JSON for the script, else the page."""

    @wraps(handler)
    async def guarded(self: "WebChannel", request: Request) -> Response:
        try:
            response = await handler(self, request)
        except Unusable as unusable:
            response = self._refuse(request, unusable)
        response.headers.update(HEADERS)
        if self._is_closed:
            response.headers["Connection"] = "close"
        return response

    return guarded


class WebChannel:
    """The chat page as a channel (bot.outbox.Channel).

    ``accept`` is the inbox's. ``front`` gives what the page says of itself at a time; it is asked anew for each page,
    so that a reload of the content shows. ``kept_seconds``: how long a conversation stays in memory.
    """

    name = "web"

    def __init__(self, accept: Accept, front: Callable[[datetime], Front], *, kept_seconds: float = 3_600) -> None:
        self._accept = accept
        self._front = front
        self._transcripts = Transcripts(kept_seconds)
        self._polls = 0
        self._is_closed = False

    @property
    def routes(self) -> list[Route]:
        return [
            Route("/", self.show_page),
            Route("/messages", self.take_message, methods=["POST"]),
            Route("/messages", self.tell_news),
            Route("/transcript.txt", self.save_chat),
            Route("/static/{name}", self.show_file),
        ]

    async def send(self, outgoing: Outgoing) -> Result:
        """Shows the reply in its chat. A page that is closed by now finds it when it comes back within the hour."""
        transcript = self._transcripts.open(outgoing.chat)
        return Sent(transcript.receive(outgoing, asked_id_of(outgoing.answers), datetime.now(UTC)))

    def close(self) -> None:
        """Answers all waiting polls, so that the server can stop at once. Call it first when stopping."""
        self._is_closed = True
        self._transcripts.close()

    # Requests

    @_guarded
    async def show_page(self, request: Request) -> Response:
        session = Session.of(request)
        transcript = self._transcripts.find(session.chat) if session else None
        return self._page(transcript, session, draft=transcript.take_draft() if transcript else "")

    @_guarded
    async def take_message(self, request: Request) -> Response:
        fields = await read_fields(request)
        request.state.typed = fields.get("text", "")
        session = Session.of(request)
        is_own = is_from_page(request, fields, session)
        if session is None or not is_own:
            # Another site may not speak in a patient's name; but what it sends may be somebody's only call for help, so
            # it is taken as a stranger's: screened and answered, outside every conversation, without a cookie.
            session = Session.begin()
        transcript = self._transcripts.open(session.chat)
        posted = read_post(fields, session.chat, transcript, datetime.now(UTC))
        is_script = _is_script(request)
        if posted is None:
            return _json([], transcript.cursor) if is_script else RedirectResponse("./", 303)
        stored = await self._store(transcript, posted)
        asked_id = posted.asked.id
        is_answered = await transcript.wait(
            lambda: transcript.is_answered(asked_id) or self._is_closed, _SCRIPT_WAITS if is_script else _FORM_WAITS
        )
        if is_script:
            is_lost = stored is Stored.LONG_AGO and not is_answered and not self._is_closed
            if is_lost:
                transcript.withdraw(asked_id)
            news = transcript.since(fields.get("after", ""))
            is_stored = stored is not Stored.NOT
            response: Response = _json(news, transcript.cursor, answered=is_answered, lost=is_lost, stored=is_stored)
        elif session.is_new:
            # No redirect: a browser that takes no cookies would come back as a stranger. And no greeting on top: a card
            # has to be seen at once.
            response = self._page(transcript, session if is_own else None, is_greeted=False)
        else:
            transcript.draft = posted.draft
            response = RedirectResponse(f"./#t-{asked_id}", 303)
        if session.is_new and is_own:
            origin = request.headers.get("origin", "")  # a proxy need not say that it speaks https, the browser does
            is_secure = request.url.scheme == "https" or origin.startswith("https://")
            response.set_cookie(COOKIE, session.token, httponly=True, samesite="strict", secure=is_secure)
        return response

    @_guarded
    async def tell_news(self, request: Request) -> Response:
        if "text/html" in request.headers.get("accept", ""):
            return RedirectResponse("./", 303)  # a plain form's error page, loaded again
        session = Session.of(request)
        if session is None:
            return _json([], "", session=False)
        transcript = self._transcripts.open(session.chat)
        cursor = request.query_params.get("after", "")
        if request.query_params.get("wait") and self._polls < _MAX_POLLS:
            self._polls += 1
            try:
                await transcript.wait(lambda: bool(transcript.since(cursor)) or self._is_closed, _POLL_WAITS)
            finally:
                self._polls -= 1
        return _json(transcript.since(cursor), transcript.cursor)

    @_guarded
    async def save_chat(self, request: Request) -> Response:
        session = Session.of(request)
        transcript = self._transcripts.find(session.chat) if session else None
        text = plain_transcript(self._bubbles(self._front(datetime.now(UTC)), transcript))
        headers = {"Content-Disposition": 'attachment; filename="chat.txt"', "Cache-Control": "no-store"}
        return PlainTextResponse(text, headers=headers)

    @_guarded
    async def show_file(self, request: Request) -> Response:
        found = file_response(request.path_params["name"], request.query_params.get("v", ""))
        return found or PlainTextResponse("There is no such file.", 404)

    # Steps

    async def _store(self, transcript: Transcript, posted: Posted) -> Stored:
        """Hands the message to the inbox; Unusable if it could not be stored and no card came of it."""
        is_first = transcript.ask(posted.asked)
        try:
            (is_new,) = await self._accept([posted.message])
        except BotError as error:
            if transcript.is_answered(posted.asked.id):
                return Stored.NOT
            transcript.withdraw(posted.asked.id)
            words = "Many people write at the moment. " if isinstance(error, Full) else ""
            number = self._front(datetime.now(UTC)).emergency_number
            raise Unusable(503, f"{words}{_NOT_TAKEN} In an emergency call {number}.") from None
        return Stored.LONG_AGO if is_first and not is_new else Stored.YES

    def _refuse(self, request: Request, unusable: Unusable) -> Response:
        retry = {"Retry-After": "1"} if unusable.status == 503 else {}
        if _is_script(request):
            return JSONResponse({"error": unusable.words}, unusable.status, headers=retry)
        session = Session.of(request)
        transcript = self._transcripts.find(session.chat) if session else None
        typed = getattr(request.state, "typed", "")
        response = self._page(transcript, session, draft=typed, words=unusable.words, status=unusable.status)
        response.headers.update(retry)
        return response

    def _page(
        self,
        transcript: Transcript | None,
        session: Session | None,
        *,
        draft: str = "",
        words: str = "",
        status: int = 200,
        is_greeted: bool = True,
    ) -> Response:
        front = self._front(datetime.now(UTC))
        bubbles = self._bubbles(front, transcript) if is_greeted else list(transcript or ())
        cursor = transcript.cursor if transcript else ""
        key = session.key if session else ""
        return page_response(front, bubbles, cursor, key=key, draft=draft, words=words, status=status)

    @staticmethod
    def _bubbles(front: Front, transcript: Transcript | None) -> list[Bubble]:
        greeting = Bubble(id="greeting", who=Who.BOT, reply=front.greeting, at=datetime.now(UTC))
        return [greeting, *(transcript or ())]


def _is_script(request: Request) -> bool:
    return request.headers.get("accept", "").startswith("application/json")


def _json(bubbles: Sequence[Bubble], cursor: str, **more: bool) -> Response:
    items: list[dict[str, Any]] = [
        {"id": bubble.id, "who": bubble.who, "html": render(bubble), "erases": bubble.erases} for bubble in bubbles
    ]
    answer = {"session": True, "items": items, "cursor": cursor} | more
    return JSONResponse(answer, headers={"Cache-Control": "no-store"})


def create_app(channel: WebChannel) -> Starlette:
    """The page as an application of its own, without the health routes of the service."""
    return Starlette(routes=channel.routes)
