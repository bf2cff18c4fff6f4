"""One message, one decision; the screening comes first and nothing that breaks later keeps a card from going out."""

from dataclasses import replace
from datetime import timedelta

import pytest
from fakes import (
    NOON,
    READS_ONLY,
    BrokenMatcher,
    FakeMatcher,
    FakeScreener,
    command,
    small_talk,
    sure,
    tap,
    text,
    unsure,
)

from bot.assistant import Assistant
from bot.assistant.asking import as_json
from bot.assistant.conversation import (
    BlockKind,
    Conversation,
    Escalated,
    Feedback,
    Forget,
    Kind,
    Message,
    Missed,
    Outcome,
    Turn,
)
from bot.matching import Candidate
from bot.safety import Level

EMERGENCY = (Level.EMERGENCY, "bladder-bowel-control")
URGENT = (Level.URGENT, "fever-with-pain")
SOON = (Level.SOON, "not-better-two-weeks")
CHECK = (Level.CHECK, "saddle-numbness")


@pytest.fixture
def made(content):
    def make(findings=None, rankings=None, matcher=None):
        return Assistant(content, READS_ONLY, FakeScreener(findings), matcher or FakeMatcher(rankings))

    return make


def said(turn: Turn) -> str:
    assert turn.reply is not None
    return turn.reply.plain()


def actions(turn: Turn) -> list[str]:
    assert turn.reply is not None
    return [button.action for row in turn.reply.buttons for button in row]


def test_what_follows_a_command_is_screened_and_the_label_of_a_closed_question_is_not(made):
    assistant = made({"slipper": EMERGENCY})
    assert assistant.reply(command("topics", "slipper"), Conversation()).outcome is Outcome.ESCALATION
    assert assistant.reply(tap("c:n:saddle-numbness", "slipper"), Conversation()).outcome is not Outcome.ESCALATION


def test_a_burst_is_read_as_one_text_which_may_only_raise(made):
    assistant = made({"numb\nbetween": EMERGENCY, "hot": URGENT})
    assert assistant.screen(text("between my legs"), Conversation(), "numb").top.level is Level.EMERGENCY
    assert assistant.screen(text("I am hot"), Conversation(), "nothing else").top.level is Level.URGENT


def test_a_sign_that_only_asks_is_asked_under_a_commands_answer_too(made):
    turn = made({"numb": CHECK}).reply(command("help", "a bit numb"), Conversation())
    assert turn.conversation.asked == CHECK[1]
    assert turn.reply.level is Level.CHECK


def test_the_line_of_ask_names_a_raised_level_before_a_question(made):
    turn = made({"numb": CHECK, "weeks": SOON}, {"ice": sure("ice")}).reply(text("ice, numb for weeks"), Conversation())
    assert [finding.level for finding in turn.screening.findings] == [Level.CHECK, Level.SOON]
    assert as_json(turn)["level"] == "soon"
    alone = made({"numb": CHECK}, {"ice": sure("ice")}).reply(text("ice, numb"), Conversation())
    assert as_json(alone)["level"] == "check"


def test_an_emergency_is_the_only_thing_said(made):
    turn = made({"can't pee": EMERGENCY}, {"ice": sure("ice")}).reply(text("can't pee, does ice help?"), Conversation())
    assert turn.outcome is Outcome.ESCALATION
    assert turn.reply.level is Level.EMERGENCY
    assert said(turn).startswith("Emergency: ")
    assert turn.entry == ""
    assert "999" in [block.text for block in turn.reply.blocks if block.kind is BlockKind.NUMBER]
    assert actions(turn) == ["h"]
    assert turn.records == (Escalated("bladder-bowel-control", Level.EMERGENCY, turn.records[0].content_version),)


def test_urgent_comes_first_and_the_answer_after_it_in_one_message(made):
    turn = made({"fever": URGENT}, {"ice": sure("ice")}).reply(text("fever, does ice help?"), Conversation())
    assert turn.outcome is Outcome.ESCALATION
    assert turn.entry == "ice"
    assert said(turn).startswith("Urgent, today: ")
    assert "towel" in said(turn)


def test_urgent_without_an_answer_says_nothing_else(made):
    turn = made({"fever": URGENT}, {"fever": unsure("ice", "heat")}).reply(text("fever"), Conversation())
    assert turn.outcome is Outcome.ESCALATION
    assert turn.suggestions == ()
    assert "Did you mean" not in said(turn)


