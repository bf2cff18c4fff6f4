"""The staff's work from the command line, beside a running bot or without one."""

import difflib
import io
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bot.content import LANGUAGE, Content, load
from bot.errors import BotError, ContentError, StoreError
from bot.staff import edits
from bot.staff.checker import Checker
from bot.staff.editing import Edit
from bot.staff.folder import Files, Folder
from bot.staff.history import History
from bot.staff.publishing import Published, Publisher, edited
from bot.staff.snapshots import Snapshots, Verdict, state_folder
from bot.staff.tables import Table
from bot.store import list_missed as missed

MOST_TRIES = 5


class Terminal:
    """One command's view of the content in ``faq_dir``; a running bot watches the same folder and takes over."""

    def __init__(self, faq_dir: Path, database: Path, cache_dir: Path) -> None:
        state = state_folder(database)
        self.folder = Folder(faq_dir)
        self.history = History(state)
        self._snapshots = Snapshots(state / "snapshots")
        self._checker = Checker(self._snapshots, cache_dir)
        self._version = ""
        self.publisher = Publisher(
            self.folder, self._snapshots, self.history, self._checker,
            base=lambda: self._version, settle=self._settle, go_live=self._nothing, missed=self._missed,
        )  # fmt: skip
        self._database = database

    async def _missed(self) -> Sequence[str]:
        """Recent questions that nobody could answer; none where the bot has not run, or its database can't be read."""
        try:
            return [one.utterance for one in missed(f"sqlite:///{self._database}")]
        except StoreError:
            return ()

    async def _nothing(self, _verdict: Verdict, _change: int) -> None:
        return

    async def _settle(self, files: Files) -> Verdict | None:
        """An edit is compared with the folder as it is, when that can be used at all."""
        try:
            load(self.folder.path)
            self._version = self._snapshots.add(files)
        except ContentError:
            self._version = self._snapshots.current()[0]
        return None

    def groups(self) -> list[str]:
        return list(load(self.folder.path).phrases.groups)

    async def compare(self, against: str) -> Verdict:
        """What the folder's content means for patients against a git ref, a folder, or (empty) what is live."""
        files = self.folder.read()
        live = self._snapshots.current()[0]
        if against or not self._snapshots.has(live):
            live = self._snapshots.add(self._files_of(against or "HEAD"))
        return await self._checker.check(files, live, await self._missed())

    def _files_of(self, ref: str) -> Files:
        if Path(ref).is_dir():
            return Folder(Path(ref)).read()
        done = subprocess.run(
            ["git", "-C", str(self.folder.path), "archive", "--format=tar", ref, "."], capture_output=True, check=False
        )
        if done.returncode:
            raise BotError(f"`{ref}` is neither a folder nor a commit of the FAQ folder's git checkout.")
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
            found = {one.name.removeprefix("./"): tar.extractfile(one) for one in tar.getmembers() if one.isfile()}
            return {
                name: raw.read()
                for name, raw in found.items()
                if raw and name.endswith(".yaml") and "/." not in f"/{name}"
            }

    def shown(self, number: int) -> Iterator[str]:
        """A change in words, then its lines."""
        change = self.history.get(number)
        yield f"Change {change.number}, {change.at:%Y-%m-%d %H:%M} UTC, by {change.who} ({change.how})"
        yield from (f"- {line}" for line in change.summary)
        if change.commit:
            yield f"git commit {change.commit}"
        before, after = self.history.sides(change)
        for name in change.files:
            old, new = ((side[name] or b"").decode(errors="replace").splitlines() for side in (before, after))
            yield ""
            yield from difflib.unified_diff(old, new, f"{name} (before)", f"{name} (after)", n=1, lineterm="")

    async def undo(self, number: int, who: str) -> Published:
        return await self.publisher.publish(
            lambda files: self.history.taken_back(number, files), who=who, how="undo", undoes=number
        )

    async def add_entry(self, text: str, phrasings: Sequence[str], group: str, who: str) -> Published:
        """A new entry: ``text`` is question, answer and source as the staff chat takes them."""
        entry, made = edits.new_entry(self._content(), text, phrasings)
        made.append(Edit(f"{LANGUAGE}/entries/{entry}.yaml", "set", ("group",), group))
        return await self.publisher.publish(edited(made), who=who, how="command")

    async def add_table(self, table: Table, source: str, who: str) -> tuple[Published, list[str]]:
        """Entries of a table's rows; what can't be read or is refused is left out and told."""
        left_out = list(table.left_out)
        wanted: dict[str, list[Edit]] = {}
        content = self._content()
        for row in table.rows:
            try:
                text = f"{row.question}\n{row.answer}\nSource: {source}"
                entry, made = edits.new_entry(content, text, row.ways_to_ask)
            except BotError as error:
                left_out.append(f"“{row.question}”: {error}")
                continue
            if entry in wanted:
                left_out.append(f"“{row.question}”: another row has the same first words.")
            else:
                wanted[entry] = made
        for _ in range(MOST_TRIES):
            made = [edit for one in wanted.values() for edit in one]
            published = await self.publisher.publish(edited(made), who=who, how="command")
            refused = {problem.path: problem for problem in published.verdict.refused}
            faulty = [entry for entry in wanted if f"{LANGUAGE}/entries/{entry}.yaml" in refused]
            left_out += [f"{refused[f'{LANGUAGE}/entries/{entry}.yaml']}" for entry in faulty]
            wanted = {entry: made for entry, made in wanted.items() if entry not in faulty}
            if published.verdict.is_good or not faulty:
                break
        return published, left_out

    def _content(self) -> Content:
        try:
            return load(self.folder.path)
        except ContentError as error:
            raise BotError(f"Mend the content first:\n{error}") from error


def told(verdict: Verdict, *, markdown: bool = False) -> Iterator[str]:
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
