"""The chat page with JavaScript, in Chromium: sending, failing, keeping, speaking."""

import re

import pytest
from chat_page import CARD, FALLBACK
from playwright.sync_api import Page, expect

from bot.assistant.conversation import Kind

pytestmark = pytest.mark.browser


def ask(page: Page, text: str) -> None:
    page.fill("#message", text)
    page.press("#message", "Enter")


def test_enter_sends_and_the_answer_follows_the_question(page, clinic):
    ask(page, "does ice help?")
    expect(page.locator("#chat > .turn")).to_have_count(3)
    turns = page.locator("#chat > .turn .bubble")
    expect(turns.nth(1)).to_have_text("does ice help?")
    expect(turns.nth(2)).to_contain_text("Yes, ice can ease")
    expect(page.locator("#message")).to_have_value("")
    assert [message.text for message in clinic.stand_in.stored] == ["does ice help?"]


def test_shift_enter_makes_a_new_line(page, clinic):
    page.fill("#message", "echo one")
    page.press("#message", "Shift+Enter")
    page.keyboard.type("two")
    page.press("#message", "Enter")
    expect(page.locator(".turn.bot").last).to_contain_text("one")
    assert clinic.stand_in.stored[0].text == "echo one\ntwo"


@pytest.mark.parametrize(
    "key",
    [{"isComposing": True, "keyCode": 229}, {"keyCode": 229}, {"isComposing": True, "keyCode": 13}],
    ids=["Chrome, Firefox", "Safari", "others"],
)
def test_enter_that_ends_a_composition_does_not_send(page, clinic, key):
    page.fill("#message", "腰が痛い")
    page.locator("#message").evaluate(
        """(box, key) => {
            box.dispatchEvent(new CompositionEvent("compositionend", { data: box.value }));
            box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true, ...key }));
        }""",
        key,
    )
    expect(page.locator("#message")).to_have_value("腰が痛い")
    assert clinic.stand_in.stored == []
    page.press("#message", "Enter")
    expect(page.locator("#message")).to_have_value("")


def test_an_empty_message_is_not_sent(page, clinic):
    page.fill("#message", "  \n ")
    page.press("#message", "Enter")
    page.click("#send")
    expect(page.locator("#chat > .turn")).to_have_count(1)
    assert clinic.stand_in.stored == []


def test_focus_stays_in_the_input_when_sending_and_when_tapping(page):
    ask(page, "does ice help?")
    expect(page.locator("text=Wrap it in a towel.")).to_be_visible()
    expect(page.locator("#message")).to_be_focused()
    page.click("text=👍 Helped me")
    expect(page.locator(".status")).to_have_text("Thank you, noted.")
    expect(page.locator("#message")).to_be_focused()
    page.fill("#message", "fever")
    page.click("#send")
    expect(page.locator(".urgent")).to_be_visible()
    expect(page.locator("#message")).to_be_focused()


def test_everything_can_be_done_with_the_keyboard_alone(page, clinic):
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("summary")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("text=Topics").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#message")).to_be_focused()
    expect(page.locator(".turn.bot").last).to_contain_text("What is it about?")
    page.keyboard.press("Shift+Tab")
    expect(page.locator("text=Relief at home")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".turn.bot").last.locator("text=Does ice help?")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".turn.bot").last).to_contain_text("Wrap it in a towel.")
    kinds = [(message.kind, message.action) for message in clinic.stand_in.stored]
    assert kinds == [(Kind.COMMAND, "topics"), (Kind.BUTTON, "t:relief"), (Kind.BUTTON, "m:ice")]


def test_escape_closes_the_menu_and_returns_to_it(page):
    page.click("summary")
    page.keyboard.press("Escape")
    expect(page.locator(".menu ul")).to_be_hidden()
    expect(page.locator("summary")).to_be_focused()


def test_a_menu_is_edited_in_place_and_stays_one_bubble(page):
    ask(page, "/topics")
    expect(page.locator(".turn")).to_have_count(3)
    page.click("text=Relief at home")
    expect(page.locator("text=Back to all topics")).to_be_visible()
    page.click("text=Back to all topics")
    expect(page.locator("text=Relief at home")).to_be_visible()
    expect(page.locator(".turn")).to_have_count(3)


