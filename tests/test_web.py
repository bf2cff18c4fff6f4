"""The chat page over HTTP, without a browser: what it takes, what it refuses, what it remembers."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from chat_page import CARD, FALLBACK, ICE, NOON, StandIn, paragraph

from bot.assistant.conversation import Block, BlockKind, Button, Kind, Reply
from bot.channels.web import create_app
from bot.channels.web.rendering import link_number, render
from bot.channels.web.transcript import MAX_BUBBLES, Asked, Bubble, Transcript, Transcripts, Who
from bot.store.values import Outgoing

SCRIPT = {"accept": "application/json"}


@pytest.fixture
def clinic() -> StandIn:
    return StandIn()


@pytest.fixture
async def client(clinic: StandIn) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(clinic.channel))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        yield client
    clinic.channel.close()


async def post(client: httpx.AsyncClient, fields: dict[str, str], **headers: str) -> httpx.Response:
    return await client.post("/messages", data=fields, headers=headers)


# The page


async def test_the_page_greets_names_the_clinic_and_stores_nothing(client, clinic):
    response = await client.get("/")
    assert response.status_code == 200
    assert "Hello. I answer questions" in response.text
    assert "<title>Questions about back spasms, Example Chiropractic Clinic</title>" in response.text
    assert '<html lang="en">' in response.text
    assert "set-cookie" not in response.headers
    assert clinic.stored == []


@pytest.mark.parametrize("path", ["/", "/messages", "/transcript.txt", "/static/chat.js", "/static/none"])
async def test_every_response_keeps_the_page_to_itself(client, path):
    headers = (await client.get(path)).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


async def test_the_page_names_no_outside_address_and_no_inline_script(client):
    html = (await client.get("/")).text
    assert re.findall(r"""(?:src|href|action)=["']?(?:https?:)?//""", html) == []
    assert re.findall(r"""\s(?:on\w+|style)=|<style|<script(?![^>]*src=)""", html) == []
    for name in ("chat.css", "chat.js"):
        assert (
            re.findall(r"(?:url\(|import |[\"'`])\s*(?:https?:)?//[\w.]", (await client.get(f"/static/{name}")).text)
            == []
        )


async def test_files_of_the_present_version_are_kept_by_the_browser(client):
    address = re.search(r'href="(static/chat\.css\?v=\w+)"', (await client.get("/")).text)[1]
    assert "immutable" in (await client.get(address)).headers["cache-control"]
    assert (await client.get("/static/chat.css")).headers["cache-control"] == "no-cache"
    assert (await client.get("/static/page.html")).status_code == 404


# Without JavaScript


async def test_a_plain_form_leads_to_the_page_with_the_conversation(client):
    await post(client, {"text": "hello"})  # the first answer brings the cookie
    response = await post(client, {"text": "does ice help?", "page": "1234567890abcdef"})
    assert response.status_code == 303
    assert response.headers["location"].startswith("./#t-1234567890abcdef-")
    html = (await client.get("/")).text
    assert html.index("Hello. I answer") < html.index("does ice help?") < html.index("Yes, ice can ease")


async def test_a_browser_without_cookies_gets_its_answer_too(client):
    response = await post(client, {"text": "does ice help?"})
    assert response.status_code == 200
    assert "Yes, ice can ease" in response.text


async def test_a_double_click_is_one_message_and_the_back_button_is_not(client, clinic):
    await post(client, {"text": "hello"})
    page = {"page": "1234567890abcdef"}
    await asyncio.gather(*(post(client, page | {"text": "does ice help?"}) for _ in range(2)))
    await post(client, page | {"text": "fever"})
    assert [message.text for message in clinic.stored] == ["hello", "does ice help?", "fever"]


async def test_a_button_carries_its_label_and_the_bubble_it_belongs_to(client, clinic):
    await post(client, {"tap": "greeting e:ice Does ice help?"})
    (message,) = clinic.stored
    assert (message.kind, message.action, message.text) == (Kind.BUTTON, "e:ice", "Does ice help?")
    assert message.message_id == "greeting"


async def test_a_draft_beside_a_tapped_button_is_not_lost(client):
    await post(client, {"text": "hello"})
    response = await post(client, {"tap": "greeting t All topics", "text": "my <b>draft"})
    assert response.status_code == 303
    response = await client.get("/")
    assert 'aria-describedby="hint" >my &lt;b&gt;draft</textarea>' in response.text