def test_soon_is_one_line_under_the_answer(made):
    turn = made({"weeks": SOON}, {"ice": sure("ice")}).reply(text("three weeks, ice?"), Conversation())
    assert turn.outcome is Outcome.ANSWER
    assert turn.reply.blocks[-1].text.startswith("See someone soon: ")


def test_an_unclear_sign_is_asked_about_once_under_the_answer(made):
    assistant = made({"weird": CHECK}, {"ice": sure("ice")})
    turn = assistant.reply(text("feels weird there, ice?"), Conversation())
    assert turn.outcome is Outcome.ANSWER
    assert actions(turn)[:2] == ["c:y:saddle-numbness", "c:n:saddle-numbness"]
    denied = assistant.reply(tap("c:n:saddle-numbness"), turn.conversation)
    assert denied.conversation.denied == ("saddle-numbness",)
    again = assistant.reply(text("still weird, ice?"), denied.conversation)
    assert not any(action.startswith("c:") for action in actions(again))


@pytest.mark.parametrize("answer", [tap("c:y:saddle-numbness"), text("yes")])
def test_yes_to_the_closed_question_escalates_tapped_or_typed(made, answer):
    assistant = made({"weird": CHECK}, {"yes": small_talk("yes"), "ice": sure("ice")})
    asked = assistant.reply(text("feels weird there, ice?"), Conversation())
    turn = assistant.reply(answer, asked.conversation)
    assert turn.outcome is Outcome.ESCALATION
    assert turn.reply.level is Level.EMERGENCY


@pytest.mark.parametrize("utterance", ["foreign and odd", "thanks, it is odd", "something odd"])
def test_an_unclear_sign_is_asked_about_whatever_else_is_answered(made, content, utterance):
    turn = made({"odd": CHECK}, {"thanks": small_talk("thanks")}).reply(text(utterance), Conversation())
    assert content.red_flags.page("saddle-numbness").check.question in said(turn)
    assert turn.conversation.asked == "saddle-numbness"


def test_a_typed_no_to_the_closed_question_is_remembered(made):
    assistant = made({"weird": CHECK}, {"no": small_talk("no")})
    asked = assistant.reply(text("weird"), Conversation())
    assert assistant.reply(text("no"), asked.conversation).conversation.denied == ("saddle-numbness",)


def test_yes_without_a_question_is_small_talk(made):
    turn = made(rankings={"yes": small_talk("yes")}).reply(text("yes"), Conversation())
    assert turn.outcome is Outcome.SMALL_TALK


def test_an_alarm_is_repeated_before_later_answers_until_help_is_arranged(made):
    assistant = made({"can't pee": EMERGENCY}, {"ice": sure("ice")})
    alarmed = assistant.reply(text("can't pee"), Conversation())
    later = assistant.reply(text("ice?", now=NOON + timedelta(hours=3)), alarmed.conversation)
    assert said(later).startswith("Reminder, emergency")
    assert later.entry == "ice"
    arranged = assistant.reply(tap("h", now=NOON + timedelta(hours=3)), later.conversation)
    assert not said(assistant.reply(text("ice?", now=NOON + timedelta(hours=3)), arranged.conversation)).startswith(
        "Reminder"
    )


@pytest.mark.parametrize(
    ("words", "is_arranged"),
    [
        ("The ambulance is coming", True),
        ("called 999, on way", True),
        ("should i have called 999", False),
        ("no ambulance is coming", False),
        ("ice?", False),
    ],
)
def test_help_on_its_way_may_be_said_in_words(made, words, is_arranged):
    assistant = made({"can't pee": EMERGENCY}, {"ice": sure("ice")})
    alarmed = assistant.reply(text("can't pee"), Conversation())
    turn = assistant.reply(text(words), alarmed.conversation)
    assert (turn.conversation.alarm is None) is is_arranged


def test_an_alarm_ends_after_twelve_hours(made):
    assistant = made({"can't pee": EMERGENCY}, {"ice": sure("ice")})
    alarmed = assistant.reply(text("can't pee"), Conversation())
    later = assistant.reply(text("ice?", now=NOON + timedelta(hours=12, minutes=1)), alarmed.conversation)
    assert not said(later).startswith("Reminder")


def test_a_milder_alarm_does_not_replace_an_emergency(made):
    assistant = made({"can't pee": EMERGENCY, "fever": URGENT})
    alarmed = assistant.reply(text("can't pee"), Conversation())
    later = assistant.reply(text("fever too"), alarmed.conversation)
    assert later.conversation.alarm.level is Level.EMERGENCY


