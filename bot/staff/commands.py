"""The staff's commands: diff, history, show, undo, new, init, import, report. bot/cli adds them to its own."""

import asyncio
import getpass
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.errors import BotError

if TYPE_CHECKING:
    from bot.staff.publishing import Published
    from bot.staff.terminal import Terminal


@dataclass(frozen=True, slots=True)
class Place:
    """Where the content and its history are."""

    faq_dir: Path
    database: Path
    cache_dir: Path


def add_commands(app: typer.Typer, place: Callable[[], Place]) -> None:
    """Adds the commands to ``app``; ``place`` is asked when one runs."""

    def terminal() -> "Terminal":
        from bot.staff.terminal import Terminal

        where = place()
        return Terminal(where.faq_dir, where.database, where.cache_dir)

    @app.command()
    def diff(
        against: Annotated[str, typer.Argument(help="A git ref or a folder; without it, what the bot has live.")] = "",
        markdown: Annotated[bool, typer.Option("--markdown", help="For a comment on a pull request.")] = False,
    ) -> None:
        """Say what the content's edits change for patients; exit code 1 if they would be refused."""
        verdict = asyncio.run(terminal().compare(against))
        from bot.staff.terminal import describe_verdict

        for line in describe_verdict(verdict, markdown=markdown):
            typer.echo(line)
        raise typer.Exit(0 if verdict.is_good else 1)

    @app.command()
    def history(limit: Annotated[int, typer.Option(min=1, help="How many changes.")] = 20) -> None:
        """List the changes of the content, newest first."""
        changes = [change for change, _ in zip(terminal().history.newest_first(), range(limit), strict=False)]
        undone = {change.undoes: change.number for change in reversed(changes) if change.undoes}
        for one in changes:
            mark = f" (undone by {undone[one.number]})" if one.number in undone else ""
            typer.echo(f"{one.number:>5}  {one.at:%Y-%m-%d %H:%M}  {one.who:<16} {one.title}{mark}")
        typer.echo(f"{len(changes)} change(s). `show N` tells more, `undo N` takes one back.")

    @app.command()
    def show(number: Annotated[int, typer.Argument(help="A number of `history`.")]) -> None:
        """Show one change: what it means for patients, and its lines."""
        for line in terminal().describe_change(number):
            typer.echo(line)

    @app.command()
    def undo(number: Annotated[int, typer.Argument(help="A number of `history`.")]) -> None:
        """Take one change back; later ones stay. A running bot takes it over by itself."""
        content = terminal()
        _tell(asyncio.run(content.undo(number, _find_user())))

    @app.command()
    def new() -> None:
        """Ask for a new entry, write it, and check it."""
        content = terminal()
        typer.echo("A new answer. Leave a line empty to go on.")
        question = typer.prompt("Question as on a button (at most 60 characters)")
        group = typer.prompt(f"Group ({', '.join(content.list_groups())})", default="other")
        phrasings = _ask_lines("How do patients ask? Many short lines, each as another person would say it")
        answer = "\n".join(_ask_lines("The answer (lines that begin with - are bullets; write . for an empty line)"))
        source = typer.prompt("Source (title, publisher)")
        text = f"{question}\n{answer}\nSource: {source}".replace("\n.\n", "\n\n")
        _tell(asyncio.run(content.add_entry(text, phrasings, group, _find_user())))

    @app.command()
    def init(
        folder: Annotated[Path | None, typer.Argument(help="A new or empty folder; without it, FAQ_DIR.")] = None,
        is_once: Annotated[
            bool, typer.Option("--once", help="Do nothing once there is content, or a database of an earlier start.")
        ] = False,
    ) -> None:
        """Start the content of another clinic in FOLDER, from the shipped one."""
        from bot.staff.starting import start_content

        where = place()
        target = folder or where.faq_dir
        # Never in place of a folder that has vanished: patients would get the example clinic's phone.
        if is_once and (where.database.exists() or (target.is_dir() and any(target.iterdir()))):
            return
        for line in start_content(target):
            typer.echo(line)

    @app.command(name="import")
    def import_(
        file: Annotated[
            Path,
            typer.Argument(
                help="CSV with the columns question and answer (ways to ask, if you like), or Markdown.", exists=True
            ),
        ],
        source: Annotated[str, typer.Option(help="Title and publisher of what is imported.")] = "",
    ) -> None:
        """Make entries of a FAQ table; what breaks a rule of the content is listed and left out."""
        from bot.staff.tables import read_table

        content = terminal()
        published, left_out = asyncio.run(
            content.add_table(read_table(file), source or f"{file.name}, the clinic itself", _find_user())
        )
        for reason in left_out:
            typer.echo(f"left out: {reason}")
        _tell(published)

    @app.command()
    def report(
        folder: Annotated[Path, typer.Option(help="Where report.png and report.csv go.")] = Path(),
        days: Annotated[int, typer.Option(min=1, max=366, help="How many days back.")] = 7,
    ) -> None:
        """Write the weekly report as text, PNG and CSV; no personal data is in it."""
        from bot.content import load
        from bot.staff.report import count_week, describe_week, draw, write_csv
        from bot.store import read_counts

        where, now = place(), datetime.now(UTC)
        since = now - timedelta(days=days)
        week = count_week(load(where.faq_dir), read_counts(where.database, since, now), now, days)
        for line in describe_week(week):
            typer.echo(line)
        write_csv(week, folder / "report.csv")
        if draw(week, folder / "report.png") is None:
            typer.echo("No picture: matplotlib is not installed (pip install matplotlib).")


def _ask_lines(asked: str) -> list[str]:
    typer.echo(asked + ":")
    found = []
    while line := typer.prompt("", default="", show_default=False, prompt_suffix="> "):
        found.append(line)
    return found


def _find_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "the command line"


def _tell(published: "Published") -> None:
    from bot.staff.terminal import describe_verdict

    for line in describe_verdict(published.verdict):
        typer.echo(line)
    if published.change:
        typer.echo(f"Change {published.change.number}. Take it back with: python -m bot undo {published.change.number}")
    elif published.verdict.is_good:
        typer.echo("Nothing to change.")
    else:
        raise BotError("Nothing was written.")
