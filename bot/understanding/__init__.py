"""What a message says, found once: corrected words, and one pass of one encoder. Every part of the bot goes by this."""

import re
import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from bot.content import Content
from bot.understanding.encoder import Encoder, Floats, ModelError, Vectors, cure_files
from bot.understanding.spelling import Speller
from bot.understanding.text import normalize
from bot.understanding.vocabulary import stem

__all__ = [
    "Encoder", "Floats", "ModelError", "Parsed", "Speller", "Understanding", "Vectors", "load_encoder", "load_understanding",
    "read_plainly", "split_words",
]  # fmt: skip

MOST_CHARACTERS = 16_384  # four times Telegram's own limit; what a channel lets through beyond it is not read
MOST_KEPT = 256  # messages; between intake and answer each is asked for several times

_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*|[.!?;:,()\n—–]+|(?<= )-+(?= )")
# Ways to say one thing: both sides of every comparison are written alike.
_NEGATED = {
    "is": "is are was were ai", "have": "have has had", "do": "do does did", "will": "wo", "would": "would", "should": "should",
    "must": "must", "need": "need",
}  # fmt: skip
_NEGATIONS = "|".join(form for forms in _NEGATED.values() for form in forms.split())
_UNABLE = re.compile(
    rf"\b(?:can ?not|could(?: not|n'?t)|can no longer|cann?ae|ca?rnt|cnt"
    rf"|(?:unable|(?:(?:{_NEGATIONS})n'?t|not|no longer) (?:be |been )?able) to)\b"
)
# With the apostrophe left out; none that is another word so ("ill", "well", "were").
_CONTRACTIONS = {
    f"{form}nt": f"{verb} not" for verb, forms in _NEGATED.items() for form in forms.split()
} | {
    "im": "i am", "ive": "i have", "its": "it is", "hes": "he is", "shes": "she is", "youre": "you are", "youve": "you have",
    "weve": "we have", "theyre": "they are", "theyve": "they have", "thats": "that is", "whats": "what is", "theres": "there is",
    "does": "do", "wanna": "want to",
}  # fmt: skip
_BREAKS = {"?": "?", ".": ".", "!": ".", ";": ".", "\n": ".", ":": ":"}
_STRENGTH = ("", ",", ":", ".", "?")
_SHORT_FORMS = frozenset(_CONTRACTIONS) | {"cant", "couldnt", "shouldve", "couldve", "wouldve"}


@dataclass(frozen=True, slots=True, eq=False)
class Parsed:
    """One message. ``text``: as typed. ``normal``: normalised. ``corrected``: slips mended too. ``stems`` and ``breaks`` go together:
    ``breaks[i]`` is what stands before word i: "", "," (also brackets and dashes), ":", "." (also ! ; and a new line) or "?".

    ``vectors`` is None where the model is missing.
    """

    text: str
    normal: str = ""
    corrected: str = ""
    words: tuple[str, ...] = ()
    stems: tuple[str, ...] = ()
    breaks: tuple[str, ...] = ()
    vectors: Vectors | None = field(default=None, repr=False)


