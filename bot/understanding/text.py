"""What a person typed, made comparable: characters, words, scripts.

Nothing here knows about backs or red flags.
"""

import re
import unicodedata
from collections import Counter
from functools import lru_cache

# Letters of other scripts that look Latin. Only folded inside a word that also holds Latin letters, so that a
# Russian or Greek message stays in its own script.
_HOMOGLYPHS = str.maketrans(
    "аеорсухкмтвнігАЕОРСУХКМТВНІαορυκτνιεΑΒΕΗΙΚΜΝΟΡΤΥΧΖ",
    "aeopcyxkmtbhirAEOPCYXKMTBHIaopuktvieABEHIKMNOPTYXZ",
)
_APOSTROPHES = str.maketrans(dict.fromkeys("’‘`´ʼ＇", "'"))
_JOINERS = {"\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u200e", "\u200f", "\ufe0f", "\ufe0e"}
_ASCII_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
_MIXED_WORD = re.compile(r"[^\W\d_]+")
_REPEATED = re.compile(r"(\w)\1{2,}")
_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_SPACE = re.compile(r"[^\S\n]+")

# Emoji that carry meaning for this subject, as the words a person would have typed instead.
EMOJI_WORDS = {
    "🦵": " leg ", "🦶": " foot ", "🩸": " blood ", "💩": " poo ", "🤮": " vomiting ", "🤢": " nauseous ",
    "🤒": " fever ", "🌡": " temperature ", "🧊": " ice ", "🔥": " heat ", "🚶": " walking ", "🚽": " toilet ",
    "💊": " tablets ", "🍑": " bum ", "🍆": " penis ", "🫀": " heart ", "🫁": " breathing ", "🧠": " brain ",
    "🤰": " pregnant ", "🛏": " bed ", "🚗": " car ", "🤕": " headache ", "😵": " dizzy ", "🤧": " sneezing ",
    "💨": " gas ", "🏋": " weightlifting ", "🏃": " running ", "💧": " water ", "📞": " phone ", "📅": " appointment ",
    "🍌": " banana ", "🧘": " stretching ", "💆": " massage ", "🪑": " chair ", "🏥": " hospital ", "🚑": " ambulance ",
    "👍": " ok ", "🙏": " thanks ", "👋": " hello ",
}  # fmt: skip
_EMOJI = re.compile("|".join(map(re.escape, EMOJI_WORDS)))


def clean(text: str) -> str:
    """``text`` without what can't be seen or only looks different.

    NFKC, no control, format or private characters (a line break stays, a tab becomes a space), one kind of
    apostrophe, look-alike letters inside Latin words folded, runs of spaces as one. Case is kept. Never raises; a lone
    surrogate becomes a space.
    """
    if text.isascii():  # most messages, and ten times faster
        return _SPACE.sub(" ", _ASCII_CONTROL.sub(" ", text).translate(_APOSTROPHES)).strip()
    text = "".join(map(_visible, text))
    text = unicodedata.normalize("NFKC", text).translate(_APOSTROPHES)
    text = _MIXED_WORD.sub(_fold_mixed, text)
    return _SPACE.sub(" ", text).strip()


@lru_cache(maxsize=5_000)
def _visible(char: str) -> str:
    """``char`` as far as it can be seen: itself, a space, or nothing."""
    category = unicodedata.category(char)
    if category == "Cf" or char in _JOINERS:
        return ""
    return " " if category in {"Cc", "Cs", "Co", "Cn"} and char != "\n" else char


def _fold_mixed(match: re.Match[str]) -> str:
    word = match.group()
    return word.translate(_HOMOGLYPHS) if re.search(r"[A-Za-z]", word) else word


def normalize(text: str) -> str:
    """``clean``, lower case, accents off Latin letters, telling emoji as words, letters typed 3+ times as two."""
    text = clean(text)
    if text.isascii():
        text = text.lower()
    else:
        text = _EMOJI.sub(lambda match: EMOJI_WORDS[match.group()], text).casefold()
        text = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")
        text = unicodedata.normalize("NFC", text)
    return _SPACE.sub(" ", _REPEATED.sub(r"\1\1", text)).strip()


def words(text: str) -> list[str]:
    """Words of ``text`` after ``normalize``, apostrophes inside a word dropped (``can't`` gives ``cant``)."""
    return [token.replace("'", "") for token in _TOKEN.findall(normalize(text))]


def utf16_length(text: str) -> int:
    """Length as Telegram counts it, in UTF-16 code units."""
    return len(text) + sum(ord(char) > 0xFFFF for char in text)


def scripts(text: str) -> Counter[str]:
    """Letters of ``text`` by script, named as Unicode does: ``LATIN``, ``CYRILLIC``, ``CJK``, ``ARABIC`` …"""
    return Counter(map(_script, filter(str.isalpha, text)))


@lru_cache(maxsize=5_000)
def _script(char: str) -> str:
    return unicodedata.name(char, "UNKNOWN").split()[0]


def is_other_script(text: str) -> bool:
    """Whether most letters of ``text`` are in a script other than Latin."""
    if text.isascii():
        return False
    count = scripts(clean(text))
    return count.total() > 0 and count["LATIN"] * 2 < count.total()
