"""The page itself, its files, and the headers that keep it to itself."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from html import escape
from importlib.resources import files
from secrets import token_hex
from string import Template

from starlette.responses import HTMLResponse, Response

from bot.assistant.conversation import Reply
from bot.channels.web.rendering import link_number, render_all
from bot.channels.web.transcript import Bubble

_FILES = {"chat.css": "text/css", "chat.js": "text/javascript", "icon.svg": "image/svg+xml"}

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": with it a browser names no origin in a form's POST.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Front:
    """What the page says of itself: ``greeting`` is the assistant's reply to /start."""

    clinic: str
    phone: str
    emergency_number: str
    greeting: Reply


@cache
def _file(name: str) -> bytes:
    return files(__package__).joinpath(name).read_bytes()


@cache
def _version(name: str) -> str:
    return sha256(_file(name)).hexdigest()[:12]


@cache
def _template() -> Template:
    return Template(_file("page.html").decode())


def file_response(name: str, version: str) -> Response | None:
    """One of the page's files, kept by the browser as long as ``version`` is its present one; None if there is none."""
    if name not in _FILES:
        return None
    keep = "public, max-age=31536000, immutable" if version == _version(name) else "no-cache"
    return Response(_file(name), media_type=_FILES[name], headers={"Cache-Control": keep})


def page_response(
    front: Front,
    bubbles: Iterable[Bubble],
    cursor: str,
    *,
    key: str = "",
    draft: str = "",
    words: str = "",
    status: int = 200,
) -> Response:
    """The whole page. ``words`` is what went wrong, told beside the input; ``draft`` what stands in it; ``key`` see
    ``Session.key``."""
    html = _template().substitute(
        clinic=escape(front.clinic),
        phone=escape(front.phone),
        emergency=link_number(front.emergency_number),
        emergency_number=escape(front.emergency_number),
        bubbles=render_all(bubbles),
        cursor=escape(cursor),
        draft=escape(draft),
        words=f'<p class="problem" id="problem">{escape(words)}</p>' if words else "",
        described="problem hint" if words else "hint",
        autofocus="autofocus" if words else "",
        page=token_hex(8),
        key=key,
        **{name.replace(".", "_"): f"static/{name}?v={_version(name)}" for name in _FILES},
    )
    return HTMLResponse(html, status_code=status, headers={"Cache-Control": "no-store"})
