"""What an edit of the content means, in the words of the people who read and ask: one line for each thing."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from bot.assistant.replies import CLINIC_GROUP
from bot.content import Clinic, Content, Entry, entry_file
from bot.content.red_flags import RedFlags
from bot.errors import Problem, Severity

MOST_LINES = 12  # of one text; whoever rewrites all of it is shown the whole beside
# A sentence that sends to somebody, sets a limit or names a sign. Rather one too many: it is named, not refused.
_WARNS = re.compile(
    r"\b(?:doctors?|gps?|nurses?|pharmacists?|hospital|ambulance|emergency\w*|call|help|ask|see|stop|never|avoid|not|"
    r"cannot|\w+n['’]t|unless|until|if|first|numb\w*|weak\w*|fever|at once|harm\w*|leaflet|\{emergency_number\})",
    re.IGNORECASE,
)
_CLINIC_WORDS = {
    "hours": "Opening hours",
    "closed": "Closed days",
    "special": "Days with other hours",
    "phone": "Phone",
    "public_holidays": "Public holidays",
    "booking_url": "Booking page",
    "map_url": "Map",
    "emergency": "Emergency numbers",
}
# What a receptionist knows better than a clinician.
CLINIC_FACTS = frozenset(Clinic.model_fields) - {"emergency", "country"}


def summarise(old: Content, new: Content) -> tuple[str, ...]:
    """Lines that say what is different; none when patients see no difference."""
    return tuple(_lines(old, new))


def is_medical(old: Content, new: Content) -> bool:
    """Whether a clinician must read it: anything but the clinic's own facts and entries, and what no entry answers."""
    if old.red_flags != new.red_flags or old.phrases != new.phrases:
        return True
    if any(getattr(old.clinic, name) != getattr(new.clinic, name) for name in set(Clinic.model_fields) - CLINIC_FACTS):
        return True
    changed = {name for name in {*old.entries, *new.entries} if old.entries.get(name) != new.entries.get(name)}
    changed |= {test.entry for test in set(old.utterances) ^ set(new.utterances)}
    sides = (content.entry(name) for content in (old, new) for name in changed)
    return any(entry.group != CLINIC_GROUP for entry in sides if entry)


def find_unsigned(old: Content, new: Content) -> Iterator[Problem]:
    """Answers that are new while the signature under them is that of the old text."""
    for name, entry in new.entries.items():
        before = old.entries.get(name)
        if before is None or before.answer == entry.answer or not entry.reviewed_by:
            continue
        if (before.reviewed_by, before.reviewed_on) == (entry.reviewed_by, entry.reviewed_on):
            document = new.documents[entry_file(name)]
            message = f"the answer is new, but {entry.reviewed_by} signed the old one."
            cure = "Whoever has read the new one signs it: `reviewed_by`, `reviewed_on`."
            yield Problem(document.path, document.line("reviewed_by"), message, cure, Severity.WARNING)


def _lines(old: Content, new: Content) -> Iterator[str]:
    for name, entry in new.entries.items():
        before = old.entries.get(name)
        if before is None:
            renamed = next((old.entries[alias] for alias in entry.aliases if alias in old.entries), None)
            yield f"“{entry.question}” is " + (f"the new name of `{renamed.id}`." if renamed else "a new answer.")
            before = renamed
        if before and before != entry:
            yield from _entry(before, entry)
    for name, entry in old.entries.items():
        if new.entry(name) is None:
            yield f"“{entry.question}” is gone. Buttons sent earlier that led to it now open the list of topics."
    yield from _clinic(old.clinic, new.clinic)
    yield from _red_flags(old.red_flags, new.red_flags)
    yield from _rest(old, new)


def _entry(old: Entry, new: Entry) -> Iterator[str]:
    if old.question != new.question:
        yield f"“{old.question}” now reads “{new.question}”."
    if old.answer != new.answer:
        yield f"“{new.question}” has a new answer."
        yield from compare_sentences(old.answer, new.answer)
    yield from _messages(
        old.phrasings, new.phrasings, f"leads to “{new.question}”", f"no longer leads to “{new.question}”"
    )
    if (old.reviewed_by, old.reviewed_on) != (new.reviewed_by, new.reviewed_on):
        yield f"“{new.question}” is signed by {new.reviewed_by or 'nobody'}{f', {new.reviewed_on}' if new.reviewed_on else ''}."
    rest = ("group", "disclaimer", "see_also", "sources", "review_by", "aliases")
    if changed := [name.replace("_", " ") for name in rest if getattr(old, name) != getattr(new, name)]:
        yield f"“{new.question}”: {', '.join(changed)} changed."