def test_a_tapped_question_shows_as_what_the_patient_said(page):
    page.click("text=Does ice help?")
    expect(page.locator(".turn")).to_have_count(3)
    expect(page.locator(".turn.you")).to_contain_text("Does ice help?")


def test_thumbs_down_carries_the_question_back(page, clinic):
    ask(page, "does ice help?")
    page.click("text=👎 Not my question")
    expect(page.locator(".status")).to_have_text("Thank you, noted.")
    assert clinic.stand_in.stored[-1].text == "does ice help?"


def test_thumbs_down_carries_the_question_after_a_restart_too(page, clinic):
    ask(page, "does ice help?")
    expect(page.locator("text=Wrap it in a towel.")).to_be_visible()
    clinic.restart_empty()
    page.click("text=👎 Not my question")
    expect(page.locator(".turn.note")).to_have_text("Thank you, noted.")
    assert clinic.stand_in.stored[-1].text == "does ice help?"


def test_the_speaker_is_named_once_per_burst(page, clinic):
    ask(page, "does ice help?")
    expect(page.locator(".turn")).to_have_count(3)
    chat = clinic.stand_in.stored[0].chat
    clinic.call(clinic.stand_in.say(chat, FALLBACK))
    expect(page.locator(".turn")).to_have_count(4)
    named = [turn.locator(".who").count() for turn in page.locator(".turn").all()]
    assert named == [1, 1, 1, 0]


def test_what_the_clinic_says_later_arrives_by_itself(page, clinic):
    ask(page, "does ice help?")
    expect(page.locator(".turn")).to_have_count(3)
    clinic.call(clinic.stand_in.say(clinic.stand_in.stored[0].chat, CARD))
    expect(page.locator(".emergency")).to_be_in_viewport()


LISTEN = """() => {
  window.spoken = [];
  const log = document.getElementById("log");
  new MutationObserver((changes) => {
    if (log.getAttribute("aria-live") === "off") return;
    for (const change of changes) for (const node of change.addedNodes) window.spoken.push(node.textContent.trim());
  }).observe(log, { childList: true, subtree: true, characterData: true });
}"""


def test_each_message_is_spoken_once_and_in_order(page, clinic):
    """A screen reader speaks what is added to the log; nothing else may be added, and nothing drawn again."""
    page.wait_for_timeout(600)
    page.evaluate(LISTEN)
    page.fill("#message", "echo first\n+44 20 7946 0123 & 'more'")
    page.press("#message", "Enter")
    expect(page.locator(".turn")).to_have_count(3)
    ask(page, "echo second")
    expect(page.locator(".turn")).to_have_count(5)
    clinic.call(clinic.stand_in.say(clinic.stand_in.stored[0].chat, FALLBACK))
    expect(page.locator(".turn")).to_have_count(6)
    page.wait_for_timeout(300)
    spoken = page.evaluate("window.spoken")
    assert [re.sub(r"\s+", " ", words) for words in spoken] == [
        "You said:echo first +44 20 7946 0123 & 'more'",
        "The assistant said:first+44 20 7946 0123 & 'more'",
        "You said:echo second",
        "The assistant said:second",
        "I do not have an answer to that. In an emergency call 999.All topics",
    ]


def test_no_live_region_stands_in_another(page):
    ask(page, "does ice help?")
    expect(page.locator(".turn")).to_have_count(3)
    page.fill("#message", "x" * 5_000)
    page.press("#message", "Enter")
    live = "[aria-live], [role=log], [role=status], [role=alert], [role=timer], output"
    assert [one.get_attribute("role") for one in page.locator(live).all()] == ["log", "alert"]
    assert page.locator(f":is({live}) :is({live})").count() == 0
    expect(page.get_by_role("log", name="Conversation").get_by_role("list").first).to_be_visible()


def test_what_was_said_is_not_spoken_again_after_a_reload(page):
    ask(page, "does ice help?")
    expect(page.locator(".turn")).to_have_count(3)
    page.reload()
    page.wait_for_timeout(600)
    expect(page.locator(".turn")).to_have_count(3)
    page.evaluate(LISTEN)
    page.wait_for_timeout(500)
    assert page.evaluate("window.spoken") == []


