"""What a good editor would say about the content, each remark with file, line and cure.

``load`` has already refused what can't be read; this looks at what it says, and runs the content's own tests.
"""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime
from itertools import combinations

from bot.assistant import Assistant
from bot.assistant.conversation import Conversation, Kind, Message, Outcome
from bot.assistant.replies import CLINIC_GROUP
from bot.checking import facts
from bot.checking.editor import remarks
from bot.checking.readability import polysyllables, smog
from bot.checking.verdicts import find_doses
from bot.content import LANGUAGE, Content, entry_file, red_flag_file
from bot.content.reading import Loc
from bot.errors import Problem, Severity
from bot.safety import Level
from bot.understanding.text import utf16_length, words
from bot.understanding.vocabulary import stem

MAX_ANSWER_UNITS = 900
# NHS service manual: SMOG 7-9 is read by 93 % of UK adults, 10-11 by 76 %.
MAX_SMOG = 9.0
# More stems in common than this, and one phrasing is a copy of the other with a word changed.
MAX_SHARED_STEMS = 0.5
_PLACEHOLDER = re.compile(r"\{[a-z_]+\}")


def problems(content: Content, assistant: Assistant, now: datetime) -> list[Problem]:
    """Every problem of ``content`` in the order of files and lines; ``now`` decides which reviews are overdue."""
    return sorted([*problems_of_lines(content, now), *problems_in_use(content, assistant, now)])


def problems_of_lines(content: Content, now: datetime) -> list[Problem]:
    """Those that the lines show by themselves."""
    today = now.date()
    return [
        *_answers(content, today),
        *_phrasings(content),
        *remarks(content),
        *facts.remarks(content, today),
        *content.unread,
    ]


def problems_in_use(content: Content, assistant: Assistant, now: datetime) -> list[Problem]:
    """Those that show when ``assistant`` answers what its content is tested with."""
    return [
        *_swallowed(content, assistant),
        *problems_of_red_flags(content, assistant),
        *_utterances(content, assistant, now),
    ]


def live_problems(content: Content) -> list[Problem]:
    """What keeps the content from meeting patients: example values, unsigned rules, unconfirmed emergency numbers."""
    clinic = content.documents["clinic.yaml"]
    found = [
        Problem(clinic.path, clinic.line(name), f"`{name}` still holds an example value.", "Write the clinic's own.")
        for name in content.clinic.examples()
    ]
    emergency = content.clinic.emergency
    if not (emergency.confirmed_by and emergency.confirmed_on):
        found.append(
            Problem(clinic.path, clinic.line("emergency"), "nobody has confirmed the emergency numbers.",
                    "Check each with its publisher, then fill `confirmed_by` and `confirmed_on`.")
        )  # fmt: skip
    for page in content.red_flags.pages:
        if not (page.signed_by and page.signed_on):
            line = content.documents[red_flag_file(page.id)].line("signed_by")
            cure = "Have a clinician of the clinic read it, then fill `signed_by` and `signed_on`."
            found.append(Problem(red_flag_file(page.id), line, "no clinician has signed this page.", cure))
    for entry in content.entries.values():
        if entry.reviewed_by.lower().startswith("example"):
            document = content.documents[entry_file(entry.id)]
            found.append(
                Problem(
                    document.path, document.line("reviewed_by"), "the reviewer is an example.", "Name who has read it."
                )
            )
    return sorted(found)


def _at(
    content: Content, entry_id: str, message: str, cure: str, *loc: str | int, severity: Severity = Severity.ERROR
) -> Problem:
    document = content.documents[entry_file(entry_id)]
    return Problem(document.path, document.line(*loc), message, cure, severity)


# Answers


def _answers(content: Content, today: date) -> Iterator[Problem]:
    for entry in content.entries.values():
        # A placeholder reads as one short word; what it stands for is not the entry's wording.
        said = _PLACEHOLDER.sub("number", entry.answer)
        grade = smog(said)
        if grade > MAX_SMOG:
            hard = ", ".join(word for word, _ in Counter(map(str.lower, polysyllables(said))).most_common(6))
            yield _at(
                content,
                entry.id,
                f"the answer is hard to read: SMOG grade {grade:.1f}, at most {MAX_SMOG:.0f}.",
                f"Shorter sentences, plainer words than: {hard}.",
                "answer",
            )
        if (units := utf16_length(entry.answer)) > MAX_ANSWER_UNITS:
            yield _at(
                content,
                entry.id,
                f"the answer has {units} characters, at most {MAX_ANSWER_UNITS}.",
                "Cut what the patient does not need now.",
                "answer",
            )
        for dose in find_doses(said):
            yield _at(
                content,
                entry.id,
                f"`{dose}` is a dose; the bot gives none.",
                "Send the reader to the leaflet or a pharmacist.",
                "answer",
            )
        if not entry.sources and entry.group != CLINIC_GROUP:
            yield _at(content, entry.id, "no source is named.", "Add `sources:` with title and publisher.", "answer")
        if not entry.reviewed_by:
            yield _at(
                content,
                entry.id,
                "nobody is named as reviewer.",
                "Fill `reviewed_by` and `reviewed_on`.",
                severity=Severity.WARNING,
            )
        if entry.review_by and entry.review_by < today:
            yield _at(
                content,
                entry.id,
                f"the review was due on {entry.review_by}.",
                "Read the answer again and set new dates.",
                "review_by",
                severity=Severity.WARNING,
            )
        elif entry.review_by is None:
            yield _at(content, entry.id, "no date for the next review.", "Add `review_by`.", severity=Severity.WARNING)


