"""The staff's work from the command line, beside a running bot or without one."""

import difflib
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from bot.content import Content, entry_file, load
from bot.errors import BotError, ContentError, StoreError
from bot.staff import edits
from bot.staff.folder import Files, Folder
from bot.staff.publishing import Published, Publisher, make_rework
from bot.staff.snapshots import Verdict, state_folder
from bot.staff.tables import Table
from bot.staff.yaml_edit import Edit
from bot.store import list_missed

MOST_TRIES = 5


class Terminal(Publisher):
    """One command's view of the content in ``faq_dir``; a running bot watches the same folder and takes over."""

    def __init__(self, faq_dir: Path, database: Path, cache_dir: Path) -> None:
        super().__init__(faq_dir, state_folder(database), cache_dir)
        self._base = ""
        self._database = database

    def _find_base(self) -> str:
        return self._base

    async def _list_missed(self) -> Sequence[str]:
        """None where the bot has not run, or its database can't be read."""
        try:
            return [one.utterance for one in list_missed(f"sqlite:///{self._database}")]
        except StoreError:
            return ()

    async def _settle(self, files: Files) -> Verdict | None:
        """An edit is compared with the folder as it is, when that can be used at all."""
        try:
            load(self.folder.path)
            self._base = self.snapshots.add(files)
        except ContentError:
            self._base = self.snapshots.current()[0]
        return None

    def list_groups(self) -> list[str]:
        return list(load(self.folder.path).phrases.groups)

    async def compare(self, against: str) -> Verdict:
        """What the folder's content means for patients against a git ref, a folder, or (empty) what is live."""
        files = self.folder.read()
        self._base = self.snapshots.current()[0]
        if against or not self.snapshots.has(self._base):
            self._base = self.snapshots.add(self._read_files(against or "HEAD"))
        return await self.check(files)

    def _read_files(self, ref: str) -> Files:
        if Path(ref).is_dir():
            return Folder(Path(ref)).read()
        done = subprocess.run(
            ["git", "-C", str(self.folder.path), "archive", "--format=tar", ref, "."], capture_output=True, check=False
        )
        if done.returncode:
            raise BotError(f"`{ref}` is neither a folder nor a commit of the FAQ folder's git checkout.")
        with tempfile.TemporaryDirectory() as place:
            subprocess.run(["tar", "-x", "-C", place], input=done.stdout, check=True)
            return Folder(Path(place)).read()

    def describe_change(self, number: int) -> Iterator[str]:
        """A change in words, then its lines."""
        change = self.history.get(number)
        yield f"Change {change.number}, {change.at:%Y-%m-%d %H:%M} UTC, by {change.who} ({change.how})"
        yield from (f"- {line}" for line in change.summary)
        if change.commit:
            yield f"git commit {change.commit}"
        for name in change.after:
            old, new = ((side[name] or "").splitlines() for side in (change.before, change.after))
            yield ""
            yield from difflib.unified_diff(old, new, f"{name} (before)", f"{name} (after)", n=1, lineterm="")

    async def add_entry(self, text: str, phrasings: Sequence[str], group: str, who: str) -> Published:
        """A new entry: ``text`` is question, answer and source as the staff chat takes them."""
        entry, made = edits.make_entry(self._load_content(), text, phrasings)
        made.append(Edit(entry_file(entry), "set", ("group",), group))
        return await self.publish(make_rework(made), who=who, how="command")

    async def add_table(self, table: Table, source: str, who: str) -> tuple[Published, list[str]]:
        """Entries of a table's rows; what can't be read or is refused is left out and describe_verdict."""
        left_out, content = list(table.left_out), self._load_content()
        wanted: dict[str, list[Edit]] = {}  # by file
        for row in table.rows:
            try:
                text = f"{row.question}\n{row.answer}\nSource: {source}"
                entry, made = edits.make_entry(content, text, row.ways_to_ask)
            except BotError as error:
                left_out.append(f"“{row.question}”: {error}")
                continue
            if wanted.setdefault(entry_file(entry), made) is not made:
                left_out.append(f"“{row.question}”: another row has the same first words.")
        for _ in range(MOST_TRIES):
            published = await self.publish(make_rework([*chain(*wanted.values())]), who=who, how="command")
            faulty = {one.path: str(one) for one in published.verdict.refused if one.path in wanted}
            left_out += faulty.values()
            wanted = {file: made for file, made in wanted.items() if file not in faulty}
            if published.verdict.is_good or not faulty:
                break
        return published, left_out

    def _load_content(self) -> Content:
        try:
            return load(self.folder.path)
        except ContentError as error:
            raise BotError(f"Mend the content first:\n{error}") from error


def describe_verdict(verdict: Verdict, *, markdown: bool = False) -> Iterator[str]:
    """A verdict in lines; as Markdown for a pull request."""
    head = "### " if markdown else ""
    if verdict.refused:
        yield f"{head}This can't go live"
        yield from (f"- {problem}" for problem in verdict.refused)
    if verdict.summary:
        yield f"{head}What changes for patients"
        yield from (f"- {line}" for line in verdict.summary)
    elif verdict.is_good:
        yield "Patients see no difference."
    if verdict.differences:
        yield f"{head}{len(verdict.differences)} known message(s) get another reply"
        yield from (f"- {one.source}: {one}" for one in verdict.differences)
    if verdict.remarks:
        yield f"{head}An editor would say"
        yield from (f"- {problem}" for problem in verdict.remarks)
    if verdict.is_medical and verdict.is_good and verdict.summary:
        yield "A reviewer must read this: it changes medical text."
