"""Messages as others would type them, meaning the same: slips of a thumb, capitals, no punctuation, emoji, a greeting,
thanks, another question before or after. Seeded by the message, so that every run makes the same."""

import re
from collections.abc import Collection, Iterator, Sequence
from functools import cache
from pathlib import Path
from random import Random

from bot.safety.spelling import english_words

FAQ = Path(__file__).resolve().parent.parent / "faq"
SLIPS_EACH = 1  # draws for one and for two typos; more steady the figure
SHORTEST_SLIPPED = 4
EMOJI = ("😩", "😭", "😅", "🙈", "😬", "🤷‍♀️", "🥺", "😔")
GREETINGS = ("Hi, ", "Hello there! ", "Good morning, ", "Hey, quick question: ", "Hi guys. ", "Dear doctor, ")
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_WORD = re.compile(rf"(?<![\w'’])[A-Za-z]{{{SHORTEST_SLIPPED},}}(?![\w'’])")
_MARKS = re.compile(r"(?<!\d)[.,:/]|[.,:/](?!\d)|[;!?…()\"“”–—]")


@cache
def real_words() -> frozenset[str]:
    """English words that a slip must not make: common ones, and whatever stands in the content, three letters too."""
    written = " ".join(path.read_text("utf-8") for path in FAQ.rglob("*.yaml")).lower()
    return english_words() | frozenset(re.findall(r"[a-z]+", written))


@cache
def neighbours(letter: str) -> str:
    """The keys round ``letter``."""
    for row, keys in enumerate(_ROWS):
        if (at := keys.find(letter)) >= 0:
            near = [keys[at - 1 : at] if at else "", keys[at + 1 : at + 2]]
            near += [_ROWS[other][max(at - 1, 0) : at + 2] for other in (row - 1, row + 1) if 0 <= other < len(_ROWS)]
            return "".join(near)
    return letter


def slipped(word: str, random: Random) -> str:
    """``word`` after one slip: the key beside, two letters swapped, one left out, one doubled."""
    at = random.randrange(len(word))
    kind = random.choice(("beside", "swap", "drop", "double"))
    if kind == "beside":
        return word[:at] + random.choice(neighbours(word[at].lower())) + word[at + 1 :]
    if kind == "swap":
        at = min(at, len(word) - 2)
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return word[:at] + word[at + 1 :] if kind == "drop" else word[:at] + word[at] + word[at:]


def with_slips(text: str, count: int, random: Random) -> str:
    """``text`` with ``count`` slips in words of four letters and more; none makes another English word."""
    for _ in range(count):
        found = list(_WORD.finditer(text))
        for _ in range(20 if found else 0):
            word = random.choice(found)
            new = slipped(word.group(), random)
            if new != word.group() and new.lower() not in real_words():
                text = text[: word.start()] + new + text[word.end() :]
                break
    return text


def without_punctuation(text: str) -> str:
    """``text`` without marks, apostrophes too; ``8/10`` and ``39.5`` stay what they are."""
    return re.sub(r" {2,}", " ", _MARKS.sub(" ", re.sub(r"['’]", "", text))).strip()


def with_emoji(text: str, random: Random) -> str:
    """``text`` with one emoji between two words and one at its end."""
    words = text.split(" ")
    words.insert(random.randrange(len(words)) + 1, random.choice(EMOJI))
    return " ".join(words) + " " + random.choice(EMOJI)


def one_after_the_other(first: str, second: str) -> str:
    return f"{first} {second}" if first[-1:] in ".!?…" else f"{first}. {second}"


def changed(text: str, questions: Sequence[str]) -> Iterator[tuple[str, str]]:
    """``text`` changed, by name of the change. ``questions`` come before it and after it, one at a time."""
    random = Random(text)
    for _ in range(SLIPS_EACH):
        yield "one typo", with_slips(text, 1, random)
    for _ in range(SLIPS_EACH):
        yield "two typos", with_slips(text, 2, random)
    yield "case", text.upper()
    yield "case", text.lower()
    yield "no punctuation", without_punctuation(text)
    yield "emoji", with_emoji(text, random)
    yield "greeting before", random.choice(GREETINGS) + text
    for question in questions:
        yield "a question before", one_after_the_other(question, text)
    for question in questions:
        yield "a question after", one_after_the_other(text, question)
    yield "thanks after", text + random.choice((" thanks", ", thank you!", "\nThanks in advance", " thx"))


def sample(lines: Collection[str], count: int) -> list[str]:
    """The same ``count`` of ``lines`` at every run."""
    return Random(7).sample(sorted(lines), min(count, len(lines)))
