"""Takes the README's picture of a conversation: start the bot without a token, then

python tests/browser/picture.py http://127.0.0.1:8080/ docs/pictures/conversation.png
"""

import shutil
import sys

from playwright.sync_api import sync_playwright

QUESTIONS = ("back locked up, cant move lol. does ice help?", "now its gone numb between my legs")


def take(address: str, path: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(
            viewport={"width": 800, "height": 1400}, reduced_motion="reduce", color_scheme="light", locale="en-GB"
        )
        page.goto(address)
        for number, question in enumerate(QUESTIONS, 1):
            page.fill("#message", question)
            page.press("#message", "Enter")
            page.locator("#chat > .turn").nth(2 * number).wait_for()
        page.locator("#chat > .turn").nth(1).scroll_into_view_if_needed()
        page.evaluate("scrollTo(0, document.querySelectorAll('#chat > .turn')[1].offsetTop - 80)")
        page.evaluate("document.activeElement.blur()")
        page.wait_for_timeout(300)
        page.screenshot(path=path)
        browser.close()


if __name__ == "__main__":
    take(*sys.argv[1:])
