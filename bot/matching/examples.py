"""What the model learns from: every line of the content, with what it stands for."""

from collections.abc import Iterator
from dataclasses import dataclass

from bot.content import Content

# Labels beside the ids of entries; an id can't hold these characters.
NONE = "(none)"
SMALL_TALK = "(small talk) "


@dataclass(frozen=True, slots=True)
class Example:
    """A line and the label it has; with ``is_not`` the label it must not have (an entry's ``not_for``)."""

    text: str
    label: str
    is_not: bool = False


def examples(content: Content) -> Iterator[Example]:
    """Every example of ``content``, in a fixed order."""
    for entry in content.entries.values():
        yield Example(entry.question, entry.id)
        for phrasing in entry.phrasings:
            yield Example(phrasing, entry.id)
        for look_alike in entry.not_for:
            yield Example(look_alike, entry.id, is_not=True)
        for wording in content.lexicon.alone.get(entry.id, ()):
            yield Example(wording, entry.id)
    for message in content.out_of_scope:
        yield Example(message, NONE)
    for kind, talk in content.small_talk.items():
        for phrasing in talk.phrasings:
            yield Example(phrasing, SMALL_TALK + kind)


def labels(content: Content) -> tuple[str, ...]:
    """All labels: the entries, the kinds of small talk, none of these. An entry's place is its place in ``content``."""
    return (*content.entries, *(SMALL_TALK + kind for kind in content.small_talk), NONE)