def test_a_draft_survives_a_reload(page):
    page.fill("#message", "half a ques")
    page.reload()
    expect(page.locator("#message")).to_have_value("half a ques")


def test_offline_says_so_keeps_the_text_and_sends_it_later_once(page, context, clinic):
    context.set_offline(True)
    ask(page, "does ice help?")
    expect(page.locator(".turn.you .status")).to_contain_text("Not sent. Trying again…")
    expect(page.locator(".turn.you .status")).to_contain_text("In an emergency call 999.")
    expect(page.locator(".turn.you .bubble")).to_have_text("does ice help?")
    context.set_offline(False)
    expect(page.locator("text=Wrap it in a towel.")).to_be_visible()
    expect(page.locator(".status")).to_have_count(0)
    assert len(clinic.stand_in.stored) == 1


def test_a_patient_need_not_wait_for_the_next_try(page):
    page.route("**/messages", lambda route: route.abort() if route.request.method == "POST" else route.continue_())
    ask(page, "does ice help?")
    page.wait_for_timeout(3_500)  # the next try by itself is 4 seconds away
    page.unroute("**/messages")
    page.click("text=Try again now")
    expect(page.locator("text=Wrap it in a towel.")).to_be_visible(timeout=1_500)
    expect(page.locator("#message")).to_be_focused()


def test_what_could_not_be_sent_survives_a_reload(page, clinic):
    page.route("**/messages", lambda route: route.abort() if route.request.method == "POST" else route.continue_())
    ask(page, "does ice help?")
    expect(page.locator(".turn.you .status")).to_contain_text("Not sent")
    page.reload()
    expect(page.locator(".turn.you .bubble")).to_have_text("does ice help?")
    page.unroute("**/messages")
    expect(page.locator("text=Wrap it in a towel.")).to_be_visible()
    assert len(clinic.stand_in.stored) == 1


def test_an_answer_that_got_lost_on_the_way_comes_with_the_next_try(page, clinic):
    """The message was stored, the connection broke before the answer: it is sent again with its id, and stored once."""
    tries = []

    def drop_first_answer(route):
        tries.append(route.request.post_data)
        if len(tries) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route(
        "**/messages", lambda route: drop_first_answer(route) if route.request.method == "POST" else route.continue_()
    )
    ask(page, "does ice help?")
    expect(page.locator("text=Wrap it in a towel.")).to_be_visible()
    expect(page.locator(".turn")).to_have_count(3)
    assert len(clinic.stand_in.stored) == 1


def test_a_message_answered_before_a_crash_is_asked_again(page, clinic):
    """Its answer went down with the memory of the old run; silence would be the worst answer."""
    sent = []

    def lose(route):
        sent.append(route.request.post_data)
        if len(sent) == 1:
            route.fetch()
            clinic.restart_empty()
            route.abort()
        else:
            route.continue_()

    page.route("**/messages", lambda route: lose(route) if route.request.method == "POST" else route.continue_())
    ask(page, "does ice help?")
    expect(page.locator("text=Wrap it in a towel.")).to_be_visible(timeout=15_000)
    expect(page.locator(".turn.you")).to_have_count(1)
    page.reload()
    expect(page.locator(".turn")).to_have_count(3)


def test_a_conversation_survives_a_restart_of_the_service(page, clinic):
    ask(page, "echo before")
    expect(page.locator(".turn")).to_have_count(3)
    clinic.restart_empty()
    page.reload()
    expect(page.locator(".turn .bubble").nth(1)).to_have_text("echo before")
    ask(page, "echo after")
    expect(page.locator(".turn .bubble").last).to_have_text("after")
    expect(page.locator(".turn")).to_have_count(5)


def test_a_message_that_can_not_be_stored_is_tried_again(page, clinic):
    clinic.stand_in.is_down = True
    ask(page, "does ice help?")
    expect(page.locator(".turn.you .status")).to_contain_text("Not sent")
    clinic.stand_in.is_down = False
    expect(page.locator("text=Wrap it in a towel.")).to_be_visible()


