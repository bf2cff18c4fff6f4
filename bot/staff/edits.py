"""What staff do to the content, as edits of files."""

import re
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Final

from bot.content import LANGUAGE, Content, entry_file
from bot.errors import BotError
from bot.staff.yaml_edit import Edit
from bot.understanding.text import words

OUT_OF_SCOPE: Final = f"{LANGUAGE}/out-of-scope.yaml"
CLINIC: Final = "clinic.yaml"
# The clinic's facts that staff change, and the entries that show them; a preview of one that is not there is left out.
FACTS: Final = {"hours": "clinic-hours", "closed": "clinic-hours", "phone": "clinic-contact"}
_SMALL_WORDS: Final = frozenset("a an the is are do does i my me to of for it can how what with".split())
_BLANK: Final = """\
id: {id}
group: other
question: x
phrasings:
  - x
answer: |
  x
disclaimer: general
see_also: []
sources:
  - title: x
    publisher: x
reviewed_by: ""
reviewed_on: ""
review_by: ""
"""


class NotPossible(BotError):
    """Staff asked for something that can't be done so; the message says how it can."""


def add_phrasings(content: Content, entry_id: str, utterances: Iterable[str]) -> list[Edit]:
    """``utterances`` become ways to ask for the entry, each with its test."""
    edits: list[Edit] = []
    entry, tests = content.entries.get(entry_id), f"{LANGUAGE}/utterances/{entry_id}.yaml"
    if entry is None:
        raise NotPossible(f"There is no entry `{entry_id}` any more.")
    if not any(test.entry == entry_id for test in content.utterances):
        edits.append(Edit(tests, "write", (), f"entry: {entry_id}\nutterances:\n"))
    for utterance in map(_join, utterances):
        if utterance not in entry.phrasings:
            edits.append(Edit(entry_file(entry_id), "add", ("phrasings",), utterance))
        edits.append(Edit(tests, "add", ("utterances",), utterance))
    return edits


def add_out_of_scope(content: Content, utterances: Iterable[str]) -> list[Edit]:
    """``utterances`` are messages that no entry answers."""
    begun = [] if content.out_of_scope else [Edit(OUT_OF_SCOPE, "write", (), "messages:\n")]
    return [*begun, *(Edit(OUT_OF_SCOPE, "add", ("messages",), _join(one)) for one in utterances)]


def set_answer(entry_id: str, text: str) -> list[Edit]:
    return [Edit(entry_file(entry_id), "set", ("answer",), _tidy(text))]


def sign(made: Iterable[Edit], name: str, on: str) -> list[Edit]:
    """``name`` goes under the answers that ``made`` writes, with the day: a signature of before is not for this text."""
    files = dict.fromkeys(
        edit.file
        for edit in made
        if edit.file.startswith(f"{LANGUAGE}/entries/") and edit.path[:1] in ((), ("question",), ("answer",))
    )
    signature = {"reviewed_by": name, "reviewed_on": on}
    return [Edit(file, "set", (field,), value) for file in files for field, value in signature.items()]


def change_fact(fact: str, text: str, today: date) -> tuple[str, list[Edit]]:
    """The entry that shows one of ``FACTS``, and the edits that make it ``text``."""
    if fact == "hours":
        lines = [_join(line.lstrip("-• ")) for line in re.split("[;\n]", text)]
        if not any(lines):
            raise NotPossible("Send the week, a line each, such as mon-fri: 8-12, 13-18.")
        return FACTS[fact], [Edit(CLINIC, "list", (fact,), tuple(filter(None, lines)))]
    if fact == "closed":
        return FACTS[fact], [close_on(text, today)]
    return FACTS[fact], [Edit(CLINIC, "set", (fact,), _join(text))]


def reopen(content: Content, number: str) -> tuple[str, list[Edit]]:
    """The same for the closed time of that place in the list, which is taken out."""
    closed = content.clinic.closed
    if not number.isdigit() or int(number) >= len(closed):
        raise NotPossible("That day is no longer in the list.")
    return FACTS["closed"], [Edit(CLINIC, "remove", ("closed",), closed[int(number)])]


def close_on(text: str, today: date) -> Edit:
    """A closed time; "today" and "tomorrow" become their date."""
    days = {"today": 0, "tomorrow": 1}.get(text.strip().lower())
    day = today + timedelta(days=days or 0)
    return Edit(CLINIC, "add", ("closed",), _join(text) if days is None else f"{day.day} {day:%b} {day.year}")


def make_entry(content: Content, text: str, utterances: Sequence[str]) -> tuple[str, list[Edit]]:
    """The id and edits of a new entry: first line the question, then the answer, last ``Source: title, publisher``."""
    question, _, rest = text.strip().partition("\n")
    answer, _, source = rest.partition("\nSource:")
    if not answer.strip() or len(question.strip()) > 60:
        raise NotPossible("The first line is the question (at most 60 characters), the answer stands below it.")
    entry_id = make_id(question)
    if not entry_id or content.entry(entry_id):
        raise NotPossible(f"There is an entry `{entry_id}` already. Choose another question.")
    title, _, publisher = (part.strip() for part in source.strip().rpartition(","))
    asked = tuple(dict.fromkeys(map(_join, (*utterances, question))))
    file = entry_file(entry_id)
    edits = [
        Edit(file, "write", (), _BLANK.format(id=entry_id)),
        Edit(file, "set", ("question",), _join(question)),
        Edit(file, "list", ("phrasings",), asked),
        Edit(file, "set", ("answer",), _tidy(answer)),
    ]
    if not source.strip():
        return entry_id, [*edits, Edit(file, "list", ("sources",), ())]  # check then asks for one
    edits.append(Edit(file, "set", ("sources", 0, "title"), title or publisher))
    edits.append(Edit(file, "set", ("sources", 0, "publisher"), publisher or title))
    return entry_id, edits


def make_id(question: str) -> str:
    """An id out of a question: its first telling words."""
    kept = [word for word in words(question) if word.isascii() and word.isalnum()]
    telling = [word for word in kept if word not in _SMALL_WORDS] or kept
    return "-".join(telling[:4])[:50].strip("-")


def _join(text: str) -> str:
    """``text`` on one line."""
    return " ".join(text.split())


def _tidy(text: str) -> str:
    """Phones type • and – for bullets; the content's own sign is a hyphen."""
    lines = [re.sub(r"^\s*[•–—*]\s+", "- ", line.rstrip()).lstrip() for line in text.strip().splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))
