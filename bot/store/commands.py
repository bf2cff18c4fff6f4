"""What commands read and mend in the database, also beside the running bot. All raise StoreError."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from bot.store import notes, records, staff
from bot.store.places import database_path
from bot.store.records import DeadLetter, MissedUtterance
from bot.store.staff import Counts
from bot.store.writer import explain, open_engine


@contextmanager
def _connect(database_url: str) -> Iterator[Connection | None]:
    """A connection for a command beside the running bot; None when there is no database yet."""
    path = database_path(database_url)
    if not path.exists():
        yield None
        return
    engine = open_engine(f"sqlite:///{path}")
    try:
        with engine.begin() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise explain(error) from error
    finally:
        engine.dispose()


def list_missed(database_url: str, limit: int = 1000) -> list[MissedUtterance]:
    """What nobody could answer, for `python -m bot missed`; works beside a running bot. Raises StoreError."""
    with _connect(database_url) as connection:
        return records.list_missed(connection, limit) if connection else []


def read_note(database_url: str, name: str) -> str:
    """A small fact the running bot keeps; "" without a database. Raises StoreError."""
    with _connect(database_url) as connection:
        return notes.read_note(connection, name) if connection else ""


def read_counts(path: Path, since: datetime, until: datetime) -> Counts:
    """What happened between two moments, for `python -m bot report`. Raises StoreError."""
    with _connect(f"sqlite:///{path}") as connection:
        if connection is None:
            return Counts({}, {}, {}, 0)
        return staff.read_counts(connection, since.timestamp(), until.timestamp())


def list_dead_letters(database_url: str) -> list[DeadLetter]:
    """Messages that could not be handled, for `python -m bot stuck`. Raises StoreError."""
    with _connect(database_url) as connection:
        return records.list_dead_letters(connection) if connection else []


def retry_dead_letters(database_url: str, row_id: int | None = None) -> int:
    """Puts one dead letter back, or all; the running bot takes them up within a minute. How many."""
    with _connect(database_url) as connection:
        return records.retry_dead_letters(connection, row_id) if connection else 0