async def test_an_empty_form_comes_back_as_the_page(client, clinic):
    assert (await post(client, {"text": "  \r\n "})).status_code == 303
    assert clinic.stored == []


@pytest.mark.parametrize("trouble", ["is_down", "is_full"])
async def test_a_message_that_can_not_be_stored_comes_back_with_the_emergency_number(client, clinic, trouble):
    setattr(clinic, trouble, True)
    response = await post(client, {"text": "does ice help?"})
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    assert 'aria-describedby="problem hint" autofocus>does ice help?</textarea>' in response.text
    assert "In an emergency call 999." in response.text
    assert response.text.count("does ice help?</p>") == 0


async def test_a_warning_card_shows_although_nothing_can_be_stored(client, clinic):
    clinic.is_down = True
    response = await post(client, {"text": "numb down there"})
    assert "Emergency: call 999 now" in response.text


async def test_an_error_page_that_is_loaded_again_is_the_page(client):
    response = await client.get("/messages", headers={"accept": "text/html,*/*"})
    assert (response.status_code, response.headers["location"]) == (303, "./")


# With JavaScript


async def test_the_script_gets_the_reply_with_its_post(client, clinic):
    response = await post(client, {"text": "does ice help?", "id": "abcdef12"}, **SCRIPT)
    news = response.json()
    assert news["items"][0]["id"] == "abcdef12"
    assert [item["who"] for item in news["items"]] == ["you", "bot"]
    assert news["answered"]
    assert clinic.stored[0].update_id.endswith(".abcdef12")


async def test_a_message_sent_twice_is_stored_once_and_answered_both_times(client, clinic):
    first = (await post(client, {"text": "does ice help?", "id": "abcdef12"}, **SCRIPT)).json()
    again = (await post(client, {"text": "does ice help?", "id": "abcdef12"}, **SCRIPT)).json()
    assert again["items"] == first["items"]
    assert len(clinic.stored) == 1


async def test_two_patients_may_use_the_same_id(client, clinic):
    await post(client, {"text": "does ice help?", "id": "abcdef12"}, **SCRIPT)
    client.cookies.clear()
    await post(client, {"text": "does ice help?", "id": "abcdef12"}, **SCRIPT)
    assert len(clinic.stored) == 2


async def test_only_what_is_new_is_told(client):
    first = (await post(client, {"text": "does ice help?"}, **SCRIPT)).json()
    second = (await post(client, {"text": "fever", "after": first["cursor"]}, **SCRIPT)).json()
    assert len(second["items"]) == 2
    nothing = (await client.get("/messages", params={"after": second["cursor"]})).json()
    assert nothing["items"] == []


async def test_a_poll_waits_for_the_next_reply(client, clinic):
    first = (await post(client, {"text": "does ice help?"}, **SCRIPT)).json()
    poll = asyncio.create_task(client.get("/messages", params={"after": first["cursor"], "wait": "25"}))
    await asyncio.sleep(0.05)
    assert not poll.done()
    await clinic.say(clinic.stored[0].chat, CARD)
    (item,) = (await asyncio.wait_for(poll, 1)).json()["items"]
    assert "Emergency" in item["html"]


async def test_a_stop_ends_waiting_polls_at_once(client, clinic):
    first = (await post(client, {"text": "does ice help?"}, **SCRIPT)).json()
    poll = asyncio.create_task(client.get("/messages", params={"after": first["cursor"], "wait": "25"}))
    await asyncio.sleep(0.05)
    clinic.channel.close()
    response = await asyncio.wait_for(poll, 1)
    assert response.json()["items"] == []
    assert response.headers["connection"] == "close"


async def test_a_stranger_is_told_that_there_is_no_conversation(client):
    assert (await client.get("/messages", params={"wait": "25"})).json() == {
        "session": False,
        "items": [],
        "cursor": "",
    }


async def test_a_message_that_waited_in_the_browser_says_since_when(client, clinic):
    await post(client, {"text": "does ice help?", "age": "600"}, **SCRIPT)
    (message,) = clinic.stored
    assert message.is_late
    assert message.now - message.sent_at == timedelta(minutes=10)