# Phrasings


def _phrasings(content: Content) -> Iterator[Problem]:
    seen: dict[tuple[str, ...], tuple[str, int]] = {}
    for entry in content.entries.values():
        document = content.documents[entry_file(entry.id)]
        stems = [frozenset(stem(word) for word in words(phrasing)) for phrasing in entry.phrasings]
        for (first, left), (second, right) in combinations(enumerate(stems), 2):
            if left and right and len(left & right) / len(left | right) > MAX_SHARED_STEMS:
                yield _at(
                    content, entry.id, f"`{entry.phrasings[second]}` is almost a copy of line {document.line('phrasings', first)}.",
                    "Say it as another person would, or delete it.", "phrasings", second, severity=Severity.WARNING,
                )  # fmt: skip
        for index, phrasing in enumerate(entry.phrasings):
            said = tuple(words(phrasing))
            if not said:
                continue
            if said in seen and seen[said][0] != entry.id:
                other, _ = seen[said]
                yield _at(
                    content,
                    entry.id,
                    f"`{phrasing}` also asks for `{other}`.",
                    "Keep it in one of the two.",
                    "phrasings",
                    index,
                )
            seen.setdefault(said, (entry.id, index))


# Red flags


def _swallowed(content: Content, assistant: Assistant) -> Iterator[Problem]:
    """Phrasings that would raise an alarm, so that nobody ever gets the answer."""
    for entry in content.entries.values():
        for index, phrasing in enumerate(entry.phrasings):
            top = assistant.find_red_flag(phrasing).top
            if top and top.level in (Level.EMERGENCY, Level.URGENT):
                yield _at(
                    content,
                    entry.id,
                    f"`{phrasing}` raises the red flag {top.rule}.",
                    "Reword it; who writes that must get the warning.",
                    "phrasings",
                    index,
                    severity=Severity.WARNING,
                )


def problems_of_red_flags(content: Content, assistant: Assistant) -> Iterator[Problem]:
    """Every page's own examples, screened as patients are."""
    for page in content.red_flags.pages:
        level = Level(page.level)
        for index, line in enumerate(page.must_raise):
            top = assistant.find_red_flag(line).top
            if top is None or top.level.rank < level.rank:
                heard = f"only {top.level} ({top.rule})" if top else "nothing"
                yield _example(
                    content, page.id, "must_raise", index, f"`{line}` must raise {level}, it raises {heard}."
                )
        for index, line in enumerate(page.must_stay_quiet):
            top = assistant.find_red_flag(line).top
            if top and top.level in (Level.EMERGENCY, Level.URGENT):
                message = f"`{line}` must raise no alarm, it raises {top.level} ({top.rule}, {top.evidence[0]})."
                yield _example(content, page.id, "must_stay_quiet", index, message)


def _example(content: Content, page_id: str, name: str, index: int, message: str) -> Problem:
    path = red_flag_file(page_id)
    cure = "Mend the phrases; an example that shows a fault is never deleted to make it pass."
    return Problem(path, content.documents[path].line(name, index), message, cure)


# The content's own tests


def _utterances(content: Content, assistant: Assistant, now: datetime) -> Iterator[Problem]:
    for test in content.utterances:
        name = f"{LANGUAGE}/utterances/{test.entry}.yaml"
        document = content.documents.get(name)
        for index, utterance in enumerate(test.utterances):
            shown = shown_for(assistant, utterance, now)
            if test.entry not in shown:
                loc: Loc = ("utterances", index)
                line = document.line(*loc) if document else 1
                yield Problem(
                    name, line, f"`{utterance}` does not reach {test.entry}; it shows {', '.join(shown) or 'nothing'}.",
                    "Add phrasings of that kind, or move the line to where it belongs.",
                )  # fmt: skip


def shown_for(assistant: Assistant, utterance: str, now: datetime) -> tuple[str, ...]:
    """Entries that a fresh conversation would show for ``utterance``: the answer, or the suggestions."""
    message = Message(
        channel="check", chat="check", update_id="0", kind=Kind.TEXT, text=utterance, sent_at=now, now=now
    )
    turn = assistant.reply(message, Conversation())
    if turn.outcome is Outcome.DISAMBIGUATION:
        return tuple(candidate.entry for candidate in turn.suggestions)
    return (turn.entry,) if turn.entry else ()
