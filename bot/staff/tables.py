"""FAQ tables that a clinic has already: CSV and Markdown from wherever, read by their headings, as plain text.

Nothing is guessed: what has no question or no answer is named as left out, and a table without both columns is refused.
"""

import csv
import html
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bot.errors import BotError

_HEADINGS = (  # of the question, the answer, ways to ask
    re.compile(r"^(?:faq |the |patients? )?(?:questions?|q)(?: text)?$"),
    re.compile(r"^(?:faq |the |our )?(?:answers?|a|response|reply)(?: text)?$"),
    re.compile(
        r"^(?:(?:more |other )?ways to ask|(?:also|alternative|other|similar) (?:asked as|questions|phrasings|wordings)"
        r"|phrasings?|variants?|synonyms)$"
    ),
)
_EXCEL_ERROR = re.compile(r"^#(?:REF|N/A|NAME\?|VALUE|DIV/0|NULL|NUM)!?")
_Q = re.compile(r"^(?:#{2,6}\s+|[-*]\s+)?(?:\*\*|__)?Q(?:uestion)?\s*\d*\s*[.:)]\s*(?P<text>.+)$", re.IGNORECASE)
_A = re.compile(r"^(?:\*\*|__)?A(?:nswer)?\s*\d*\s*[.:)](?:\*\*|__)?\s*", re.IGNORECASE)
_A_BESIDE = re.compile(r"\s(?:\*\*|__)?A(?:nswer)?[.:](?:\*\*|__)?\s")
_HEADING = re.compile(r"^(?P<level>#{1,6})\s+(?P<text>.+?)\s*#*$")
_BOLD_LINE = re.compile(r"^(?:\d+[.)]\s+|[-*]\s+)?(?:\*\*|__)(?P<text>[^*_]+\?)(?:\*\*|__)$")


@dataclass(frozen=True, slots=True)
class Row:
    question: str
    answer: str
    ways_to_ask: tuple[str, ...] = ()


@dataclass(slots=True)
class Table:
    """What could be read, and in words each row that could not."""

    rows: list[Row] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def add(self, where: str, question: str, answer: str, ways_to_ask: Sequence[str] = ()) -> None:
        row = Row(" ".join(plain(question).split()), plain(answer), tuple(filter(None, map(plain, ways_to_ask))))
        if not row.question or not row.answer:
            missing = "question" if not row.question else "answer"
            self.left_out.append(f"{where}: it has no {missing}: “{row.question or row.answer}”.")
        elif odd := next((one for one in (question, answer) if one.startswith("=") or _EXCEL_ERROR.match(one)), None):
            self.left_out.append(f"{where}: `{odd}` is a formula or its error, no text.")
        else:
            self.rows.append(row)


def read_table(path: Path) -> Table:
    """The rows of a CSV or Markdown file. BotError names what was expected."""
    text = _text_of(path)
    table = Table()
    if path.suffix.lower() in {".md", ".markdown"}:
        _read_pipes(text, table)
        _read_sections(text, table)
    else:
        _read_csv(text, table)
    if not table.rows and not table.left_out:
        raise BotError(
            f"No question and answer were found in {path.name}. A CSV has the columns question and answer; "
            "Markdown a table with these columns, or a heading for each question."
        )
    return table


def _text_of(path: Path) -> str:
    try:
        raw = path.read_bytes()
        if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
            return raw.decode("utf-16")
        if b"\0" in raw:
            raise BotError(f"{path.name} is no text. Save it as CSV UTF-8.")
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    except OSError as error:
        raise BotError(f"{path} can't be read ({error.strerror}).") from error
    try:
        return raw.decode("cp1252")  # what Excel writes in Europe
    except UnicodeDecodeError as error:
        raise BotError(f"{path} can't be read as text. Save it again as CSV UTF-8.") from error


def _find_columns(headings: Sequence[str]) -> list[list[int]] | None:
    """The places of question, answer and ways to ask by their headings; None unless the first two are among them."""
    names = [" ".join(re.sub(r"[_\W]+", " ", plain(one)).lower().split()) for one in headings]
    question, answer, ways = ([at for at, name in enumerate(names) if one.match(name)] for one in _HEADINGS)
    return [question[:1], answer[:1], ways] if question and answer else None


