"""Small facts that outlive a restart: a name and its value."""

from sqlalchemy import Connection, delete, select

from bot.store.tables import notes


def write_note(connection: Connection, name: str, value: str) -> None:
    connection.execute(delete(notes).where(notes.c.name == name))
    connection.execute(notes.insert().values(name=name, value=value))


def read_note(connection: Connection, name: str) -> str:
    return connection.execute(select(notes.c.value).where(notes.c.name == name)).scalar() or ""
