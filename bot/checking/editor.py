"""What a good editor says: plainer words, no promises, nothing untested, cards that can be read in fear."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache

from bot.checking.verdicts import find_verdicts
from bot.content import LANGUAGE, Content, entry_file, placeholders, red_flag_file
from bot.content.hours_said import say_time
from bot.content.red_flags import MOST_LINES, RedFlag
from bot.content.red_flags import groups as groups_of
from bot.errors import Problem, Severity
from bot.understanding.text import words
from bot.understanding.vocabulary import stem

# After the NHS A to Z of health writing and plain English lists; the left word is flagged, the right one offered.
PLAINER = {
    "approximately": "about", "commence": "start", "utilise": "use", "utilize": "use", "prior": "before",
    "subsequently": "later", "sufficient": "enough", "additional": "more", "assistance": "help", "attempt": "try",
    "require": "need", "purchase": "buy", "discontinue": "stop", "frequently": "often", "numerous": "many",
    "regarding": "about", "possess": "have", "physician": "doctor", "practitioner": "doctor or therapist",
    "medication": "medicine", "medications": "medicines", "analgesic": "painkiller", "analgesics": "painkillers",
    "inflammation": "swelling", "oedema": "swelling", "edema": "swelling", "fracture": "broken bone",
    "chronic": "long-term", "acute": "sudden",
    "severe": "very bad", "lumbar": "lower back", "cervical": "neck", "thoracic": "upper back",
    "abdomen": "tummy", "abdominal": "tummy", "urinate": "pee", "urination": "peeing", "bowel movement": "poo",
    "ambulate": "walk", "alleviate": "ease", "exacerbate": "make worse", "symptomatic": "with symptoms",
    "contraindicated": "not safe", "consult": "ask", "administer": "give", "nausea": "feeling sick", "vomit": "be sick",
    "fatigue": "tiredness", "dizziness": "feeling dizzy", "hydrated": "drinking enough", "musculature": "muscles",
}  # fmt: skip
_HARD = re.compile(r"\b(" + "|".join(sorted(map(re.escape, PLAINER), key=len, reverse=True)) + r")\b", re.IGNORECASE)
_VAGUE = re.compile(
    r"\b(?:very unwell|if necessary|as appropriate|seek medical attention|some people|etc)\b", re.IGNORECASE
)
_LINK = re.compile(r"https?://|www\.|\bt\.me/", re.IGNORECASE)
MAX_ACTION, MAX_BULLET, MAX_BECAUSE = 80, 110, 240
_stem = cache(stem)  # the same few thousand words stand in all phrasings
EVERYDAY = 5  # ways to ask or answers that hold a word: it is no sign by itself
NEAR = 0.75  # shares of stems: two entries claim nearly the same message


def remarks(content: Content) -> Iterator[Problem]:
    """Promises are errors, the rest are warnings: they keep nobody from saving."""
    yield from _words(content)
    yield from _untested(content)
    yield from _collisions(content)
    yield from _cards(content)
    yield from _pages(content)


def _words(content: Content) -> Iterator[Problem]:
    for entry in content.entries.values():
        document = content.documents[entry_file(entry.id)]
        first = document.line("answer")
        # The answer's own lines begin below its key, or beside it.
        shift = 1 if "\n" in entry.answer else 0
        for offset, line in enumerate(entry.answer.split("\n")):
            at = first + offset + shift
            for found in _HARD.finditer(line):
                plain = PLAINER[found.group().lower()]
                yield Problem(
                    document.path, at, f"`{found.group()}` is a hard word.", f"Say `{plain}`.", Severity.WARNING
                )
            for found in find_verdicts(line):
                cure = "Say what is usual, and when to get help."
                yield Problem(document.path, at, f"`{found.group()}` promises or judges; the bot does neither.", cure)


def _untested(content: Content) -> Iterator[Problem]:
    tested = {test.entry for test in content.utterances}
    for entry_id in content.entries:
        if entry_id not in tested:
            path = entry_file(entry_id)
            cure = f"Write a few messages into {LANGUAGE}/utterances/{entry_id}.yaml."
            yield Problem(path, 1, "no test message says that patients reach it.", cure, Severity.WARNING)


def _collisions(content: Content) -> Iterator[Problem]:
    """Ways to ask of two entries that share nearly all their words: the matcher can only guess."""
    said = [
        (entry.id, index, phrasing, frozenset(map(_stem, words(phrasing))))
        for entry in content.entries.values()
        for index, phrasing in enumerate(entry.phrasings)
    ]
    by_stem: dict[str, list[int]] = defaultdict(list)
    for number, (_, _, _, stems) in enumerate(said):
        for one in stems:
            by_stem[one].append(number)
    for number, (entry, index, phrasing, stems) in enumerate(said):
        if len(stems) < 3:
            continue
        rare = sorted(stems, key=lambda one: len(by_stem[one]))[: len(stems) // 4 + 1]
        near = {other for one in rare for other in by_stem[one] if other < number and said[other][0] != entry}
        for other in sorted(near):
            shared = said[other][3]
            if len(stems & shared) / len(stems | shared) >= NEAR:
                document = content.documents[entry_file(entry)]
                message = f"`{phrasing}` is nearly `{said[other][2]}` of {said[other][0]}."
                cure = "Keep it in the entry that it means, or say what differs."
                yield Problem(document.path, document.line("phrasings", index), message, cure, Severity.WARNING)
                break


def _pages(content: Content) -> Iterator[Problem]:
    """Pages that a clinician can read in three minutes, of phrases that are no everyday word and harm no example."""
    said = Counter(
        word
        for entry in content.entries.values()
        for text in (entry.question, entry.answer, *entry.phrasings)
        for word in set(words(text))
    )
    everyday = {word for word, count in said.items() if count >= EVERYDAY}
    for page in content.red_flags.pages:
        document = content.documents[red_flag_file(page.id)]
        lines = max(document.lines.values(), default=1)
        if lines > MOST_LINES:
            message = f"the page has {lines} lines; at most {MOST_LINES} can be read aloud in three minutes."
            yield Problem(document.path, lines, message, "Take out what is said twice.", Severity.WARNING)
        for name, index, phrase in page.phrases():
            at = document.line(name, index)
            for side in groups_of(phrase):
                for wording in side if len(groups_of(phrase)) == 1 else ():
                    if len(words(wording)) == 1 and set(words(wording)) <= everyday:
                        message = f"`{phrase}` is an everyday word: it would sound the alarm at harmless messages."
                        yield Problem(document.path, at, message, "Write what people say with it.")


def _cards(content: Content) -> Iterator[Problem]:
    for page in content.red_flags.pages:
        document = content.documents[red_flag_file(page.id)]
        for text in (page.card.action, page.card.because, *page.card.bullets) if page.card else ():
            for name in set(placeholders(text)):
                if getattr(content.clinic, name, None) == "":
                    message = f"`{name}` is empty in clinic.yaml, so a part of the card would go."
                    yield Problem(
                        document.path, document.line("card"), message, f"Fill it, or say it without {{{name}}}."
                    )
        for message, cure, *loc in _card(page):
            severity = Severity.ERROR if "link" in message else Severity.WARNING
            yield Problem(document.path, document.line("card", *loc), message, cure, severity)


def _card(page: RedFlag) -> Iterator[tuple[str, ...]]:
    """What is not in the grammar of a care card: one action, why, and few short bullets."""
    card = page.card
    if card is None:
        return
    if len(card.action) > MAX_ACTION or len(re.findall(r"[.!?](?:\s|$)", card.action)) > 1:
        yield "the action is more than one short sentence.", "Say the one thing to do now.", "action"
    if len(card.because) > MAX_BECAUSE:
        yield f"the reason is longer than {MAX_BECAUSE} characters.", "One or two short sentences.", "because"
    for bullet in card.bullets:
        if len(bullet) > MAX_BULLET:
            yield f"a bullet is longer than {MAX_BULLET} characters.", "One sign a bullet.", "if"
    for text in (card.action, card.because, *card.bullets):
        if _LINK.search(text):
            yield "a link stands on the card; one bad link makes Telegram refuse it.", "Take it out.", "action"
        if vague := _VAGUE.search(text):
            yield f"`{vague.group()}` is vague.", "Say what the patient can see or feel.", "action"


def hours_ahead(content: Content, now: datetime, days: int = 14) -> Iterator[str]:
    """The opening hours of the next ``days`` days in words, for the eye of somebody who knows them."""
    clinic = content.clinic
    today = clinic.times.local(now).date()
    for ahead in range(days):
        day = today + timedelta(days=ahead)
        spans = [
            f"{say_time(opens, clinic.is_12_hour)}-{say_time(closes, clinic.is_12_hour)}"
            for opens, closes in clinic.times.spans_on(day)
        ]
        yield f"{day:%a} {day.day} {day:%b}: {' and '.join(spans) or 'closed'}"
