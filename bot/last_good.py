"""The last content that worked, kept beside the database: a restart serves it when staff broke the present one."""

import contextlib
import shutil
from pathlib import Path

from bot.content import Content, load
from bot.errors import ContentError
from bot.logs import log


def load_or_last_good(faq_dir: Path, snapshot: Path) -> tuple[Content, str]:
    """The content and "", or the last good one and why. Raises ContentError when there is neither."""
    try:
        return load(faq_dir), ""
    except ContentError as error:
        if not snapshot.is_dir():
            raise
        content = load(snapshot)
        first = error.problems[0] if error.problems else ""
        log().error(
            "the content can't be used; the last good one answers", problems=len(error.problems), first=str(first)
        )
        return content, f"the content can't be used ({len(error.problems)} problems, first: {first})"


def keep_as_last_good(faq_dir: Path, snapshot: Path, version: str) -> None:
    """Copies the content that is in use, if it is another one than was kept. Never leaves half a copy."""
    mark = snapshot / ".version"
    with contextlib.suppress(OSError):
        if mark.read_text() == version:
            return
    fresh = snapshot.with_name(snapshot.name + ".part")
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(faq_dir, fresh)
        (fresh / ".version").write_text(version)
        shutil.rmtree(snapshot, ignore_errors=True)
        fresh.rename(snapshot)
    except OSError as error:
        log().warning("the last good content could not be kept", why=str(error.strerror))