async def test_a_message_known_from_before_a_restart_is_reported_as_lost(client, clinic, monkeypatch):
    monkeypatch.setattr("bot.channels.web.channel._SCRIPT_WAITS", 0.05)
    await post(client, {"text": "does ice help?", "id": "abcdef12"}, **SCRIPT)
    restarted = StandIn(known=clinic.known)
    transport = httpx.ASGITransport(create_app(restarted.channel))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1:8080", cookies=client.cookies
    ) as again:
        assert (await post(again, {"text": "does ice help?", "id": "abcdef12"}, **SCRIPT)).json()["lost"]
        assert not (await post(again, {"text": "does ice help?", "id": "abcdef13"}, **SCRIPT)).json()["lost"]
    restarted.channel.close()


# What is typed


@pytest.mark.parametrize(
    ("typed", "kind", "action", "text"),
    [
        ("/help", Kind.COMMAND, "help", ""),
        ("/START ice", Kind.COMMAND, "start", "ice"),
        ("/help i can't feel my legs", Kind.COMMAND, "help", "i can't feel my legs"),
        ("/cant feel my legs", Kind.TEXT, "", "/cant feel my legs"),
        ("/weather@other_bot", Kind.TEXT, "", "/weather@other_bot"),
        ("/ is that it", Kind.TEXT, "", "/ is that it"),
        ("1/2 hour of ice?", Kind.TEXT, "", "1/2 hour of ice?"),
        ("/usr/bin", Kind.TEXT, "", "/usr/bin"),
        ("  spaces\r\nand lines  ", Kind.TEXT, "", "spaces\nand lines"),
        ("\u200b", Kind.TEXT, "", "\u200b"),
        ("🙏" * 2_048, Kind.TEXT, "", "🙏" * 2_048),
    ],
)
async def test_commands_and_texts(client, clinic, typed, kind, action, text):
    await post(client, {"text": typed})
    (message,) = clinic.stored
    assert (message.kind, message.action, message.text) == (kind, action, text)


@pytest.mark.parametrize("text", ["x" * 4_097, "🙏" * 2_049, "x" * 200_000], ids=["4,097", "emoji", "huge"])
async def test_what_is_too_long_is_refused_in_words(client, clinic, text):
    response = await post(client, {"text": text}, **SCRIPT)
    assert response.status_code == 413
    assert "4,096 characters" in response.json()["error"]
    assert clinic.stored == []


@pytest.mark.parametrize("body", [b"\xff\xfe=1", b"text=%ff%fe", b"a&" * 100, b"\x00" * 50])
async def test_what_is_no_form_is_no_error_of_ours(client, clinic, body):
    response = await client.post("/messages", content=body, headers=SCRIPT)
    assert response.status_code in (200, 400)
    assert clinic.stored == []


@pytest.mark.parametrize("value", ["greeting", "greeting e:ice", "x", " ", "<b> <i> <u>"])
async def test_a_made_up_button_does_no_harm(client, value):
    assert (await post(client, {"tap": value}, **SCRIPT)).status_code == 200


async def test_html_is_escaped(client):
    response = await post(client, {"text": '<script>alert(1)</script> & "quotes"'})
    assert "<script>alert" not in response.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;quotes&quot;" in response.text


# Who asks


async def test_the_cookie_is_the_browsers_alone_and_the_chat_id_does_not_tell_it(client, clinic):
    cookie = (await post(client, {"text": "hello"})).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Max-Age" not in cookie
    assert client.cookies["chat"] not in clinic.stored[0].chat
    await post(client, {"text": "does ice help?"})
    assert len({message.chat for message in clinic.stored}) == 1


async def test_the_cookie_is_marked_secure_on_https(clinic):
    transport = httpx.ASGITransport(create_app(clinic.channel))
    async with httpx.AsyncClient(transport=transport, base_url="https://chat.clinic.example") as client:
        assert "Secure" in (await post(client, {"text": "hello"})).headers["set-cookie"]
    clinic.channel.close()


async def test_a_made_up_cookie_opens_no_chat(client):
    response = await post(client, {"text": "hello"}, cookie="chat=guess")
    assert "chat=" in response.headers["set-cookie"]
    assert "chat=guess" not in response.headers["set-cookie"]