class Understanding:
    """Parses messages. Immutable but for a cache of the last few hundred; threads may share it."""

    def __init__(self, known: Iterable[str], encoder: Encoder | None, trouble: str = "") -> None:
        """``known``: words that the content uses. ``encoder`` is None where it could not be loaded; ``trouble`` says why."""
        self.encoder = encoder
        self._trouble = trouble
        self._known = Counter(known)
        self._speller = Speller(self._known + Counter(_SHORT_FORMS), encoder.words if encoder else ())
        self._kept: OrderedDict[str, Parsed] = OrderedDict()
        self._lock = threading.Lock()

    def without_model(self, error: Exception) -> "Understanding":
        """The same without the model, some part of which raised ``error``."""
        said = " ".join(str(error).split())
        return Understanding(self._known, None, f"it does not fit ({type(error).__name__}: {said}). {cure_files()}")

    @property
    def trouble(self) -> str:
        """Why the model does not hear, and the cure; empty while it does. After a failure it is asked again, so that one
        bad moment passes."""
        if self.encoder and self._trouble:
            self._encode("my back hurts")
        return self._trouble

    def parse(self, text: str) -> Parsed:
        """What ``text`` says. Never raises: what breaks leaves its part empty."""
        return self.parse_all([text])[0]

    def parse_all(self, texts: Sequence[str]) -> list[Parsed]:
        """Many at once, for a backlog and for checks; each gives what it gives alone."""
        with self._lock:
            found = {text: self._kept[text] for text in texts if text in self._kept}
        missing = [text for text in dict.fromkeys(texts) if text not in found]
        found |= {text: self._parse_new(text) for text in missing}
        with self._lock:
            self._kept.update((text, found[text]) for text in missing[-MOST_KEPT:] if found[text].vectors is not None)
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return [found[text] for text in texts]

    def _parse_new(self, text: str) -> Parsed:
        normal = normalize(text[:MOST_CHARACTERS])[:MOST_CHARACTERS]  # one character may stand for eighteen
        corrected = self._correct(normal)
        return Parsed(text, normal, corrected, *split_words(corrected), self._encode(corrected))

    def _encode(self, corrected: str) -> Vectors | None:
        if self.encoder is None:
            return None
        try:
            vectors = self.encoder.encode([corrected])[0]
        except Exception as error:  # whatever the runtime refuses: the floor must read on
            self._trouble = f"it fails while it runs ({type(error).__name__}). Restart; look for free memory."
            return None
        self._trouble = ""
        return vectors

    def _correct(self, normal: str) -> str:
        corrected, at = [], 0
        for match in _TOKEN.finditer(normal):
            token = match.group()
            if token[0].isalnum():
                bare = token.replace("'", "")
                better = self._speller.correct(bare)
                corrected += [normal[at : match.start()], token if better == bare else better]
                at = match.end()
        return "".join(corrected) + normal[at:]


def split_words(corrected: str) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Words of a normalised text, their stems, and the break before each, contractions written out."""
    words: list[str] = []
    breaks: list[str] = []
    pending = ""
    for token in _TOKEN.findall(_UNABLE.sub("cant", corrected)):
        if not token[0].isalnum():
            pending = max(pending, *(_BREAKS.get(char, ",") for char in token), key=_STRENGTH.index)
            continue
        bare = token.replace("'", "")
        for word in _CONTRACTIONS.get(bare, bare).split():
            words.append(word)
            breaks.append(pending)
            pending = ""
    return tuple(words), tuple(map(stem, words)), tuple(breaks)


def read_plainly(text: str) -> Parsed:
    """``text`` as it stands, no slip mended and nothing encoded: for checks of the content's own words."""
    normal = normalize(text)
    return Parsed(text, normal, normal, *split_words(normal))


@lru_cache(maxsize=1)
def load_encoder() -> tuple[Encoder | None, str]:
    """The encoder of the package, once a process, or why there is none and the cure."""
    try:
        return Encoder(), ""
    except ModelError as error:
        return None, str(error)


def load_understanding(content: Content) -> Understanding:
    """How messages are understood that are answered from ``content``."""
    encoder, trouble = load_encoder()
    return Understanding(known_words(content), encoder, trouble)


def known_words(content: Content) -> Counter[str]:
    """Every word that the content uses: what a slip may be led to."""
    texts = [*content.out_of_scope]
    for entry in content.entries.values():
        texts += [entry.question, entry.answer, *entry.phrasings]
    for talk in content.small_talk.values():
        texts += talk.phrasings
    for page in content.red_flags.pages:
        texts += [page.name, page.what, *page.alone, *page.always_heard, *page.must_raise, *page.must_stay_quiet]
    return Counter(word for text in texts for word in split_words(normalize(text))[0])
