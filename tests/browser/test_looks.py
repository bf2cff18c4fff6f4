"""How the chat page looks and fits: accessibility rules, small windows, colour schemes, cards, print, no script."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844}
WINDOWS = {
    "phone, light": {"viewport": PHONE, "color_scheme": "light"},
    "phone, dark": {"viewport": PHONE, "color_scheme": "dark"},
    "desk, light": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"},
    "320 px, light": {"viewport": {"width": 320, "height": 640}, "color_scheme": "light"},
    "320 px, dark": {"viewport": {"width": 320, "height": 640}, "color_scheme": "dark"},
    # 1280 × 1024 at 400 % is a window of 320 × 256 CSS pixels.
    "400 %": {"viewport": {"width": 320, "height": 256}, "device_scale_factor": 4},
    "forced colours": {"viewport": PHONE, "forced_colors": "active"},
}


def converse(page: Page) -> None:
    """A conversation with everything in it: answers, menu, both cards, a note, a message that waits to be sent."""
    for number, text in enumerate(["does ice help?", "/topics", "i am numb down there", "fever and " + "w" * 90], 1):
        page.fill("#message", text)
        page.press("#message", "Enter")
        expect(page.locator("#chat > .turn")).to_have_count(1 + 2 * number)
    page.click("text=👍 Helped me")
    expect(page.locator(".status")).to_have_count(1)


def set_menu(page: Page, *, is_open: bool) -> None:
    page.locator(".menu").evaluate("(menu, isOpen) => { menu.open = isOpen; }", is_open)


def violations(page: Page) -> list[str]:
    found = Axe().run(
        page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
    )
    return [f"{one['id']}: {node['html'][:120]}" for one in found.response["violations"] for node in one["nodes"]]


@pytest.fixture(scope="module", params=WINDOWS.values(), ids=WINDOWS.keys())
def full(request, browser, server) -> Iterator[Page]:
    """The page with a whole conversation, in each window; the tests only look at it."""
    context = browser.new_context(reduced_motion="reduce", **request.param)
    page = context.new_page()
    page.goto(server.url)
    converse(page)
    yield page
    context.close()


@pytest.mark.parametrize("is_open", [False, True], ids=["menu closed", "menu open"])
def test_axe_finds_nothing(full, is_open):
    set_menu(full, is_open=is_open)
    assert violations(full) == []


def test_nothing_is_cut_or_needs_scrolling_sideways(full):
    set_menu(full, is_open=True)
    assert full.evaluate("document.documentElement.scrollWidth <= innerWidth")
    outside = full.evaluate("""[...document.querySelectorAll("main *, header *")].filter((one) => {
      const box = one.getBoundingClientRect();
      return box.width > 1 && (box.left < 0 || box.right > innerWidth + 1);
    }).map((one) => one.outerHTML.slice(0, 100))""")
    assert outside == []


def test_what_is_tapped_is_large_enough_for_a_thumb(full):
    set_menu(full, is_open=True)
    small = full.evaluate("""[...document.querySelectorAll("button, summary, textarea, .menu a, .number a")]
      .map((one) => [one.textContent, one.getBoundingClientRect().height, one.getBoundingClientRect().width])
      .filter(([, height, width]) => height && (height < 44 || width < 44))""")
    assert small == []


def test_in_a_short_window_nothing_covers_the_text(full):
    positions = """["header", "#composer"].map((one) => getComputedStyle(document.querySelector(one)).position)"""
    is_short = full.viewport_size["height"] < 480
    assert full.evaluate(positions) == (["static"] * 2 if is_short else ["sticky"] * 2)


def test_an_emergency_takes_the_eye_and_dials(page):
    page.fill("#message", "i am numb down there")
    page.press("#message", "Enter")
    card = page.locator(".emergency")
    expect(card.get_by_role("heading")).to_contain_text("Emergency: call 999 now")
    expect(card.get_by_role("heading")).to_be_in_viewport(ratio=1)
    expect(card.locator(".number a")).to_be_in_viewport(ratio=1)
    expect(card.locator(".number a")).to_have_attribute("href", "tel:999")


def test_the_levels_differ_in_words_and_in_colour(page):
    converse(page)
    look = "(one) => [one.textContent.split(/[:,]/)[0], getComputedStyle(one).backgroundColor]"
    emergency = page.locator(".emergency .banner").evaluate(look)
    urgent = page.locator(".urgent .banner").evaluate(look)
    assert (emergency[0], urgent[0]) == ("Emergency", "Urgent")
    assert emergency[1] != urgent[1]


@pytest.mark.parametrize("window", [{"reduced_motion": "no-preference"}, {"reduced_motion": "reduce"}], indirect=True)
def test_nothing_moves_for_those_who_asked_for_calm(page, window):
    page.fill("#message", "does ice help?")
    page.press("#message", "Enter")
    expect(page.locator("#chat > .turn")).to_have_count(3)
    animation = page.locator(".turn").last.evaluate("(one) => getComputedStyle(one).animationName")
    assert (animation == "none") == (window["reduced_motion"] == "reduce")


def test_print_shows_the_conversation_and_no_controls(page):
    converse(page)
    page.emulate_media(media="print")
    expect(page.locator("#composer")).to_be_hidden()
    expect(page.locator(".buttons").first).to_be_hidden()
    expect(page.locator(".who").first).to_be_visible()


@pytest.mark.parametrize("window", [{"java_script_enabled": False}], indirect=True)
def test_without_javascript_it_is_an_ordinary_form(page, clinic):
    page.fill("#message", "does ice help?")
    page.click("#send")
    expect(page.locator("#chat > .turn")).to_have_count(2)
    page.click("text=👎 Not my question")
    expect(page.locator(".status")).to_have_text("Thank you, noted.")
    page.fill("#message", "my unfinished question")
    page.click("text=All topics")
    expect(page.locator("#message")).to_have_value("my unfinished question")
    expect(page.locator("#chat > .turn")).to_have_count(5)
    page.click("text=Relief at home")
    expect(page.locator("text=Back to all topics")).to_be_visible()
    expect(page.locator("#chat > .turn")).to_have_count(5)
    page.fill("#message", "i am numb down there")
    page.click("#send")
    expect(page.locator(".emergency .number a")).to_be_in_viewport(ratio=1)
    assert [message.text for message in clinic.stand_in.stored] == [
        "does ice help?", "does ice help?", "All topics", "Relief at home", "i am numb down there",
    ]  # fmt: skip


@pytest.mark.parametrize("window", [{"java_script_enabled": False}], indirect=True)
def test_without_javascript_a_first_message_s_card_is_seen_at_once(page):
    page.fill("#message", "i am numb down there")
    page.click("#send")
    expect(page.locator(".emergency .banner")).to_be_in_viewport(ratio=1)
    expect(page.locator(".emergency .number a")).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("window", [{"java_script_enabled": False}], indirect=True)
def test_without_javascript_a_failure_keeps_the_text(page, clinic):
    clinic.stand_in.is_down = True
    page.fill("#message", "does ice help?")
    page.click("#send")
    expect(page.locator(".problem")).to_contain_text("did not get through")
    expect(page.locator("#message")).to_have_value("does ice help?")
    clinic.stand_in.is_down = False
    page.click("#send")
    expect(page.locator("text=Wrap it in a towel.")).to_be_visible()


@pytest.mark.parametrize("window", [{"java_script_enabled": False}], indirect=True)
def test_axe_finds_nothing_without_javascript_either(page, browser, clinic):
    """axe is itself a script, so the page is drawn without one and looked at with one."""
    page.fill("#message", "i am numb down there")
    page.click("#send")
    expect(page.locator(".emergency")).to_be_visible()
    html = page.content().replace('type="module"', 'type="text/plain"')
    other = browser.new_page()
    other.route(clinic.url, lambda route: route.fulfill(body=html, content_type="text/html"))
    other.goto(clinic.url)
    assert violations(other) == []
    other.close()
