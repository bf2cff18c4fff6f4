"""The files of one FAQ folder: which are read, which are passed over, and what is changed when any of them is."""

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from bot.errors import Problem, Severity

DEPTH = 3  # en/entries/ice.yaml
# Whoever puts one of these here means it to be read.
_MEANT = re.compile(r"\.ya?ml(?:\.\w+)?$|\.(?:txt|rtf|docx?|odt|pages|csv|xlsx?)$", re.IGNORECASE)
_TEMPORARY = re.compile(r"^[.#~]|~$|\.(?:tmp|sw\w|part)$")


def files(faq_dir: Path) -> Iterator[Path]:
    """The YAML files of ``faq_dir`` in a fixed order; editors' temporary and hidden files are left out."""
    yield from (path for path in _all_files(faq_dir) if _is_read(path, faq_dir))


def unread(faq_dir: Path) -> Iterator[Problem]:
    """Files that look as if they were meant for the bot, and are not read."""
    for path in _all_files(faq_dir):
        if _MEANT.search(path.name) and not _is_read(path, faq_dir):
            yield not_read(path.relative_to(faq_dir).as_posix())


def not_read(name: str) -> Problem:
    is_yaml = name.endswith(".yaml")
    cure = "Move it to where its like lie" if is_yaml else "Name it like ice.yaml (Windows may hide the .txt behind it)"
    return Problem(name, 1, "this file is not read.", f"{cure}, or take it out.", Severity.WARNING)


def version(faq_dir: Path) -> str:
    """12 hex digits that change when any file of the content does."""
    digest = hashlib.sha256()
    for path in files(faq_dir):
        digest.update(path.relative_to(faq_dir).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def _is_read(path: Path, faq_dir: Path) -> bool:
    return path.suffix == ".yaml" and len(path.relative_to(faq_dir).parts) <= DEPTH


def _all_files(faq_dir: Path) -> list[Path]:
    """Linked folders are followed, as a Kubernetes ConfigMap needs; one that leads back into itself is not."""
    found: list[Path] = []
    waiting = [(faq_dir, frozenset({faq_dir.resolve()}))]
    while waiting:
        folder, above = waiting.pop()
        with os.scandir(folder) as inside:
            for one in inside:
                path = folder / one.name
                if _TEMPORARY.search(one.name):
                    continue
                if one.is_dir():
                    if (real := path.resolve()) not in above:
                        waiting.append((path, above | {real}))
                elif one.is_file():
                    found.append(path)
    return sorted(found)