def test_concepts_of_the_last_hour_reach_the_screening_and_older_ones_do_not(made):
    assistant = made()
    first = assistant.reply(text("pain"), Conversation())
    assistant.reply(text("more", now=NOON + timedelta(minutes=59)), first.conversation)
    assistant.reply(text("more", now=NOON + timedelta(minutes=61)), first.conversation)
    assert [len(earlier) for earlier in assistant._screener.earlier] == [0, 1, 0]


def test_a_broken_matcher_costs_the_answer_but_neither_card_nor_number(made):
    assistant = made({"can't pee": EMERGENCY, "fever": URGENT}, matcher=BrokenMatcher())
    assert assistant.reply(text("can't pee"), Conversation()).reply.level is Level.EMERGENCY
    urgent = assistant.reply(text("fever"), Conversation())
    assert urgent.reply.level is Level.URGENT
    assert urgent.failure == "RuntimeError"
    other = assistant.reply(text("secret words"), Conversation())
    assert other.outcome is Outcome.FALLBACK
    assert "999" in said(other)
    assert "secret" not in other.failure


def test_a_broken_rendering_costs_the_answer_but_not_the_card(made, monkeypatch):
    assistant = made({"fever": URGENT}, {"ice": sure("ice")})
    monkeypatch.setattr(assistant.replies, "answer", lambda *_: 1 / 0)
    assert assistant.reply(text("fever and ice"), Conversation()).reply.level is Level.URGENT


def test_not_being_sure_is_asked_back_with_at_most_three_buttons_and_a_way_out(made):
    turn = made(rankings={"cold": unsure("ice", "heat", "rest")}).reply(text("cold"), Conversation())
    assert turn.outcome is Outcome.DISAMBIGUATION
    assert actions(turn) == ["e:ice", "e:heat", "e:rest", "n"]


def test_the_second_fallback_in_a_row_offers_the_clinic_and_both_carry_the_emergency_number(made):
    assistant = made()
    first = assistant.reply(text("quantum"), Conversation())
    second = assistant.reply(text("quantum"), first.conversation)
    assert first.outcome is second.outcome is Outcome.FALLBACK
    assert said(first) != said(second)
    for turn in (first, second):
        assert "999" in said(turn)
        assert assistant.content.clinic.phone in said(turn)
    assert isinstance(first.records[0], Missed)


def test_what_is_kept_of_a_missed_message_names_nobody(made):
    turn = made().reply(text("my name is Bob, 07700 900123"), Conversation())
    assert turn.records == (Missed("my name is [name], [number]", "not understood"),)


def test_an_answer_carries_its_disclaimer_feedback_and_related_questions(made):
    turn = made(rankings={"ice": sure("ice")}).reply(text("ice?"), Conversation())
    assert turn.reply.blocks[-1].kind is BlockKind.NOTE
    assert actions(turn) == ["f:+:ice", "f:-:ice", "e:heat", "e:rest", "e:relief-now"]
    assert turn.reply.quotes


def test_a_second_question_is_offered(made):
    turn = made(rankings={"both": sure("ice", also=Candidate("walking", 0.5))}).reply(text("both"), Conversation())
    assert "e:walking" in actions(turn)


def test_feedback_is_recorded_and_a_thumb_down_brings_the_question_back_without_names(made):
    assistant = made()
    up = assistant.reply(tap("f:+:ice"), Conversation())
    assert up.records == (Feedback("ice", True),)
    assert up.reply is None
    assert up.toast
    down = assistant.reply(tap("f:-:ice", "my name is Bob does ice help"), Conversation())
    assert down.records == (Feedback("ice", False), Missed("my name is [name] does ice help", "not helpful", ("ice",)))
    assert down.reply is not None


@pytest.mark.parametrize("action", ["e:gone", "m:gone", "f:+:gone", "t:gone", "c:y:gone", "zzz", "", "e:", "f"])
def test_an_unknown_or_stale_button_gets_a_kind_answer(made, action):
    turn = made().reply(tap(action), Conversation())
    assert "older list" in said(turn)
    assert actions(turn)


def test_topics_are_browsed_in_one_message_edited_in_place(made):
    assistant = made()
    top = assistant.reply(command("topics"), Conversation())
    assert not top.reply.replaces
    group = assistant.reply(tap("t:relief"), top.conversation)
    assert group.reply.replaces
    assert "m:ice" in actions(group)
    assert actions(group)[-1] == "t"
    entry = assistant.reply(tap("m:ice"), group.conversation)
    assert entry.reply.replaces
    assert actions(entry)[-1] == "t:relief"
    assert assistant.reply(tap("t"), entry.conversation).reply.replaces


