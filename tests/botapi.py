"""A Bot API server for tests, over real HTTP on loopback: offsets, long polling, webhooks, limits, refusals, faults.

Checks what Telegram checks where the bot could get it wrong. Own process for benchmarks: ``python tests/botapi.py``
(see ``main``); in tests ``async with BotApi() as api``.

Faults: ``api.fault("sendMessage", "500", times=3)``; kinds are in ``FAULTS``. ``times=None`` lasts until ``clear``.
"""

import argparse
import asyncio
import contextlib
import json
import re
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, Self
from urllib.parse import parse_qsl

from aiohttp import ClientSession, ClientTimeout, web

FAULTS = {
    "500": "Telegram's own 500",
    "502": "a proxy's HTML page",
    "429": "flood limit, retry after a second",
    "401": "unauthorized, Telegram's own",
    "404": "a proxy's HTML 404",
    "404-own": "not found, Telegram's own",
    "409": "two pollers",
    "hang": "no answer",
    "reset-before": "connection cut, nothing done",
    "reset-after": "done, then the connection cut",
    "garbage": "200 with something that is no JSON",
}
POLLED_TWICE = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
WEBHOOK_IS_SET = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook first"
TAGS = {"b", "strong", "i", "em", "u", "s", "code", "pre", "a", "blockquote", "tg-spoiler", "tg-time"}


class Refusal(Exception):
    def __init__(self, code: int, description: str, **parameters: int) -> None:
        self.code, self.description, self.parameters = code, description, parameters


@dataclass
class Fault:
    kind: str
    times: int | None = None
    share: float = 1.0  # of calls, spread evenly
    seen: int = 0

    def strikes(self) -> bool:
        if self.times is not None and self.times <= 0:
            return False
        self.seen += 1
        if int(self.seen * self.share) == int((self.seen - 1) * self.share):
            return False
        if self.times is not None:
            self.times -= 1
        return True


@dataclass
class Poll:
    """A getUpdates that waits."""

    news: asyncio.Event = field(default_factory=asyncio.Event)
    is_ended: bool = False


@dataclass
class Sent:
    chat: int
    text: str
    at: float
    message_id: int
    parameters: dict[str, Any]
    was_acknowledged: bool = True

    @property
    def quoted(self) -> int:
        """The id of the message it was sent in answer to, 0 without."""
        return int((self.parameters.get("reply_parameters") or {}).get("message_id") or 0)


