"""What staff do to the content, as edits of files."""

import re
from collections.abc import Iterable, Sequence

from bot.content import LANGUAGE, Content, entry_file
from bot.errors import BotError
from bot.staff.editing import Edit
from bot.understanding.text import words

OUT_OF_SCOPE = f"{LANGUAGE}/out-of-scope.yaml"
CLINIC = "clinic.yaml"


class NotPossible(BotError):
    """Staff asked for something that can't be done so; the message says how it can."""


def one_line(said: str) -> str:
    return " ".join(said.split())


def tests_file(entry_id: str) -> str:
    return f"{LANGUAGE}/utterances/{entry_id}.yaml"


def learn(content: Content, entry_id: str, utterances: Iterable[str]) -> list[Edit]:
    """``utterances`` become ways to ask for the entry, each with its test."""
    edits: list[Edit] = []
    entry = content.entries.get(entry_id)
    if entry is None:
        raise NotPossible(f"There is no entry `{entry_id}` any more.")
    has_tests = any(test.entry == entry_id for test in content.utterances)
    for utterance in map(one_line, utterances):
        if utterance not in entry.phrasings:
            edits.append(Edit(entry_file(entry_id), "add", ("phrasings",), utterance))
        if has_tests:
            edits.append(Edit(tests_file(entry_id), "add", ("utterances",), utterance))
        else:
            edits.append(Edit(tests_file(entry_id), "write", (), f"entry: {entry_id}\nutterances:\n  - x\n"))
            edits.append(Edit(tests_file(entry_id), "list", ("utterances",), (utterance,)))
            has_tests = True
    return edits


def not_for_us(content: Content, utterances: Iterable[str]) -> list[Edit]:
    """``utterances`` are messages that no entry answers."""
    said = [one_line(utterance) for utterance in utterances]
    new = [one for one in said if one not in content.out_of_scope]
    if content.out_of_scope:
        return [Edit(OUT_OF_SCOPE, "add", ("messages",), one) for one in new]
    return [
        Edit(OUT_OF_SCOPE, "write", (), "messages:\n  - x\n"),
        Edit(OUT_OF_SCOPE, "list", ("messages",), tuple(new)),
    ]


def answer(entry_id: str, text: str) -> list[Edit]:
    return [Edit(entry_file(entry_id), "set", ("answer",), _tidy(text))]


def signed(made: Iterable[Edit], name: str, on: str) -> list[Edit]:
    """``name`` goes under the answers that ``made`` writes, with the day: a signature of before is not for this text."""
    files = dict.fromkeys(
        edit.file
        for edit in made
        if edit.file.startswith(f"{LANGUAGE}/entries/") and edit.path[:1] in ((), ("question",), ("answer",))
    )
    return [
        Edit(file, "set", (field,), value)
        for file in files
        for field, value in (("reviewed_by", name), ("reviewed_on", on))
    ]


def _tidy(text: str) -> str:
    """Phones type • and – for bullets; the content's own sign is a hyphen."""
    lines = [re.sub(r"^\s*[•–—*]\s+", "- ", line.rstrip()) for line in text.strip().splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.lstrip() for line in lines))


def hours(text: str) -> list[Edit]:
    """The ordinary week, a line each."""
    lines = tuple(one_line(line.lstrip("-• ")) for line in text.splitlines() if line.strip())
    if not lines:
        raise NotPossible("Send the week, a line each, such as mon-fri: 8-12, 13-18.")
    return [Edit(CLINIC, "list", ("hours",), lines)]


def closed(text: str) -> list[Edit]:
    return [Edit(CLINIC, "add", ("closed",), one_line(text))]


def open_again(content: Content, line: str) -> list[Edit]:
    if line not in content.clinic.closed:
        raise NotPossible("That day is no longer in the list.")
    return [Edit(CLINIC, "remove", ("closed",), line)]


def phone(text: str) -> list[Edit]:
    return [Edit(CLINIC, "set", ("phone",), one_line(text))]


def new_entry(content: Content, text: str, utterances: Sequence[str]) -> tuple[str, list[Edit]]:
    """The id and edits of a new entry: first line the question, then the answer, last ``Source: title, publisher``."""
    question, _, rest = text.strip().partition("\n")
    rest, _, source = rest.partition("\nSource:")
    if not rest.strip() or len(question.strip()) > 60:
        raise NotPossible("The first line is the question (at most 60 characters), the answer stands below it.")
    entry_id = slug(question)
    if not entry_id or content.entry(entry_id):
        raise NotPossible(f"There is an entry `{entry_id}` already. Choose another question.")
    title, _, publisher = source.strip().rpartition(",")
    asked = [one_line(one) for one in (*utterances, question.strip())]
    edits = [
        Edit(entry_file(entry_id), "write", (), _BLANK.format(id=entry_id)),
        Edit(entry_file(entry_id), "set", ("question",), one_line(question)),
        Edit(entry_file(entry_id), "list", ("phrasings",), tuple(dict.fromkeys(asked))),
        Edit(entry_file(entry_id), "set", ("answer",), _tidy(rest)),
    ]
    if source.strip():
        edits.append(Edit(entry_file(entry_id), "set", ("sources", 0, "title"), (title or source).strip()))
        edits.append(Edit(entry_file(entry_id), "set", ("sources", 0, "publisher"), (publisher or title).strip()))
    else:
        edits.append(Edit(entry_file(entry_id), "list", ("sources",), ()))  # check then asks for one
    return entry_id, edits


_BLANK = """\
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


def slug(question: str) -> str:
    """An id out of a question: its first telling words."""
    small = {
        "a",
        "an",
        "the",
        "is",
        "are",
        "do",
        "does",
        "i",
        "my",
        "me",
        "to",
        "of",
        "for",
        "it",
        "can",
        "how",
        "what",
        "with",
    }
    kept = [word for word in words(question) if word.isascii() and word.isalnum()]
    telling = [word for word in kept if word not in small] or kept
    return "-".join(telling[:4])[:50].strip("-")
