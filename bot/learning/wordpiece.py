"""The word pieces that the sentence model was trained on (BERT uncased)."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path

LONGEST_WORD = 100


class WordPieces:
    """Splits text into the ids of ``vocab.txt`` (one piece a line), longest piece first."""

    def __init__(self, pieces: Sequence[str]) -> None:
        self._id = {piece: at for at, piece in enumerate(pieces)}
        self.start, self.end = self._id["[CLS]"], self._id["[SEP]"]
        self._unknown = self._id["[UNK]"]

    @classmethod
    def read(cls, path: Path) -> "WordPieces":
        return cls(path.read_text(encoding="utf-8").splitlines())

    def ids(self, text: str, most: int) -> list[int]:
        """Ids for ``text`` between the start and end marks, at most ``most`` with them."""
        pieces = [piece for word in _words(text) for piece in self._pieces(word)]
        return [self.start, *pieces[: most - 2], self.end]

    def _pieces(self, word: str) -> list[int]:
        found: list[int] = []
        start = 0
        while start < len(word) <= LONGEST_WORD:
            end = len(word)
            while end > start:
                at = self._id.get(("##" if start else "") + word[start:end])
                if at is not None:
                    break
                end -= 1
            else:
                return [self._unknown]
            found.append(at)
            start = end
        return found or [self._unknown]


def _words(text: str) -> list[str]:
    """Words and single punctuation marks, lower case, accents off, as BERT's own tokenizer splits them."""
    plain = "".join(char for char in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(char) != "Mn")
    spaced = "".join(f" {char} " if _stands_alone(char) else " " if _is_space(char) else char for char in plain)
    return spaced.split()


def _stands_alone(char: str) -> bool:
    code = ord(char)
    if char.isascii():
        return 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126
    is_chinese = 0x4E00 <= code <= 0x9FFF or 0x3400 <= code <= 0x4DBF or 0xF900 <= code <= 0xFAFF or code >= 0x20000
    return is_chinese or unicodedata.category(char).startswith("P")


def _is_space(char: str) -> bool:
    return char.isspace() or unicodedata.category(char) in {"Cc", "Cf", "Zs"}
