"""A chat's name in records that are kept: the same chat always gets the same one, nobody can turn it back.

The key lies in a file beside the database, so that a copied database alone says nothing about who wrote.
"""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from bot.errors import StoreError


class Pseudonyms:
    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, channel: str, chat: str) -> str:
        return hmac.new(self._key, f"{channel}\0{chat}".encode(), hashlib.sha256).hexdigest()[:24]


def load_pseudonyms(key_file: Path) -> Pseudonyms:
    """Reads the key, or makes one readable only by the bot's user."""
    try:
        try:
            key = key_file.read_bytes()
        except FileNotFoundError:
            key = secrets.token_bytes(32)
            with open(os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(key)
                os.fsync(file.fileno())
    except OSError as error:
        raise StoreError(
            f"{key_file} can't be read or made ({error.strerror}). Make its folder writable for the bot."
        ) from error
    if len(key) < 16:
        raise StoreError(
            f"{key_file} is damaged. Restore it from a backup, or delete it: old records then stay unlinked."
        )
    return Pseudonyms(key)
