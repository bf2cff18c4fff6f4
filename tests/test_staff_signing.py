"""Whoever puts something live has seen what it takes out and adds, and her name stands under it."""

from datetime import UTC, datetime

from bot.staff import proposals
from bot.staff.summary import compare_sentences
from tests.test_reload import ICE, rewrite
from tests.test_staff_chat import ANNA, BEN, chat, labels, seed  # noqa: F401


async def edit(chat, text, user=ANNA):  # noqa: F811
    shown = await chat.say("/edit ice", user)
    await chat.tap(shown, "Change the answer", user)
    return await chat.say(text, user)


async def test_a_preview_shows_what_is_taken_out_and_the_reviewer_signs_what_she_put_live(chat):  # noqa: F811
    preview = await edit(chat, "Yes, ice can ease a new spasm. Keep it cold.")
    assert "A warning is taken out: «Wrap it in a towel first.»" in preview.plain()
    assert "Added: «Keep it cold.»" in preview.plain()
    live = await chat.tap(preview, "Put live", BEN)
    assert "by Ben, proposed by Anna" in live.plain()
    entry = chat.bot.holder().content.entries["ice"]
    assert (entry.reviewed_by, str(entry.reviewed_on)) == ("Ben", datetime.now(UTC).date().isoformat())
    assert "taken out: «Wrap it in a towel first.»" in (await chat.say("/show 1")).plain()
    undone = await chat.tap(live, "Undo change 1", BEN)
    assert "Change 1 is taken back." in undone.plain()
    assert chat.bot.holder().content.entries["ice"].reviewed_by == "Example"


def test_a_warning_is_named_by_what_it_says():
    old = "Yes. Keep it on for two to three hours.\n\n- Take it off if the skin turns white.\n- Ask a doctor first."
    assert list(compare_sentences(old, "Yes. Keep it on for two hours.")) == [
        "Taken out: «Keep it on for two to three hours.»",
        "⚠️ A warning is taken out: «Take it off if the skin turns white.»",
        "⚠️ A warning is taken out: «Ask a doctor first.»",
        "Added: «Keep it on for two hours.»",
    ]


async def test_an_answer_changed_in_its_file_is_not_signed_by_who_read_the_old_one(chat):  # noqa: F811
    rewrite(chat.bot.faq, ICE, "Wrap it in a towel first.", "Keep it cold.")
    await chat.bot.reloader._look()
    assert "Example signed the old one" in chat.posted[-1].plain()


async def test_of_two_proposals_for_one_thing_the_newer_stands(chat):  # noqa: F811
    first = await chat.say("/phone +44 20 7946 0111")
    second = await chat.say("/phone +44 20 7946 0222", BEN)
    assert "open proposal of Anna for the same thing is closed" in second.plain()
    await chat.tap(first, "Put live", BEN)
    assert "settled" in chat.toast
    await chat.tap(second, "Put live", BEN)
    assert chat.bot.holder().content.clinic.phone == "+44 20 7946 0222"


async def test_what_somebody_changed_meanwhile_is_shown_again_before_it_goes_live(chat):  # noqa: F811
    preview = await chat.say("/phone +44 20 7946 0111")
    rewrite(chat.bot.faq, "clinic.yaml", "+44 20 7946 0123", "+44 20 7946 0333")
    await chat.bot.reloader._look()
    again = await chat.tap(preview, "Put live")
    assert "changed this meanwhile" in again.plain()
    assert "before: +44 20 7946 0333" in again.plain()
    assert chat.bot.holder().content.clinic.phone == "+44 20 7946 0333"
    await chat.tap(again, "Put live")
    assert chat.bot.holder().content.clinic.phone == "+44 20 7946 0111"


async def test_an_old_preview_is_looked_at_again_first(chat, monkeypatch):  # noqa: F811
    preview = await chat.say("/phone +44 20 7946 0111")
    monkeypatch.setattr(proposals, "SHOWN_SECONDS", -1.0)
    again = await chat.tap(preview, "Put live")
    assert "shown a while ago" in again.plain()
    assert chat.bot.holder().content.clinic.phone == "+44 20 7946 0123"
    monkeypatch.undo()
    await chat.tap(again, "Put live")
    assert chat.bot.holder().content.clinic.phone == "+44 20 7946 0111"


async def test_a_step_waits_for_the_reply_to_its_own_prompt(chat):  # noqa: F811
    await chat.say("/phone")
    prompt = chat.last
    await chat.say("/help")
    assert "A patient who writes that gets" in (await chat.say("does ice help?")).plain()
    assert "A patient who writes that gets" in (await chat.say("+44 20 7946 0111", to="")).plain()
    assert "A patient who writes that gets" in (await chat.say("+44 20 7946 0111", BEN, to=prompt)).plain()
    refused = await chat.say("does ice help?", to=prompt)
    assert "not a phone number" in refused.plain()
    assert "Put live" not in labels(refused)
    preview = await chat.say("+44 20 7946 0111")  # in reply to the refusal, which says so
    assert "Try again: reply to this message." in refused.plain()
    assert "Phone: +44 20 7946 0111 (before: +44 20 7946 0123)" in preview.plain()
