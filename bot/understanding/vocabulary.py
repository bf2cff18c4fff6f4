"""Words made comparable by their stems. Nothing here knows about backs."""

import threading
from functools import lru_cache

import Stemmer


class _Stemming(threading.local):
    """A stemmer for each thread: one holds the word it is at."""

    def __init__(self) -> None:
        self.stemmer = Stemmer.Stemmer("english", 0)


_STEMMING = _Stemming()


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """Stem of one lower-case word (Porter 2): ``stretches``, ``stretching`` give ``stretch``. Any string is allowed."""
    return str(_STEMMING.stemmer.stemWord(word))
