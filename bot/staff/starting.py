"""Content for a new clinic: a start from the shipped one, and FAQ tables that a clinic has already."""

import csv
import io
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from bot.content import files
from bot.errors import BotError
from bot.ownership import give_to_owner

SHIPPED = Path(__file__).parent.parent.parent / "faq"
_SIGNATURE = re.compile(
    r"^(\s*(?:reviewed|signed|confirmed)_(?:by|on)):[ \t]*(?:\"[^\"\n]*\"|[^#\n]*?)([ \t]+#.*)?$", re.MULTILINE
)
Row = tuple[str, str, Sequence[str]]  # question, answer, more ways to ask


def start_content(folder: Path, shipped: Path = SHIPPED) -> Iterator[str]:
    """Copies the shipped content into ``folder`` with nobody's name under it; says what to do next."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BotError(f"{folder} is not empty. Name a new folder.")
    for file in (*files(shipped), *shipped.glob("*.md"), *shipped.glob("schema/*.json")):
        target = folder / file.relative_to(shipped)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    for file in files(folder):
        text = file.read_text(encoding="utf-8")
        unsigned = _SIGNATURE.sub(r'\1: ""\2', text)
        if unsigned != text:
            file.write_text(unsigned, encoding="utf-8")
    give_to_owner(folder)
    yield f"{folder} holds the content. Next:"
    yield f"1. Write the clinic's own values into {folder / 'clinic.yaml'}."
    yield f"2. FAQ_DIR={folder} python -m bot check --live says what is left."
    yield "3. Have a clinician read the answers and the red flags, and sign them."
    yield f"4. FAQ_DIR={folder} python -m bot run"


def read_table(path: Path) -> list[Row]:
    """The rows of a CSV or Markdown file. BotError names what was expected."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BotError(f"{path} can't be read as text in UTF-8. Save it again as CSV UTF-8.") from error
    rows = list(_csv(text)) if path.suffix.lower() == ".csv" else [*_pipes(text), *_headings(text)]
    if not rows:
        raise BotError(
            f"No question and answer were found in {path.name}. A CSV has the columns question and answer; "
            "Markdown a table with two columns, or a heading for each question."
        )
    return rows


def _csv(text: str) -> Iterator[Row]:
    first = text.splitlines()[0] if text.strip() else ""
    rows = csv.reader(io.StringIO(text), delimiter=";" if first.count(";") > first.count(",") else ",")
    for cells in rows:
        question, answer, *more = [cell.strip() for cell in cells] + [""] * (2 - len(cells))
        if question and answer and (question.lower(), answer.lower()) != ("question", "answer"):
            yield question, answer, [one for one in more if one]


def _pipes(text: str) -> Iterator[Row]:
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.strip().startswith("|") else []
        is_rule = all(set(cell) <= set("-: ") for cell in cells)
        if len(cells) >= 2 and not is_rule and cells[0].lower() != "question":
            yield cells[0], cells[1].replace("<br>", "\n"), [one for one in cells[2:] if one]


def _headings(text: str) -> Iterator[Row]:
    for part in re.split(r"^#{2,4}\s+", text, flags=re.MULTILINE)[1:]:
        question, _, answer = part.partition("\n")
        if answer.strip() and "|" not in answer:
            yield question.strip(), answer.strip(), []