def _add_cells(table: Table, where: str, headings: Sequence[str], columns: list[list[int]], cells: list[str]) -> None:
    if len(cells) > len(headings):
        said = f"it has {len(cells)} cells, the headings are {len(headings)}. A text with a comma needs quotes."
        table.left_out.append(f"{where}: {said}")
        return
    filled = [*cells, *[""] * (len(headings) - len(cells))]
    (question,), (answer,), ways = ([filled[at] for at in places] for places in columns)
    table.add(where, question, answer, ways)


def _read_csv(text: str, table: Table) -> None:
    for delimiter in ",;\t|":
        try:
            rows = list(enumerate(csv.reader(io.StringIO(text), delimiter=delimiter), 1))
        except csv.Error as error:
            raise BotError(f"The table can't be read ({error}). Save it again as CSV UTF-8.") from error
        said = [(number, [cell.strip() for cell in row]) for number, row in rows if any(map(str.strip, row))]
        if said and (columns := _find_columns(said[0][1])):
            for number, cells in said[1:]:
                _add_cells(table, f"row {number}", said[0][1], columns, cells)
            return
    first = text.strip().splitlines()[0][:100] if text.strip() else "nothing"
    raise BotError(f"The first row must name the columns question and answer. It says: {first}")


def _read_pipes(text: str, table: Table) -> None:
    headings: list[str] = []
    columns: list[list[int]] | None = None
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if not line.startswith("|"):
            headings = []
            continue
        cells = re.split(r"(?<!\\)\|", re.sub(r"(?<!\\)\|$", "", line)[1:])
        cells = [cell.strip().replace("\\|", "|") for cell in cells]
        if not headings:
            headings, columns = cells, _find_columns(cells)
            if columns is None:
                table.left_out.append(f"line {number}: a table without the columns question and answer: {line[:80]}")
        elif columns and not all(set(cell) <= set("-: ") for cell in cells):
            _add_cells(table, f"line {number}", headings, columns, cells)


# Sections


def _read_sections(text: str, table: Table) -> None:
    """A question is a heading, a line after ``Q:``, or a bold line that asks; its answer is what stands below."""
    question, answer, at = "", list[str](), 0

    def close() -> None:
        if question:
            table.add(f"line {at}", question, _A.sub("", "\n".join(answer).strip(), count=1))

    for number, line in enumerate(text.splitlines(), 1):
        found = _Q.match(line.strip()) or _HEADING.match(line.strip()) or _BOLD_LINE.match(line.strip())
        if found and found.re is _HEADING and found["level"] == "#" and not found["text"].endswith("?"):
            close()  # the title of the page or of a part of it
            question = ""
        elif found:
            close()
            question, *beside = _A_BESIDE.split(found["text"], maxsplit=1)
            answer, at = list(beside), number
        elif not line.strip().startswith("|"):
            answer.append(line)
    close()


def plain(text: str) -> str:
    """``text`` without the marks of Markdown and HTML; of a link the address stays in brackets."""
    said = re.sub(r"<(?:br|/p|/div|/li)\s*/?>", "\n", text, flags=re.IGNORECASE)
    said = re.sub(r"<li[^>]*>", "- ", said, flags=re.IGNORECASE)
    said = re.sub(
        r"<a\b[^>]*href=[\"']([^\"']*)[\"'][^>]*>(.*?)</a>", r"[\2](\1)", said, flags=re.IGNORECASE | re.DOTALL
    )
    said = html.unescape(re.sub(r"</?[a-zA-Z][^<>]*>", "", said))
    said = re.sub(r"!?\[([^\]]*)\]\(<?([^)\s>]+)>?(?:\s+[^)]*)?\)", _link, said)
    said = re.sub(r"(\*\*|__|~~|`)(?=\S)(.+?)(?<=\S)\1", r"\2", said, flags=re.DOTALL)
    said = re.sub(r"(?<![\w*])([*_])(?=\S)([^*_\n]+)(?<=\S)\1(?![\w*])", r"\2", said)
    said = re.sub(r"\*\*|__", "", said) if said.count("**") == 1 or said.count("__") == 1 else said
    said = re.sub(r"\\([\\`*_{}\[\]()#+.!|<>-])", r"\1", said)
    lines = (re.sub(r"^\s*[*+]\s+", "- ", line.strip()) for line in said.splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _link(match: re.Match[str]) -> str:
    words, address = match[1].strip(), match[2]
    return address if not words or words == address else f"{words} ({address})"
