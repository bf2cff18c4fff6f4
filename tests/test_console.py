"""The chat in a terminal."""

import io

import pytest
from chat_page import CARD, FALLBACK, FORGOTTEN, GREETING, ICE, NOON, TOPICS

from bot.assistant.conversation import Conversation, Kind, Message, Outcome, Reply, Turn
from bot.channels.console import Console, chat


class Assistant:
    """Answers a few things and notes what it was asked."""

    def __init__(self) -> None:
        self.heard: list[Message] = []

    def reply(self, message: Message, conversation: Conversation) -> Turn:
        self.heard.append(message)
        known = Conversation(misses=conversation.misses + 1)
        if message.action.startswith("f:+"):
            return Turn(Outcome.FEEDBACK, None, known, toast="Thank you, noted.")
        replies: dict[str, Reply] = {
            "start": GREETING, "forget": FORGOTTEN, "t": TOPICS, "e:ice": ICE, "ice": ICE, "numb": CARD,
        }  # fmt: skip
        return Turn(Outcome.ANSWER, replies.get(message.action or message.text, FALLBACK), known)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def said(*lines: str) -> tuple[str, list[Message]]:
    assistant, out = Assistant(), io.StringIO()
    chat(assistant, io.StringIO("".join(f"{line}\n" for line in lines)), out)
    return out.getvalue(), assistant.heard


def test_it_greets_and_offers_choices_by_number():
    out, heard = said()
    assert out.startswith("Hello. I answer questions")
    assert "   1  Does ice help?\n   2  All topics\n" in out
    assert [message.action for message in heard] == ["start"]


def test_piped_input_is_repeated_so_the_chat_can_be_read_afterwards():
    out, _ = said("ice")
    assert "You: ice\n\nYes, ice can ease" in out
    assert "\033" not in out


def test_a_number_on_offer_is_a_tapped_button_and_any_other_a_text():
    _, heard = said("1", "77")
    assert (heard[1].kind, heard[1].action, heard[1].text) == (Kind.BUTTON, "e:ice", "Does ice help?")
    assert (heard[2].kind, heard[2].text) == (Kind.TEXT, "77")


def test_thumbs_down_carries_the_question():
    _, heard = said("ice", "2")
    assert (heard[2].action, heard[2].text) == ("f:-:ice", "ice")


def test_a_toast_is_shown_and_the_choices_stay():
    out, heard = said("ice", "1", "3")
    assert "Thank you, noted." in out
    assert heard[3].action == "e:heat"


def test_commands_carry_what_follows_them():
    _, heard = said("/HELP my legs are numb")
    assert (heard[1].kind, heard[1].action, heard[1].text) == (Kind.COMMAND, "help", "my legs are numb")


@pytest.mark.parametrize("typed", ["/forget!", " /Forget ", "/FORGET."])
def test_a_command_may_end_like_a_sentence(typed):
    _, heard = said(typed)
    assert (heard[1].kind, heard[1].action, heard[1].text) == (Kind.COMMAND, "forget", "")


@pytest.mark.parametrize("typed", ["/cant feel my legs", "/ does ice help", "/help-me", "/weather"])
def test_a_slash_before_anything_else_is_a_slip_of_the_thumb(typed):
    _, heard = said(typed)
    assert (heard[1].kind, heard[1].text) == (Kind.TEXT, typed)


@pytest.mark.parametrize("farewell", ["/quit", "/EXIT "])
def test_it_ends_on_request(farewell):
    _, heard = said(farewell, "ice")
    assert len(heard) == 1


def test_the_conversation_goes_on_from_turn_to_turn():
    assistant = Assistant()
    console = Console(assistant, io.StringIO())
    for _ in range(3):
        console.hear("ice", NOON)
    assert console._conversation.misses == 3
    assert len({message.update_id for message in assistant.heard}) == 3


def test_blank_lines_ask_nothing():
    _, heard = said("", "   ")
    assert len(heard) == 1


def test_a_card_says_its_level_in_words_and_its_number_alone():
    out, _ = said("numb")
    assert "Emergency: call 999 now if you can not feel between your legs." in out
    assert "\n  999\n" in out
    assert "  - You can not pee.\n  - You lost control" in out


def test_colour_comes_only_to_a_terminal_that_wants_it(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured, plain = Terminal(), Terminal()
    chat(Assistant(), io.StringIO("numb\n"), coloured)
    monkeypatch.setenv("NO_COLOR", "1")
    chat(Assistant(), io.StringIO("numb\n"), plain)
    assert "\033[1;97;41mEmergency" in coloured.getvalue()
    assert "\033" not in plain.getvalue()


def test_lines_fit_the_terminal():
    out = io.StringIO()
    Console(Assistant(), out, width=40).hear("numb", NOON)
    assert max(len(line) for line in out.getvalue().splitlines()) <= 40


def test_what_is_no_text_and_what_can_not_be_shown_does_not_end_the_chat():
    source = io.TextIOWrapper(io.BytesIO(b"\xff\xfe\nice\n"), encoding="utf-8")
    shown = io.BytesIO()
    out = io.TextIOWrapper(shown, encoding="ascii")
    chat(Assistant(), source, out)
    out.flush()
    assert b"? Helped me" in shown.getvalue()