def test_a_card_shows_even_while_nothing_can_be_stored_and_only_once(page, clinic):
    clinic.stand_in.is_down = True
    ask(page, "i am numb down there")
    expect(page.locator(".emergency")).to_be_visible()
    clinic.stand_in.is_down = False
    page.wait_for_timeout(2_500)
    expect(page.locator(".emergency")).to_have_count(1)
    assert len(clinic.stand_in.stored) == 1


def test_a_late_answer_is_announced_as_awaited_and_comes(page, clinic):
    clinic.stand_in.is_silent = True
    ask(page, "does ice help?")
    expect(page.locator(".turn.you .status")).to_have_text("Waiting for the answer…")
    clinic.call(clinic.stand_in.answer_late(clinic.stand_in.stored[0]))
    expect(page.locator("text=Wrap it in a towel.")).to_be_visible()
    expect(page.locator(".status")).to_have_count(0)


def test_a_message_that_is_too_long_stays_in_the_box(page, clinic):
    page.fill("#message", "x" * 4_100)
    page.press("#message", "Enter")
    expect(page.locator(".problem")).to_contain_text("4 characters too long")
    expect(page.locator("#message")).to_have_value("x" * 4_100)
    page.fill("#message", "does ice help?")
    expect(page.locator(".problem")).to_have_count(0)
    assert clinic.stand_in.stored == []


def test_forget_empties_the_page_and_what_the_browser_keeps(page):
    ask(page, "does ice help?")
    expect(page.locator(".turn")).to_have_count(3)
    ask(page, "/forget")
    expect(page.locator(".turn .bubble").last).to_have_text("Erased: everything.")
    expect(page.locator(".turn")).to_have_count(2)
    assert "ice help" not in page.evaluate("JSON.stringify([{ ...sessionStorage }, { ...localStorage }])")
    page.reload()
    expect(page.locator(".turn")).to_have_count(2)


def test_two_windows_of_one_chat_show_the_same(page, context, clinic):
    ask(page, "echo one")
    expect(page.locator(".turn")).to_have_count(3)
    second = context.new_page()
    second.goto(clinic.url)
    expect(second.locator(".turn")).to_have_count(3)
    ask(second, "echo two")
    expect(page.locator(".turn .bubble").last).to_have_text("two")
    expect(page.locator(".turn")).to_have_count(5)


def test_a_visitor_who_follows_a_link_finds_the_conversation(page, context, clinic):
    """The cookie is not sent along from another site (SameSite=Strict), but the page then asks for the conversation."""
    ask(page, "echo one")
    expect(page.locator(".turn")).to_have_count(3)
    elsewhere = context.new_page()
    elsewhere.route(
        "https://clinic.example/",
        lambda route: route.fulfill(body=f"<a href='{clinic.url}'>Chat</a>", content_type="text/html"),
    )
    elsewhere.goto("https://clinic.example/")
    elsewhere.click("text=Chat")
    expect(elsewhere.locator(".turn")).to_have_count(3)


def test_the_chat_can_be_saved_as_text(page):
    ask(page, "does ice help?")
    expect(page.locator(".turn")).to_have_count(3)
    page.click("summary")
    with page.expect_download() as download:
        page.click("text=Save chat")
    saved = download.value.path().read_text()
    assert download.value.suggested_filename == "chat.txt"
    assert "You: does ice help?\n\nAssistant: Yes, ice can ease" in saved


def test_html_is_shown_and_not_run(page):
    ask(page, "echo <img src=x onerror=alert(1)><b>bold</b>")
    expect(page.locator(".turn .bubble").last).to_have_text("<img src=x onerror=alert(1)><b>bold</b>")
    page.reload()
    expect(page.locator(".turn.you .bubble")).to_contain_text("<b>bold</b>")
    assert page.locator(".bubble img, .bubble b").count() == 0


def test_an_answer_is_read_from_its_beginning(page):
    ask(page, "echo " + "a long answer. " * 200)
    expect(page.locator(".turn")).to_have_count(3)
    page.wait_for_timeout(200)
    box = page.locator(".turn").last.bounding_box()
    assert 0 <= box["y"] < 500
