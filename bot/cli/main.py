"""``python -m bot``: the commands of operator and staff.

Exit codes: 0 fine, 1 problems were found, 2 wrong use. Heavy modules are imported by the commands that use them.
"""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from bot.cli.operators import add_operator_commands
from bot.errors import BotError, ContentError, Severity
from bot.staff.commands import Place, add_commands

if TYPE_CHECKING:
    from bot.assistant import Assistant, Overrides
    from bot.content import Content
    from bot.ops.settings import Settings

app = typer.Typer(
    help="FAQ assistant of a chiropractic clinic: red flags first, then reviewed answers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _place() -> Place:
    from bot.store import database_path

    settings = _settings()
    return Place(settings.faq_dir, database_path(settings.database_url), settings.cache_dir)


def main() -> None:
    """Runs the command line; an error that people can mend is one line and exit code 1, never a traceback."""
    try:
        app()
    except BotError as error:
        _fail(str(error))
    except BrokenPipeError:
        sys.exit(1)


def _fail(message: str) -> NoReturn:
    typer.echo(message, err=True)
    sys.exit(1)


def _settings() -> "Settings":
    from bot.ops.settings import load_settings

    return load_settings()


def _content(settings: "Settings") -> "Content":
    from bot.content import load

    return load(settings.faq_dir)


def _assistant(settings: "Settings", content: "Content | None" = None) -> "Assistant":
    from bot.assistant import build

    assistant = build(content or _content(settings), settings.cache_dir, settings.fact)
    _tell_trouble(assistant.trouble)
    return assistant


def _tell_trouble(trouble: str) -> None:
    """Whoever looks at verdicts must know that they are not those of a whole bot."""
    if trouble:
        typer.echo(f"The model does not hear, red flags are missed: {trouble}", err=True)


@app.command()
def run() -> None:
    """Start the bot: Telegram with a token, else a chat page on 127.0.0.1."""
    from bot.ops.run import run as serve

    sys.exit(serve(_settings()))


@app.command()
def chat() -> None:
    """Talk to the assistant in this terminal."""
    from bot.channels.console import chat as talk

    talk(_assistant(_settings()))


@app.command()
def ask(
    text: Annotated[str, typer.Argument(help="What a patient might write.")] = "",
    jsonl: Annotated[bool, typer.Option("--jsonl", help='Read {"text": …} lines, write one JSON line each.')] = False,
) -> None:
    """Explain what would be answered to TEXT, and why."""
    from bot.assistant.asking import as_json, explain
    from bot.assistant.asking import ask as ask_once

    if not text and not jsonl:
        typer.echo("Give a text, or --jsonl with one JSON object a line on standard input.", err=True)
        sys.exit(2)
    settings = _settings()
    assistant = _assistant(settings)
    if not jsonl:
        assistant = assistant.with_overrides(_overrides(settings))
        for line in explain(assistant, text, _now()):
            typer.echo(line)
        return
    for number, line in enumerate(sys.stdin.buffer, 1):
        if not line.strip():
            continue
        utterance = _utterance(line, number)
        print(json.dumps(as_json(ask_once(assistant, utterance, _now()))), flush=True)


def _overrides(settings: "Settings") -> "Overrides":
    """What staff switched off, as the running bot keeps it."""
    from bot.staff.switches import NOTE, read_overrides
    from bot.store import read_note

    return read_overrides(read_note(settings.database_url, NOTE))


def _utterance(line: bytes, number: int) -> str:
    try:
        parsed = json.loads(line)
        if isinstance(parsed, dict) and isinstance(parsed.get("text"), str):
            return str(parsed["text"])
    except ValueError:
        pass
    typer.echo(f'line {number}: expected a JSON object with a text, such as {{"text": "does ice help?"}}.', err=True)
    sys.exit(2)


def _now() -> datetime:
    return datetime.now(UTC)


@app.command()
def check(
    live: Annotated[
        bool, typer.Option("--live", help="Also fail on example values, unsigned rules, unconfirmed numbers.")
    ] = False,
) -> None:
    """List every problem of the FAQ content as file:line: message with its cure."""
    from bot.checking import live_problems
    from bot.checking.editor import hours_ahead
    from bot.staff.check_worker import check_alone
    from bot.understanding import load_encoder

    settings = _settings()
    try:
        content = _content(settings)
    except ContentError as error:
        for problem in error.problems:
            typer.echo(problem)
        _fail(f"{len(error.problems)} problem(s). The content can't be used as it is.")
    _tell_trouble(load_encoder()[1])
    found = check_alone(content, settings.cache_dir, _now())
    found += live_problems(content) if live else []
    for problem in found:
        typer.echo(problem)
    typer.echo("Open in the next two weeks:")
    for line in hours_ahead(content, _now()):
        typer.echo(f"  {line}")
    errors = sum(problem.severity is Severity.ERROR for problem in found)
    warnings = len(found) - errors
    typer.echo(
        f"{len(content.entries)} entries, {sum(len(entry.phrasings) for entry in content.entries.values())} phrasings, "
        f"{len(content.red_flags.pages)} red flags, content {content.version}: "
        f"{errors} problem(s), {warnings} warning(s)."
    )
    sys.exit(1 if errors else 0)


@app.command(name="eval")
def evaluate(
    files: Annotated[list[Path], typer.Argument(help="Labelled messages, one JSON object a line.", exists=True)],
    misses: Annotated[bool, typer.Option("--misses", help="List every message that went wrong.")] = False,
    plot: Annotated[Path | None, typer.Option("--plot", help="Draw the risk-coverage curve to this PNG.")] = None,
) -> None:
    """Measure answers and screening on labelled messages, with confidence intervals."""
    from bot.assistant.asking import as_json
    from bot.assistant.asking import ask as ask_once
    from bot.cli.evaluation import report

    assistant = _assistant(_settings())
    answer: Callable[[str], dict[str, object]] = lambda text: as_json(ask_once(assistant, text, _now()))  # noqa: E731
    for file in files:
        for line in report(file, answer, misses=misses, plot=plot):
            typer.echo(line)


add_commands(app, _place)
add_operator_commands(app, _settings)