def _messages(old: tuple[str, ...], new: tuple[str, ...], now: str, no_longer: str) -> Iterator[str]:
    for said, what in ((set(new) - set(old), now), (set(old) - set(new), no_longer)):
        if len(said) > 3:
            yield f"{len(said)} ways to ask: each {what}."
        else:
            yield from (f"«{_short(one)}» {what}." for one in sorted(said))


def _short(said: str, most: int = 80) -> str:
    return said if len(said) <= most else said[: most - 1].rstrip() + "…"


def _clinic(old: Clinic, new: Clinic) -> Iterator[str]:
    for name in Clinic.model_fields:
        before, after = getattr(old, name), getattr(new, name)
        if before == after:
            continue
        word = _CLINIC_WORDS.get(name, name.replace("_", " ").capitalize())
        if isinstance(after, tuple):
            yield f"{word}: {', '.join(after) or 'none'}."
            if gone := [one for one in before if one not in after]:
                yield f"{word}, taken out: {', '.join(gone)}."
        elif isinstance(after, str):
            yield f"{word}: {_short(after) or 'none'} (before: {_short(before) or 'none'})."
        else:
            yield f"{word} changed."
            yield from compare_texts(before, after)


def _red_flags(old: RedFlags, new: RedFlags) -> Iterator[str]:
    pages, before = {page.id: page for page in new.pages}, {page.id: page for page in old.pages}
    for page_id in sorted(pages.keys() | before.keys()):
        if page_id not in pages:
            yield f"Red flag {page_id} is gone: nobody is warned of it any more."
        elif page_id not in before:
            yield f"Red flag {page_id} is new."
        elif pages[page_id] != before[page_id]:
            yield f"Red flag {page_id} changed."
            yield from compare_texts(before[page_id], pages[page_id])
    if old.languages != new.languages:
        yield "Words of other languages changed."


def _rest(old: Content, new: Content) -> Iterator[str]:
    if old.phrases != new.phrases:
        changed = [
            name for name in type(new.phrases).model_fields if getattr(old.phrases, name) != getattr(new.phrases, name)
        ]
        yield f"What the bot says besides answers changed: {', '.join(changed).replace('_', ' ')}."
        yield from compare_texts(old.phrases, new.phrases)
    yield from _messages(old.out_of_scope, new.out_of_scope, "is not for us", "may be answered again")
    if old.small_talk != new.small_talk:
        yield "Small talk changed."
        for kind in sorted(old.small_talk.keys() & new.small_talk.keys()):
            yield from compare_texts(old.small_talk[kind], new.small_talk[kind])
    tests = dict.fromkeys(_tests(old), "old")
    if added := _tests(new) - tests.keys():
        yield f"{len(added)} new test message{'s' * (len(added) > 1)}."
    if gone := tests.keys() - _tests(new):
        yield f"{len(gone)} test message{'s' * (len(gone) > 1)} gone."


def _tests(content: Content) -> set[tuple[str, str]]:
    return {(test.entry, utterance) for test in content.utterances for utterance in test.utterances}


# What an edit takes out of a text and adds to it, sentence by sentence, as whoever signs it must see


def compare_sentences(old: str, new: str) -> Iterator[str]:
    """Lines that say what is no longer said, warnings by name, and what is said now."""
    before, after = _sentences(old), _sentences(new)
    lines = [
        f"{'⚠️ A warning is taken out' if _WARNS.search(one) else 'Taken out'}: «{one}»"
        for one in before
        if one not in after
    ]
    lines += [f"Added: «{one}»" for one in after if one not in before]
    if before != after and not lines:
        lines = ["The same sentences stand in another order."]
    yield from lines[:MOST_LINES]
    if len(lines) > MOST_LINES:
        yield f"… and {len(lines) - MOST_LINES} more sentences."


def compare_texts(old: BaseModel, new: BaseModel) -> Iterator[str]:
    """The same for all texts of two models, each with its name."""
    before, after = dict(_texts(old.model_dump(mode="json"))), dict(_texts(new.model_dump(mode="json")))
    for name in dict.fromkeys((*before, *after)):
        if before.get(name) != after.get(name):
            yield from (f"{name} – {line}" for line in compare_sentences(before.get(name, ""), after.get(name, "")))


def _texts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Texts by name; the lines of a list belong to one text, so that one more does not move the rest."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(inner, f"{name}, {key}".removeprefix(", ").replace("_", " "))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        yield name, "\n".join(str(one) for one in value)
    elif value is not None:
        yield name, str(value)


def _sentences(text: str) -> list[str]:
    return [part.strip().removeprefix("- ") for part in re.split(r"(?<=[.!?])\s+|\n+", text) if part.strip()]