ORIGIN = {"origin": "https://chat.clinic.example"}


@pytest.mark.parametrize(
    ("headers", "is_own"),
    [
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site", "x-requested-with": "chat"}, False),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "https://evil.example", "x-forwarded-host": "chat.clinic.example"}, False),
        ({"origin": "null"}, False),
        ({"sec-fetch-site": "same-origin", "origin": "https://behind-a-proxy.example"}, True),
        ({"origin": "http://127.0.0.1:8080"}, True),
        ({}, True),
        # what nginx (its own default and with Host passed on), Caddy and HAProxy make of a browser that says no more
        (ORIGIN | {"x-requested-with": "chat"}, True),
        (ORIGIN | {"host": "chat.clinic.example"}, True),
        (ORIGIN | {"x-forwarded-host": "chat.clinic.example", "x-forwarded-proto": "https"}, True),
        (ORIGIN | {"x-forwarded-host": "cdn.example, chat.clinic.example"}, True),
    ],
)
async def test_other_sites_can_not_speak_in_a_patients_name_but_are_heard_and_answered(client, clinic, headers, is_own):
    await post(client, {"text": "hello"}, **SCRIPT)
    cookie = client.cookies["chat"]
    response = await post(client, {"text": "numb down there"}, **SCRIPT, **headers)
    assert response.status_code == 200
    assert "Emergency: call 999 now" in response.json()["items"][-1]["html"]
    hello, heard = clinic.stored
    assert (heard.chat == hello.chat) == is_own
    assert client.cookies["chat"] == cookie
    assert "set-cookie" not in response.headers


async def test_another_sites_form_shows_the_card_and_leaves_no_cookie(client):
    response = await post(client, {"text": "numb down there"}, origin="https://evil.example")
    assert response.status_code == 200
    assert "Emergency: call 999 now" in response.text
    assert "set-cookie" not in response.headers
    assert re.search(r'name="key" value="(.*?)"', response.text)[1] == ""


async def test_the_plain_form_proves_by_its_key_that_it_is_this_browsers_page(client, clinic):
    await post(client, {"text": "hello"})
    key = re.search(r'name="key" value="(\w{32})"', (await client.get("/")).text)[1]
    await post(client, {"text": "numb", "key": key}, **ORIGIN)
    await post(client, {"text": "numb", "key": "x" * 32}, **ORIGIN)
    await post(client, {"text": "numb", "key": "é"}, **ORIGIN)
    first, own, *others = (message.chat for message in clinic.stored)
    assert own == first
    assert len({first, *others}) == 3


async def test_a_proxy_need_not_say_that_it_speaks_https(client):
    response = await post(client, {"text": "hello"}, **ORIGIN, **{"x-requested-with": "chat"})
    assert "Secure" in response.headers["set-cookie"]


# What is kept


async def test_forget_erases_what_memory_holds(client):
    await post(client, {"text": "does ice help?"})
    await post(client, {"text": "/forget"})
    html = (await client.get("/")).text
    assert "Erased: everything." in html
    assert "does ice help?" not in html
    assert "does ice help?" not in (await client.get("/transcript.txt")).text


async def test_the_conversation_can_be_kept_as_text(client):
    await post(client, {"text": "does ice help?"})
    response = await client.get("/transcript.txt")
    assert response.headers["content-disposition"] == 'attachment; filename="chat.txt"'
    assert "You: does ice help?\n\nAssistant: Yes, ice can ease" in response.text
    assert "• Wrap it in a towel." in response.text


async def test_a_conversation_is_gone_after_its_time():
    transcripts = Transcripts(kept_seconds=0.05)
    transcripts.open("a").ask(Asked(id="1", text="hello", at=NOON))
    await asyncio.sleep(0.03)
    transcripts.open("b")
    await asyncio.sleep(1.1)
    assert len(transcripts) == 0
    transcripts.close()


async def test_memory_stays_within_its_bound(monkeypatch):
    monkeypatch.setattr("bot.channels.web.transcript.MAX_WEIGHT", 10_000)
    transcripts = Transcripts()
    for number in range(50):
        transcripts.open(str(number)).ask(Asked(id="1", text="x" * 1_000, at=NOON))
    assert len(transcripts) <= 8
    assert transcripts.find("49")
    transcripts.close()


