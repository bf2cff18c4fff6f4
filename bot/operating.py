"""The operator's commands: doctor, backup, restore, stuck."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bot.settings import Settings


def add_operator_commands(app: typer.Typer, settings: "Callable[[], Settings]") -> None:
    """Adds the commands to ``app``; ``settings`` reads the settings when one runs."""

    @app.command()
    def doctor() -> None:
        """Say in words what is wrong and how to cure it; safe to paste."""
        from bot.doctor import State, report

        found = report(settings())
        for finding in found:
            typer.echo(str(finding))
        wrong = sum(finding.state is State.WRONG for finding in found)
        typer.echo(f"{wrong} thing(s) to cure." if wrong else "All is well.")
        sys.exit(1 if wrong else 0)

    @app.command()
    def backup() -> None:
        """Copy the database while the bot runs, verify the copy, remove the oldest copies."""
        from bot.backup import create

        read = settings()
        made = create(read.database_url, read.backup_keep)
        rows = ", ".join(f"{table} {count}" for table, count in made.rows.items())
        typer.echo(f"{made.path}: every page is whole; {rows}.")

    @app.command()
    def restore(
        file: Annotated[Path, typer.Argument(help="A backup, from the folder backups beside the database.")],
    ) -> None:
        """Put a backup in the database's place; the bot must be stopped, the old database is kept."""
        from bot.backup import restore as put_back

        done = put_back(settings().database_url, file)
        typer.echo(f"{done.path} is restored from {file.name}: {sum(done.rows.values())} rows. Start the bot again.")

    @app.command()
    def stuck(
        retry: Annotated[
            bool, typer.Option("--retry", help="Put them back; a running bot answers them within a minute.")
        ] = False,
        row: Annotated[int | None, typer.Option("--row", help="Only this one.")] = None,
    ) -> None:
        """List messages that could not be read, stored or answered and were set aside, without their text."""
        from bot.store import retry as put_back
        from bot.store import stuck as listed

        url = settings().database_url
        if retry:
            typer.echo(f"{put_back(url, row)} message(s) put back.")
            return
        found = listed(url)
        for one in found:
            typer.echo(f"{one.id}  {one.received_at:%Y-%m-%d %H:%M}  {one.channel}  {one.kind}  {one.error}")
        typer.echo(f"{len(found)} set aside.")
        sys.exit(1 if found else 0)