def test_start_greets_with_three_examples_and_a_deep_link_answers(made):
    assistant = made()
    greeting = assistant.reply(command("start"), Conversation())
    assert len([action for action in actions(greeting) if action.startswith("e:")]) == 3
    assert "not a doctor" in said(greeting)
    assert assistant.reply(command("start", "ice"), Conversation()).entry == "ice"


@pytest.mark.parametrize("name", ["help", "privacy", "contact", "topics", "start", "forget", "unheard-of"])
def test_every_command_is_answered_with_all_placeholders_filled(made, name):
    turn = made().reply(command(name), Conversation())
    assert turn.reply.blocks
    assert "{" not in said(turn).replace("{missed_days}", "").replace("{alarm_days}", "").replace("{erased}", "")


def test_a_sign_in_a_command_is_heard(made):
    assert (
        made({"can't pee": EMERGENCY}).reply(command("help", "can't pee"), Conversation()).reply.level
        is Level.EMERGENCY
    )


def test_forget_erases_the_conversation(made):
    conversation = Conversation(misses=2, last_entry="ice")
    turn = made().reply(command("forget"), conversation)
    assert turn.conversation == Conversation()
    assert turn.records == (Forget(),)


@pytest.mark.parametrize("attachment", ["voice", "photo", "sticker", "location", "contact", "poll"])
def test_what_can_not_be_read_is_answered_with_what_to_do_and_the_safety_line(made, attachment):
    turn = made().reply(replace(text(""), kind=Kind.UNREADABLE, attachment=attachment), Conversation())
    assert "999" in said(turn)
    assert "write your question" in said(turn)


def test_a_caption_is_screened_and_answered(made):
    assistant = made({"can't pee": EMERGENCY}, {"ice": sure("ice")})
    answered = assistant.reply(replace(text("ice?"), attachment="photo"), Conversation())
    assert answered.entry == "ice"
    assert "attached" in said(answered)
    assert (
        assistant.reply(replace(text("can't pee"), attachment="photo"), Conversation()).reply.level is Level.EMERGENCY
    )


def test_an_edited_message_is_screened_again(made):
    edited = replace(text("can't pee"), kind=Kind.EDITED)
    assert made({"can't pee": EMERGENCY}).reply(edited, Conversation()).reply.level is Level.EMERGENCY


def test_another_language_gets_the_emergency_number_and_the_phone_at_once(made):
    assistant = made()
    turn = assistant.reply(text("foreign"), Conversation())
    assert "999" in said(turn)
    assert assistant.content.clinic.phone in said(turn)


def test_a_late_answer_begins_with_an_apology_and_a_late_card_does_not(made):
    assistant = made({"can't pee": EMERGENCY}, {"ice": sure("ice")})
    late = {"sent_at": NOON - timedelta(minutes=6)}
    assert said(assistant.reply(text("ice?", **late), Conversation())).startswith("Sorry that this answer is late")
    assert said(assistant.reply(text("can't pee", **late), Conversation())).startswith("Emergency")
    assert not said(assistant.reply(text("ice?", sent_at=NOON - timedelta(minutes=4)), Conversation())).startswith(
        "Sorry"
    )


def test_what_is_stored_comes_back_the_same(made):
    assistant = made({"can't pee": EMERGENCY}, {"ice": sure("ice")})
    message = text("pain, can't pee")
    turn = assistant.reply(message, Conversation(denied=("x",), misses=1, asked="y", last_entry="ice"))
    assert Conversation.from_json(turn.conversation.to_json()) == turn.conversation
    assert type(turn.reply).from_json(turn.reply.to_json()) == turn.reply
    assert Message.from_json(message.to_json()) == message


def test_callback_data_fits_telegram(made, content):
    assistant = made()
    for entry in content.entries:
        for message in (tap(f"e:{entry}"), tap(f"m:{entry}")):
            turn = assistant.reply(message, Conversation())
            assert all(len(action.encode()) <= 64 for action in actions(turn))


def test_every_card_keeps_to_its_grammar(made, content):
    replies = made().replies
    for rule in content.red_flags.pages:
        if rule.level == "soon":
            continue
        card = replies.card(rule.id)
        kinds = [block.kind for block in card.blocks]
        heading = "Emergency: " if rule.level == "emergency" else "Urgent, today: "
        assert kinds[:2] == [BlockKind.HEADING, BlockKind.NUMBER]
        assert card.blocks[0].text.startswith(heading)
        assert "{" not in card.plain(), rule.id
        assert all(len(block.items) <= 5 for block in card.blocks)
        assert "http" not in card.plain()
