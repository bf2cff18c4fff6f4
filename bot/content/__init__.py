"""Everything the bot says and how it is tested, read from one folder and checked as a whole.

The folder (``FAQ_DIR``) is complete: ``clinic.yaml``, and per language ``entries/*.yaml``, ``red-flags/*.yaml``,
``phrases.yaml``, and where the clinic has them ``other-languages.yaml``, ``out-of-scope.yaml``,
``small-talk.yaml`` and ``utterances/*.yaml``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from bot.content.clinic import PLACEHOLDERS, Clinic, fill, placeholders
from bot.content.entries import Entry, OutOfScope, Source, UtteranceTests
from bot.content.listing import files, not_read, unread, version
from bot.content.phrases import Phrases, SmallTalk
from bot.content.reading import Document, parse, read
from bot.content.red_flags import MOST_LINES, Languages, RedFlag, RedFlags
from bot.errors import ContentError, Problem

__all__ = [
    "Clinic", "Content", "Entry", "Phrases", "RedFlag", "RedFlags", "SmallTalk", "Source", "UtteranceTests",
    "files", "fill", "load", "placeholders", "red_flag_file", "unread", "version",
]  # fmt: skip

LANGUAGE = "en"
LANGUAGES_FILE = f"{LANGUAGE}/other-languages.yaml"
MAX_FILES = 2_000
_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True)
class Content:
    """One consistent state of the content. ``version``: 12 hex digits of the hash of all its files.

    ``documents`` keeps the lines, so that whoever checks the content further can name file and line; ``unread`` names
    files that look as if they were meant to be read, and are not.
    """

    entries: Mapping[str, Entry]
    red_flags: RedFlags
    phrases: Phrases
    clinic: Clinic
    out_of_scope: tuple[str, ...] = ()
    small_talk: Mapping[str, SmallTalk] = field(default_factory=dict)
    utterances: tuple[UtteranceTests, ...] = ()
    version: str = ""
    documents: Mapping[str, Document] = field(default_factory=dict, repr=False, compare=False)
    unread: tuple[Problem, ...] = field(default=(), repr=False, compare=False)

    def entry(self, entry_id: str) -> Entry | None:
        """The entry of that id, also by an earlier id that it keeps as an alias."""
        if entry_id in self.entries:
            return self.entries[entry_id]
        return next((entry for entry in self.entries.values() if entry_id in entry.aliases), None)

    def groups(self) -> dict[str, list[Entry]]:
        """Entries by group, groups in the order of ``phrases.yaml``, empty ones left out."""
        found: dict[str, list[Entry]] = {group: [] for group in self.phrases.groups}
        for entry in self.entries.values():
            found.setdefault(entry.group, []).append(entry)
        return {group: entries for group, entries in found.items() if entries}


class _Reader:
    """Reads files of one FAQ folder and gathers their problems."""

    def __init__(self, faq_dir: Path) -> None:
        self.faq_dir = faq_dir
        self.names = [path.relative_to(faq_dir).as_posix() for path in files(faq_dir)]
        self.documents: dict[str, Document] = {}

    @property
    def problems(self) -> list[Problem]:
        return [problem for document in self.documents.values() for problem in document.problems]

    def document(self, name: str) -> Document:
        if name not in self.documents:
            self.documents[name] = read(self.faq_dir / name, name)
        return self.documents[name]

    def one(self, name: str, model: type[_Model]) -> _Model | None:
        return parse(self.document(name), model)

    def optional(self, name: str, model: type[_Model]) -> _Model | None:
        return self.one(name, model) if name in self.names else None

    def folder(self, name: str) -> list[str]:
        return [one for one in self.names if one.rpartition("/")[0] == name]


def load(faq_dir: Path) -> Content:
    """The content of ``faq_dir``; ContentError lists every problem at once, each with file, line and cure."""
    if not faq_dir.is_dir():
        raise ContentError(
            [Problem(str(faq_dir), 1, "the FAQ folder does not exist.", "Set FAQ_DIR to the folder with clinic.yaml.")]
        )
    reader = _Reader(faq_dir)
    if len(reader.names) > MAX_FILES:
        raise ContentError([Problem(str(faq_dir), 1, f"more than {MAX_FILES} files.", "Is FAQ_DIR the right folder?")])
    clinic = reader.one("clinic.yaml", Clinic)
    phrases = reader.one(f"{LANGUAGE}/phrases.yaml", Phrases)
    red_flags = _red_flags(reader)
    entries = _entries(reader)
    out_of_scope = reader.optional(f"{LANGUAGE}/out-of-scope.yaml", OutOfScope)
    small_talk = _small_talk(reader)
    utterances = _utterances(reader)
    if reader.problems or not (clinic and phrases and red_flags):
        raise ContentError(reader.problems)
    content = Content(
        entries=entries,
        red_flags=red_flags,
        phrases=phrases,
        clinic=clinic,
        out_of_scope=out_of_scope.all_messages() if out_of_scope else (),
        small_talk=small_talk,
        utterances=utterances,
        version=version(faq_dir),
        documents=reader.documents,
        unread=(*unread(faq_dir), *map(not_read, (name for name in reader.names if name not in reader.documents))),
    )
    problems = list(_references(content))
    if problems:
        raise ContentError(problems)
    return content


def entry_file(entry_id: str) -> str:
    """Where an entry stands, relative to the FAQ folder."""
    return f"{LANGUAGE}/entries/{entry_id}.yaml"


def red_flag_file(page_id: str) -> str:
    """Where the page of a red flag stands, relative to the FAQ folder."""
    return f"{LANGUAGE}/red-flags/{page_id}.yaml"


def _red_flags(reader: _Reader) -> RedFlags | None:
    folder = f"{LANGUAGE}/red-flags"
    pages = [page for name in reader.folder(folder) if (page := _red_flag(reader, name))]
    if not pages:
        problem = Problem(folder, 1, "no red flag stands here.", "Put the shipped pages back: the bot must screen.")
        reader.documents[folder] = Document(folder, problems=[problem])
        return None
    languages = reader.optional(LANGUAGES_FILE, Languages)
    return RedFlags(tuple(sorted(pages, key=lambda page: (page.rank, page.id))), languages.root if languages else {})


def _red_flag(reader: _Reader, name: str) -> RedFlag | None:
    page, document = reader.one(name, RedFlag), reader.document(name)
    if page and Path(name).stem != page.id:
        document.report(
            f"the file is named {Path(name).name}, the sign `{page.id}`.", f"Name the file {page.id}.yaml.", at=("id",)
        )
    if page and (lines := max(document.lines.values())) > MOST_LINES:
        cure = "Keep what a clinician reads aloud in three minutes; teach the rest in training/."
        document.report(f"the page has {lines} lines, at most {MOST_LINES}.", cure, line=lines)
    return page


def _entries(reader: _Reader) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    names = reader.folder(f"{LANGUAGE}/entries")
    if not names:
        folder = f"{LANGUAGE}/entries"
        reader.documents[folder] = Document(
            folder, problems=[Problem(folder, 1, "no entry stands here.", "Add at least one entry.")]
        )
    for name in names:
        entry = reader.one(name, Entry)
        if entry is None:
            continue
        document = reader.document(name)
        if entry.id in entries:
            document.report(
                f"the id `{entry.id}` is used by another entry too.", "Give one of them another id.", at=("id",)
            )
        elif name != entry_file(entry.id):
            message = f"the file is named {Path(name).name}, the entry `{entry.id}`."
            if entry_file(entry.id) in names:
                document.report(
                    message, "If it is a copy, give it an id and a name of its own, or delete it.", at=("id",)
                )
                continue
            document.report(message, f"Name the file {entry.id}.yaml.", at=("id",))
        entries[entry.id] = entry
    return entries


def _small_talk(reader: _Reader) -> dict[str, SmallTalk]:
    name = f"{LANGUAGE}/small-talk.yaml"
    if name not in reader.names:
        return {}
    document = reader.document(name)
    if document.problems or not isinstance(document.value, dict):
        if not document.problems:
            document.report("expected `kind:` lines.", "Compare with the shipped file.")
        return {}
    kinds = {kind: parse(document, SmallTalk, (kind,)) for kind in document.value}
    return {kind: talk for kind, talk in kinds.items() if talk}


def _utterances(reader: _Reader) -> tuple[UtteranceTests, ...]:
    tests = [reader.one(name, UtteranceTests) for name in reader.folder(f"{LANGUAGE}/utterances")]
    return tuple(test for test in tests if test)


def _references(content: Content) -> Iterator[Problem]:
    """Names that lead nowhere: in see_also, disclaimer, examples, tests and placeholders."""
    documents = content.documents
    phrases_file = f"{LANGUAGE}/phrases.yaml"
    for entry in content.entries.values():
        document = documents[entry_file(entry.id)]
        for index, other in enumerate(entry.see_also):
            if content.entry(other) is None:
                yield Problem(
                    document.path,
                    document.line("see_also", index),
                    f"see_also names `{other}`, which is no entry.",
                    "Correct it or take it out.",
                )
        if entry.disclaimer not in content.phrases.disclaimers:
            known = ", ".join(content.phrases.disclaimers)
            yield Problem(
                document.path,
                document.line("disclaimer"),
                f"`{entry.disclaimer}` is no disclaimer.",
                f"Known: {known}.",
            )
        for name in set(placeholders(entry.answer)) - PLACEHOLDERS:
            yield Problem(
                document.path,
                document.line("answer"),
                f"`{{{name}}}` is no placeholder.",
                "Known: " + ", ".join(sorted(PLACEHOLDERS)) + ".",
            )
    pages = {page.id for page in content.red_flags.pages}
    for language, said in content.red_flags.languages.items():
        for page in sorted(said.signs.keys() - pages):
            document = documents[LANGUAGES_FILE]
            line = document.line(language, "signs", page)
            yield Problem(document.path, line, f"`{page}` is no red flag.", "Correct the id.")
    for index, example in enumerate(content.phrases.examples):
        if content.entry(example) is None:
            yield Problem(
                phrases_file,
                documents[phrases_file].line("examples", index),
                f"`{example}` is no entry.",
                "Name an entry's id.",
            )
    for name, document in documents.items():
        if name.startswith(f"{LANGUAGE}/utterances/") and isinstance(document.value, dict):
            target = str(document.value.get("entry", ""))
            if content.entry(target) is None:
                yield Problem(
                    name, document.line("entry"), f"`{target}` is no entry.", "Correct the id, or delete the file."
                )
