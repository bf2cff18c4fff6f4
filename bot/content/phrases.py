"""What the bot says besides answers and cards: greeting, help, fallback, button labels."""

from typing import Annotated

from pydantic import Field, StringConstraints

from bot.content.entries import Id, Model, Text

Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]


class SmallTalk(Model):
    """A kind of small talk: how people say it, and what the bot says back."""

    phrasings: Annotated[tuple[Text, ...], Field(min_length=1)]
    reply: Text


class Profile(Model):
    """How Telegram introduces the bot: before Start (at most 512 characters), and with shared links (at most 120)."""

    description: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=512)]
    short_description: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]


class Buttons(Model):
    """Labels of the buttons."""

    helpful: Label
    not_helpful: Label
    topics: Label
    back: Label
    contact: Label
    none_of_these: Label
    help_arranged: Label
    see_also: Label


class Unreadable(Model):
    """What is said when a message holds nothing that can be read."""

    voice: Text
    photo: Text
    other: Text


# For folders from before there was such a text.
_PAUSED = """\
The assistant is paused just now and answers no questions. A person at {clinic} can help you: {phone}. {open_now}

In an emergency call {emergency_number} now."""


class Phrases(Model):
    """``phrases.yaml``. All texts may hold the clinic's placeholders, such as {phone}."""

    profile: Profile
    commands: Annotated[dict[str, Annotated[str, StringConstraints(max_length=256)]], Field(min_length=1)]
    greeting: Text
    examples: Annotated[tuple[Id, ...], Field(max_length=3)] = ()
    help: Text
    privacy: Text
    contact: Text
    paused: Text = _PAUSED
    topics: Text
    groups: dict[Id, Label]
    disclaimers: dict[Id, str]
    safety_line: Text
    did_you_mean: Text
    fallback: Text
    fallback_again: Text
    also_asked: Text
    late: Text
    unreadable: Unreadable
    attachment_unread: Text
    unknown_button: Text
    unknown_command: Text
    emergency_heading: Text
    urgent_heading: Text
    soon_heading: Text
    emergency_bullets: Text
    urgent_bullets: Text
    also_heard: Text
    reminder_emergency: Text
    reminder_urgent: Text
    help_arranged: Text
    help_arranged_said: tuple[Text, ...] = ()
    check_denied: Text
    foreign: Text
    not_a_person: Text
    thanks_helpful: Text
    thanks_not_helpful: Text
    none_of_these: Text
    too_many: Text
    forgotten: Text
    buttons: Buttons
