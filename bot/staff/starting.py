"""Content for a new clinic: a start from the shipped one."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from bot.content import files
from bot.content.ownership import give_to_owner
from bot.errors import BotError

SHIPPED = Path(__file__).parent.parent.parent / "faq"
_SIGNATURE = re.compile(
    r"^(\s*(?:reviewed|signed|confirmed)_(?:by|on)):[ \t]*(?:\"[^\"\n]*\"|[^#\n]*?)([ \t]+#.*)?$", re.MULTILINE
)


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