class _Html(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.length = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:  # noqa: ARG002
        if tag not in TAGS:
            raise Refusal(400, f'Bad Request: can\'t parse entities: Unsupported start tag "{tag}"')
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            raise Refusal(400, "Bad Request: can't parse entities: Unmatched end tag")

    def handle_data(self, data: str) -> None:
        self.length += len(data.encode("utf-16-le")) // 2


def check_text(text: str, parse_mode: str | None) -> None:
    length = len(text.encode("utf-16-le")) // 2
    if parse_mode == "HTML":
        if re.search(r"<(?![a-z/])|&(?!lt;|gt;|amp;|quot;|#\d+;)", text):
            raise Refusal(400, "Bad Request: can't parse entities: Unsupported start tag")
        parser = _Html()
        parser.feed(text)
        parser.close()
        if parser.open:
            raise Refusal(400, "Bad Request: can't parse entities: Can't find end tag")
        length = parser.length
    if not text.strip():
        raise Refusal(400, "Bad Request: message text is empty")
    if length > 4096:
        raise Refusal(400, "Bad Request: message is too long")


def check_markup(markup: Any) -> None:
    for row in (markup or {}).get("inline_keyboard", []):
        for button in row:
            if not button.get("text", "").strip():
                raise Refusal(400, "Bad Request: inline keyboard button text is empty")
            if "url" in button and not re.match(r"(https?|tg)://", button["url"]):
                raise Refusal(
                    400,
                    f"Bad Request: inline keyboard button URL '{button['url']}' is invalid: Unsupported URL protocol",
                )
            if "callback_data" in button and not 0 < len(button["callback_data"].encode()) <= 64:
                raise Refusal(400, "Bad Request: BUTTON_DATA_INVALID")
            if set(button) == {"text"}:
                raise Refusal(400, "Bad Request: text buttons are unallowed in the inline keyboard")


@dataclass
class BotApi:
    token: str = "123456:test-token"
    port: int = 0
    limits: bool = False  # Telegram's flood limits
    latency: float = 0.0
    plain_only: bool = False  # refuse everything but bare text
    updates: deque[dict[str, Any]] = field(default_factory=deque)
    sent: list[Sent] = field(default_factory=list)
    edits: list[dict[str, Any]] = field(default_factory=list)
    toasts: list[dict[str, Any]] = field(default_factory=list)
    calls: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    faults: dict[str, list[Fault]] = field(default_factory=lambda: defaultdict(list))
    blocked: set[int] = field(default_factory=set)
    missing: set[int] = field(default_factory=set)
    muted: set[int] = field(default_factory=set)  # groups where members may not write
    status: dict[int, str] = field(default_factory=dict)  # the bot's in a group; else a member
    admins: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    migrated: dict[int, int] = field(default_factory=dict)
    profile: dict[str, Any] = field(
        default_factory=lambda: {"commands": [], "description": "", "short": "", "menu": {"type": "default"}}
    )
    webhook: dict[str, Any] | None = None
    deliveries: int = 0
    lose_answers: int = 0  # so many 200s of the webhook get lost: delivered again
    next_update: int = 1000
    next_message: int = 1
    polls_at: list[float] = field(default_factory=list)
    confirmed: int = 0

    # Lifecycle

    async def __aenter__(self) -> Self:
        self._polling: Poll | None = None
        self._chat_sends: dict[int, deque[float]] = defaultdict(deque)
        self._all_sends: deque[float] = deque()
        self._answered = asyncio.Event()
        self._deliverers: set[asyncio.Task[None]] = set()
        app = web.Application(client_max_size=10**7)
        app.router.add_route("*", "/bot{token}/{method}", self._handle)
        app.router.add_route("*", "/control/{what}", self._control)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, backlog=1024)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self._client = ClientSession(timeout=ClientTimeout(total=10))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._deliverers:
            task.cancel()
        await self._client.close()
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/bot"

    # What a test does

    def fault(self, method: str, kind: str, times: int | None = None, share: float = 1.0) -> None:
        assert kind in FAULTS
        self.faults[method.lower()].append(Fault(kind, times, share))

    def clear(self) -> None:
        self.faults.clear()
        self._wake()

    def write(self, chat: int, text: str, **more: Any) -> int:
        """A patient writes; returns the update id."""
        return self.push({"message": self.message(chat, text, **more)})

    def message(self, chat: int, text: str | None = None, *, date: float | None = None, **more: Any) -> dict[str, Any]:
        self.next_message += 1
        kind = "private" if chat > 0 else "group"
        found = {
            "message_id": self.next_message,
            "date": int(date if date is not None else time.time()),
            "chat": {"id": chat, "type": kind},
            "from": {"id": abs(chat), "is_bot": False, "first_name": "Pat", "language_code": "en"},
        }
        return found | ({"text": text} if text is not None else {}) | more

    def tap(self, chat: int, sent: Sent, action: str, question: str = "") -> int:
        """A patient taps a button under a sent message."""
        below = self.message(chat, sent.text, reply_markup=sent.parameters.get("reply_markup") or {})
        below["message_id"] = sent.message_id
        below["from"] = {
            "id": int(self.token.partition(":")[0]),
            "is_bot": True,
            "first_name": "Bot",
            "username": "test_bot",
        }
        if question:
            below["reply_to_message"] = self.message(chat, question)
        query = {
            "id": f"q{self.next_update}",
            "from": {"id": chat, "is_bot": False, "first_name": "Pat"},
            "message": below,
        }
        return self.push({"callback_query": query | {"data": action, "chat_instance": "1"}})

    def push(self, update: dict[str, Any]) -> int:
        self.next_update += 1
        self.updates.append({"update_id": self.next_update, **update})
        self._wake()
        if self.webhook:
            self._deliver_all()
        return self.next_update

    def _wake(self) -> None:
        if self._polling:
            self._polling.news.set()

    async def wait_for(self, count: int, seconds: float = 90.0) -> list[Sent]:
        """The messages sent, once there are ``count``."""
        async with asyncio.timeout(seconds):
            while len(self.sent) < count:
                self._answered.clear()
                await self._answered.wait()
        return self.sent

    async def quiet(self, seconds: float = 0.3) -> list[Sent]:
        """The messages sent, once none came for a while."""
        count = -1
        while count != len(self.sent):
            count = len(self.sent)
            await asyncio.sleep(seconds)
        return self.sent

    def of(self, chat: int) -> list[Sent]:
        return [sent for sent in self.sent if sent.chat == chat]

    # HTTP

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"].lower()
        self.calls[method] += 1
        form = await self._form(request)
        fault = next((one for one in (*self.faults[method], *self.faults["*"]) if one.strikes()), None)
        if fault and fault.kind != "reset-after":
            return await self._strike(request, fault)
        if request.match_info["token"] != self.token:
            return self._error(Refusal(401, "Unauthorized"))
        if self.latency and method != "getupdates":
            await asyncio.sleep(self.latency)
        handler = getattr(self, f"_on_{method}", None)
        try:
            if handler is None:
                raise Refusal(404, "Not Found: method not found")
            result = handler(form)
            if asyncio.iscoroutine(result):
                result = await result
        except Refusal as refusal:
            return self._error(refusal)
        if fault:
            if self.sent and method == "sendmessage":
                self.sent[-1].was_acknowledged = False
            return self._cut(request)
        return web.json_response({"ok": True, "result": result})

    async def _form(self, request: web.Request) -> dict[str, Any]:
        if request.content_type == "application/json":
            return dict(await request.json())
        if request.content_type == "application/x-www-form-urlencoded":  # faster than aiohttp's own
            raw = parse_qsl((await request.read()).decode(), keep_blank_values=True)
            return {name: _parsed(value) for name, value in raw}
        return {
            name: value.file.read() if isinstance(value, web.FileField) else _parsed(str(value))
            for name, value in (await request.post()).items()
        }

    async def _strike(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        match fault.kind:
            case "500":
                return self._error(Refusal(500, "Internal Server Error"))
            case "502":
                return web.Response(status=502, text="<html>Bad Gateway</html>", content_type="text/html")
            case "429":
                return self._error(Refusal(429, "Too Many Requests: retry after 1", retry_after=1))
            case "401":
                return self._error(Refusal(401, "Unauthorized"))
            case "404":
                return web.Response(status=404, text="<html>Not Found</html>", content_type="text/html")
            case "404-own":
                return self._error(Refusal(404, "Not Found"))
            case "409":
                return self._error(
                    Refusal(
                        409,
                        POLLED_TWICE,
                    )
                )
            case "garbage":
                return web.Response(text="<html>login</html>", content_type="text/html")
            case "hang":
                while fault in self.faults[request.match_info["method"].lower()] or fault in self.faults["*"]:
                    await asyncio.sleep(0.05)
                await asyncio.sleep(30)  # what hung stays dead
        return self._cut(request)

    @staticmethod
    def _cut(request: web.Request) -> web.StreamResponse:
        if request.transport:
            request.transport.abort()
        return web.Response(status=500)

    @staticmethod
    def _error(refusal: Refusal) -> web.Response:
        body: dict[str, Any] = {"ok": False, "error_code": refusal.code, "description": refusal.description}
        if refusal.parameters:
            body["parameters"] = refusal.parameters
        return web.json_response(body, status=refusal.code)

    # Methods

    def _on_getme(self, _: dict[str, Any]) -> Any:
        return {"id": int(self.token.partition(":")[0]), "is_bot": True, "first_name": "Test", "username": "test_bot"}

    async def _on_getupdates(self, form: dict[str, Any]) -> Any:
        if self.webhook:
            raise Refusal(
                409,
                WEBHOOK_IS_SET,
            )
        if self._polling:
            self._polling.is_ended = True  # Telegram ends the older poll
            self._polling.news.set()
        mine = self._polling = Poll()
        self.polls_at.append(time.time())
        offset = int(form.get("offset") or 0)
        while self.updates and offset > 0 and self.updates[0]["update_id"] < offset:
            self.updates.popleft()
            self.confirmed += 1
        deadline = time.monotonic() + float(form.get("timeout") or 0)
        try:
            while not self.updates and (left := deadline - time.monotonic()) > 0:
                mine.news.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await mine.news.wait()
                if mine.is_ended:
                    raise Refusal(
                        409,
                        POLLED_TWICE,
                    )
        finally:
            if self._polling is mine:
                self._polling = None
        limit = int(form.get("limit") or 100)
        return [update for _, update in zip(range(limit), self.updates, strict=False)]

    def _on_sendmessage(self, form: dict[str, Any]) -> Any:
        chat = self._chat(form)
        if chat in self.muted and self.status.get(chat) != "administrator":
            raise Refusal(400, "Bad Request: not enough rights to send text messages to the chat")
        if self.plain_only and set(form) - {"chat_id", "text"}:
            raise Refusal(400, "Bad Request: can't parse entities: test")
        check_text(str(form.get("text", "")), form.get("parse_mode"))
        check_markup(form.get("reply_markup"))
        self._check_flood(chat)
        self.next_message += 1
        self.sent.append(Sent(chat, str(form["text"]), time.time(), self.next_message, form))
        self._answered.set()
        return self.message(chat, str(form["text"])) | {"message_id": self.sent[-1].message_id}

    def _on_getchat(self, form: dict[str, Any]) -> Any:
        chat = self._chat(form)
        kind = "private" if chat > 0 else "supergroup" if chat < -(10**12) else "group"
        return {"id": chat, "type": kind, "permissions": {"can_send_messages": chat not in self.muted}}

    def _on_getchatmember(self, form: dict[str, Any]) -> Any:
        status = self.status.get(self._chat(form), "member")
        return {"status": status, "user": {"id": int(form["user_id"]), "is_bot": True, "first_name": "Bot"}}

    def _on_getchatadministrators(self, form: dict[str, Any]) -> Any:
        return self.admins.get(self._chat(form), [])

    def _on_sendphoto(self, form: dict[str, Any]) -> Any:
        chat, picture, caption = self._chat(form), form.pop("photo", b""), str(form.get("caption", ""))
        if not isinstance(picture, bytes) or not picture.startswith(b"\x89PNG"):
            raise Refusal(400, "Bad Request: IMAGE_PROCESS_FAILED")
        if len(caption) > 1024:
            raise Refusal(400, "Bad Request: message caption is too long")
        self._check_flood(chat)
        self.next_message += 1
        self.sent.append(Sent(chat, caption, time.time(), self.next_message, form))
        self._answered.set()
        photo = {"file_id": "1", "file_unique_id": "1", "width": 1, "height": 1}
        message = self.message(chat, caption)
        caption = message.pop("text")
        return message | {"message_id": self.next_message, "caption": caption, "photo": [photo]}

    def _on_editmessagetext(self, form: dict[str, Any]) -> Any:
        chat = self._chat(form)
        if self.plain_only:
            raise Refusal(400, "Bad Request: can't parse entities: test")
        check_text(str(form.get("text", "")), form.get("parse_mode"))
        check_markup(form.get("reply_markup"))
        old = next(
            (sent for sent in self.sent if sent.message_id == int(form["message_id"]) and sent.chat == chat), None
        )
        if old is None:
            raise Refusal(400, "Bad Request: message to edit not found")
        if old.text == form["text"] and old.parameters.get("reply_markup") == form.get("reply_markup"):
            raise Refusal(
                400, "Bad Request: message is not modified: specified new message content is exactly the same"
            )
        old.text, old.parameters = str(form["text"]), form
        self.edits.append(form)
        self._answered.set()
        return self.message(chat, old.text) | {"message_id": old.message_id}

    def _on_answercallbackquery(self, form: dict[str, Any]) -> Any:
        if str(form.get("callback_query_id", "")).startswith("old"):
            raise Refusal(400, "Bad Request: query is too old and response timeout expired or query ID is invalid")
        self.toasts.append(form)
        self._answered.set()
        return True

    def _on_setmycommands(self, form: dict[str, Any]) -> Any:
        for command in form["commands"]:
            if not re.fullmatch(r"[a-z0-9_]{1,32}", command["command"]) or not 1 <= len(command["description"]) <= 256:
                raise Refusal(400, "Bad Request: BOT_COMMAND_INVALID")
        self.profile["commands"] = form["commands"]
        return True

    def _on_getmycommands(self, _: dict[str, Any]) -> Any:
        return self.profile["commands"]

    def _on_setmydescription(self, form: dict[str, Any]) -> Any:
        if len(form["description"]) > 512:
            raise Refusal(400, "Bad Request: description is too long")
        self.profile["description"] = form["description"]
        return True

    def _on_getmydescription(self, _: dict[str, Any]) -> Any:
        return {"description": self.profile["description"]}

    def _on_setmyshortdescription(self, form: dict[str, Any]) -> Any:
        if len(form["short_description"]) > 120:
            raise Refusal(400, "Bad Request: short description is too long")
        self.profile["short"] = form["short_description"]
        return True

    def _on_getmyshortdescription(self, _: dict[str, Any]) -> Any:
        return {"short_description": self.profile["short"]}

    def _on_getchatmenubutton(self, _: dict[str, Any]) -> Any:
        return self.profile["menu"]

    def _on_setchatmenubutton(self, form: dict[str, Any]) -> Any:
        self.profile["menu"] = form["menu_button"]
        return True

    def _on_setwebhook(self, form: dict[str, Any]) -> Any:
        if not re.fullmatch(r"[A-Za-z0-9_-]{0,256}", str(form.get("secret_token", ""))):
            raise Refusal(400, "Bad Request: secret token contains unallowed characters")
        self.webhook = form if form.get("url") else None
        if self.webhook:
            self._deliver_all()
        return True

    def _on_deletewebhook(self, _: dict[str, Any]) -> Any:
        self.webhook = None
        return True

    def _on_getwebhookinfo(self, _: dict[str, Any]) -> Any:
        return {
            "url": (self.webhook or {}).get("url", ""),
            "pending_update_count": len(self.updates),
            "has_custom_certificate": False,
        }

    def _chat(self, form: dict[str, Any]) -> int:
        chat = int(form["chat_id"])
        if chat in self.migrated:
            raise Refusal(
                400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=self.migrated[chat]
            )
        if chat in self.blocked:
            raise Refusal(403, "Forbidden: bot was blocked by the user")
        if chat in self.missing:
            raise Refusal(400, "Bad Request: chat not found")
        return chat

    def _check_flood(self, chat: int) -> None:
        if not self.limits:
            return
        now = time.monotonic()
        for times, most, span in (
            (self._all_sends, 33, 1.0),
            (self._chat_sends[chat], 20 if chat < 0 else 8, 60.0 if chat < 0 else 3.0),
        ):
            while times and times[0] <= now - span:
                times.popleft()
            if len(times) >= most:
                raise Refusal(429, "Too Many Requests: retry after 1", retry_after=1)
        self._all_sends.append(now)
        self._chat_sends[chat].append(now)

    # Deliveries

    def _deliver_all(self) -> None:
        if not self._deliverers:
            self._queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
            for _ in range(min(int((self.webhook or {}).get("max_connections") or 40), 40)):
                self._deliverers.add(asyncio.create_task(self._deliver()))
        while self.updates:
            self._queue.put_nowait(self.updates.popleft())

    async def _deliver(self) -> None:
        while True:
            update = await self._queue.get()
            while True:
                hook = self.webhook
                if hook is None:
                    await asyncio.sleep(0.1)
                    continue
                headers = {"X-Telegram-Bot-Api-Secret-Token": str(hook.get("secret_token", ""))}
                try:
                    async with self._client.post(hook["url"], json=update, headers=headers) as response:
                        await response.read()
                        self.deliveries += 1
                        if response.status == 200:
                            if self.lose_answers <= 0:
                                break
                            self.lose_answers -= 1
                except Exception:
                    await asyncio.sleep(0.05)
                await asyncio.sleep(0.05)

    # Control, for a server in a process of its own

    async def _control(self, request: web.Request) -> web.Response:
        what = request.match_info["what"]
        given = await request.json() if request.can_read_body else {}
        match what:
            case "write":
                for one in given["messages"]:
                    self.write(one["chat"], one["text"])
            case "fault":
                self.fault(**given)
            case "clear":
                self.clear()
            case "set":
                for name, value in given.items():
                    setattr(self, name, value)
            case "sent":
                start = int(request.query.get("from", 0))
                rows = [[one.chat, one.text[:80], one.at, one.quoted] for one in self.sent[start:]]
                return web.json_response(rows)
            case "forget":
                self.sent.clear()
            case "state":
                return web.json_response(
                    {
                        "sent": len(self.sent),
                        "updates": len(self.updates),
                        "calls": dict(self.calls),
                        "polls": self.polls_at[-1:],
                        "first_poll": self.polls_at[:1],
                    }
                )
        return web.json_response({})


def _parsed(value: str) -> Any:
    if value[:1] in "[{" and value[-1:] in "]}":
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


async def main() -> None:
    """Serves until it is killed, steered over /control; prints its port."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0)
    arguments = parser.parse_args()
    async with BotApi(port=arguments.port, latency=arguments.latency) as api:
        print(api.port, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
