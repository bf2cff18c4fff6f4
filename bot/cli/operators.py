"""The operator's commands: doctor, backup, restore, stuck, missed. They act on the service's database or refuse."""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.errors import BotError, StoreError

if TYPE_CHECKING:
    from bot.ops.settings import Settings

CHECKOUT = Path(__file__).parents[2]
UNITS = Path("/etc/systemd/system")
PROCESSES = Path("/proc")


def add_operator_commands(app: typer.Typer, settings: "Callable[[], Settings]") -> None:
    """Adds the commands to ``app``; ``settings`` reads the settings when one runs."""

    @app.command()
    def doctor() -> None:
        """Say in words what is wrong and how to cure it; safe to paste."""
        from bot.ops.doctor import report
        from bot.ops.findings import Finding, State

        read, found = settings(), []
        if other := other_database(read):
            found.append(Finding(State.WRONG, *_elsewhere(read, other)))
        found += report(read)
        for finding in found:
            typer.echo(str(finding))
        wrong = sum(finding.state is State.WRONG for finding in found)
        typer.echo(f"{wrong} thing(s) to cure." if wrong else "All is well.")
        sys.exit(1 if wrong else 0)

    @app.command()
    def backup() -> None:
        """Copy database, key and content while the bot runs, verify the copy, remove the oldest copies."""
        from bot.ops.backup import Backups

        read = settings()
        made = Backups(service_database(read), read.faq_dir, read.backup_keep).create()
        rows = ", ".join(f"{table} {count}" for table, count in made.rows.items())
        typer.echo(f"{made.path}: every page is whole; {rows}.")
        if made.content:
            typer.echo(
                f"{read.faq_dir}: {len(made.content.faq)} file(s) of the content, {made.content.changes} change(s)."
            )

    @app.command()
    def restore(
        file: Annotated[Path, typer.Argument(help="A backup, bot-….db from the folder backups beside the database.")],
        is_database_only: Annotated[
            bool, typer.Option("--database-only", help="Leave the content and its history as they are.")
        ] = False,
    ) -> None:
        """Put a backup in place; the bot must be stopped, the old database and content are kept."""
        from bot.ops.backup import restore as put_back

        read = settings()
        database = service_database(read, file)
        done = put_back(database, read.faq_dir, file, with_content=not is_database_only)
        typer.echo(f"{done.path} is restored from {file.name}: {sum(done.rows.values())} rows.")
        typer.echo(
            f"{read.faq_dir} holds {len(done.content.faq)} file(s) of the content, with {done.content.changes} change(s)."
            if done.content
            else "The content was left as it is."
        )
        typer.echo("Start the bot again.")

    @app.command()
    def stuck(
        retry: Annotated[
            bool, typer.Option("--retry", help="Put them back; a running bot answers them within a minute.")
        ] = False,
        row: Annotated[int | None, typer.Option("--row", help="Only this one.")] = None,
    ) -> None:
        """List messages that could not be read, stored or answered and were set aside, without their text."""
        from bot.store import list_dead_letters, retry_dead_letters

        url = f"sqlite:///{service_database(settings())}"
        if retry:
            typer.echo(f"{retry_dead_letters(url, row)} message(s) put back.")
            return
        found = list_dead_letters(url)
        for one in found:
            typer.echo(f"{one.id}  {one.received_at:%Y-%m-%d %H:%M}  {one.channel}  {one.kind}  {one.error}")
        typer.echo(f"{len(found)} set aside.")
        sys.exit(1 if found else 0)

    @app.command()
    def missed() -> None:
        """List what nobody could answer, identifiers taken out, newest first."""
        from bot.store import list_missed

        found = list_missed(f"sqlite:///{service_database(settings())}")
        for row in found:
            guesses = f"  ({', '.join(row.candidates)}?)" if row.candidates else ""
            typer.echo(f"{row.asked_at:%Y-%m-%d %H:%M}  {row.times} ×  {row.reason}: {row.utterance}{guesses}")
        typer.echo(f"{len(found)} missed.")


def service_database(settings: "Settings", backup: Path | None = None) -> Path:
    """The database to act on. Raises StoreError where it is not the service's, or, without a ``backup``, not there."""
    from bot.store import database_path

    path = database_path(settings.database_url)
    if other := other_database(settings, backup):
        raise StoreError(". ".join(_elsewhere(settings, other)))
    if backup is None and not path.exists():
        raise StoreError(f"There is no database at {path.absolute()}. Start the bot once, or check DATABASE_URL.")
    return path


def other_database(settings: "Settings", backup: Path | None = None) -> Path | None:
    """The database that was probably meant, where nobody wrote DATABASE_URL down and the default is another one."""
    from bot.store import database_path, is_served

    path = database_path(settings.database_url).absolute()
    if settings.has("database_url") or is_served(path):
        return None
    owner = backup.absolute().parent.parent if backup and backup.absolute().parent.name == "backups" else None
    near = [file.with_suffix("") for file in owner.glob("*.lock")] if owner else []
    return next((other for other in (*near, *_served(), *_in_units()) if other.resolve() != path.resolve()), None)


def _elsewhere(settings: "Settings", other: Path) -> tuple[str, str]:
    return (
        f"DATABASE_URL is not set, so this would act on {settings.database_url.removeprefix('sqlite:///')}, but the bot's "
        f"database is {other}",
        f"Write DATABASE_URL=sqlite:///{other} into .env here (or set it), and try again.",
    )


def _served() -> Iterator[Path]:
    """Databases that bots of this checkout serve from now: they hold the lock file beside it open."""
    for process in PROCESSES.glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cwd").readlink() == CHECKOUT:
                for handle in (process / "fd").iterdir():
                    path = handle.readlink()
                    if path.suffix == ".lock" and path.with_suffix("").exists():
                        yield path.with_suffix("")


def _in_units() -> Iterator[Path]:
    """Databases that service units of this checkout name."""
    from bot.store import database_path

    for unit in UNITS.glob("*.service"):
        with suppress(OSError, BotError):
            text = unit.read_text(encoding="utf-8", errors="replace")
            if f"{CHECKOUT}/" in text and (named := re.search(r"\bDATABASE_URL=([^\s\"']+)", text)):
                yield database_path(named[1])
