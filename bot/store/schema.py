"""Brings a database to the schema this bot knows, after a verified copy of it. Alembic is imported only when behind."""

import time
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from bot.errors import StoreError
from bot.store.copies import copy_database
from bot.store.tables import SCHEMA, metadata
from bot.store.writer import explain

MIGRATIONS = Path(__file__).parent / "migrations"


def schema_of(connection: Connection) -> str | None:
    """The revision a database is at: "" before the first one, None when it is empty."""
    tables = inspect(connection).get_table_names()
    if not tables:
        return None
    if "alembic_version" not in tables:
        raise StoreError("The database holds other tables than this bot's. Point DATABASE_URL to a file of its own.")
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or ""


def bring_up_to_date(engine: Engine, path: Path) -> None:
    """Makes or upgrades the tables, the latter after a copy in the folder backups.

    Raises StoreError when the database is newer than this bot, or can't be used.
    """
    try:
        with engine.connect() as connection:
            found = schema_of(connection)
            connection.rollback()
            if found == SCHEMA:
                return
            if found is None:
                with connection.begin():
                    metadata.create_all(connection)
                    connection.execute(
                        text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
                    )
                    connection.execute(text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": SCHEMA})
                return
            if found > SCHEMA:
                raise StoreError(
                    f"The database is of schema {found}, this bot knows {SCHEMA}. Start the newer bot again, "
                    f"or `python -m bot restore` the copy before-{found}-….db made when it was upgraded."
                )
            copy_database(path, path.parent / "backups" / f"before-{SCHEMA}-{time.strftime('%Y%m%d-%H%M%S')}.db")
            _upgrade(connection)
    except SQLAlchemyError as error:
        raise explain(error) from error


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