async def test_a_long_conversation_drops_its_beginning():
    transcript = Transcript()
    for number in range(MAX_BUBBLES + 5):
        transcript.ask(Asked(id=str(number), text="hello", at=NOON))
    assert len(list(transcript)) == MAX_BUBBLES
    assert transcript.find("4") is None
    assert transcript.weight == sum(bubble.weight for bubble in transcript)


def _outgoing(number: int, reply: Reply | None, **more: str) -> Outgoing:
    return Outgoing(id=number, channel="web", chat="a", reply=reply, answers="a.1", **more)


async def test_a_reply_that_is_sent_twice_is_shown_once():
    transcript = Transcript()
    for _ in range(2):
        transcript.receive(_outgoing(7, ICE), "1", NOON)
    assert len(list(transcript)) == 1


async def test_a_card_from_memory_gives_way_to_the_stored_one():
    transcript = Transcript()
    transcript.receive(_outgoing(0, CARD), "1", NOON)
    transcript.receive(_outgoing(7, CARD), "1", NOON)
    assert len(list(transcript)) == 1


async def test_a_cursor_of_another_run_shows_everything():
    transcript = Transcript()
    transcript.receive(_outgoing(7, ICE), "1", NOON)
    assert len(transcript.since("otherrun.99")) == 1
    assert len(transcript.since("")) == 1
    assert transcript.since(transcript.cursor) == []


async def test_a_menu_whose_bubble_is_gone_is_shown_anew():
    transcript = Transcript()
    menu = Reply((paragraph("What is it about?"),), replaces=True)
    transcript.receive(_outgoing(7, menu, message_id="gone"), "1", NOON)
    assert [bubble.plain for bubble in transcript] == ["What is it about?"]


# Rendering


def _html(*blocks: Block, buttons: tuple[tuple[Button, ...], ...] = ()) -> str:
    return render(Bubble(id="b", who=Who.BOT, at=NOON, reply=Reply(blocks, buttons)))


def test_each_kind_of_block_has_its_element():
    html = _html(*CARD.blocks, *ICE.blocks)
    assert "<h2>Emergency: call 999 now" in html
    assert '<p class="number"><a href="tel:999">999</a></p>' in html
    assert "<ul><li>Wrap it in a towel.</li><li>Ten minutes are enough.</li></ul>" in html
    assert '<p class="small">General information, not a diagnosis.</p>' in html


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("Call +44 20 7946 0123.", '<a href="tel:+442079460123">+44 20 7946 0123</a>.'),
        ("In an emergency call 999 now.", 'call <a href="tel:999">999</a> now.'),
        ("Book: https://example.com/book?a=1&b=2.", '<a href="https://example.com/book?a=1&amp;b=2" rel="noopener">'),
    ],
)
def test_numbers_and_addresses_in_a_text_are_links(text, link):
    assert link in _html(paragraph(text))


@pytest.mark.parametrize(
    "text",
    [
        "in 2 to 4 weeks",
        "on 24-12 at 18:00",
        "javascript:alert(1)",
        "3-4 times, 10-15 minutes",
        "call 2 friends",
        "call 100 000 people",
    ],
)
def test_other_figures_are_not(text):
    assert "<a" not in _html(paragraph(text))


@pytest.mark.parametrize(
    ("number", "html"),
    [
        ("999", '<a href="tel:999">999</a>'),
        ("116 123 (Samaritans)", '<a href="tel:116123">116 123</a> (Samaritans)'),
        ("988 (call or text)", '<a href="tel:988">988</a> (call or text)'),
        ("your local emergency number", "your local emergency number"),
        ("<b>", "&lt;b&gt;"),
    ],
)
def test_a_number_dials(number, html):
    assert link_number(number) == html


def test_a_label_is_escaped_in_its_button():
    html = _html(paragraph("x"), buttons=((Button('"><script>', "e:ice"),),))
    assert "<script>" not in html
    assert 'value="b e:ice &quot;&gt;&lt;script&gt;"' in html


def test_an_ordinary_reply_is_no_card():
    html = render(Bubble(id="b", who=Who.BOT, at=NOON, reply=FALLBACK))
    assert 'class="turn bot"' in html
    assert "banner" not in html
    assert "banner" not in _html(Block(BlockKind.HEADING, "Reminder"))
