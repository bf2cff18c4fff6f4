"""How items of a concept are written, and what they meet in a message."""

from collections.abc import Iterable, Mapping

import pytest

from bot.safety.compiling import compile_lexicon
from bot.safety.items import Items
from bot.safety.reading import Fillers, read

FILLERS = frozenset({"my", "the", "are"})
SAME = {"im": "i am"}


class Unchanged:
    """Spelling that changes nothing."""

    def read(self, word: str) -> tuple[str, ...]:
        return (word,)


def met(message: str, quoted: Iterable[str] = (), /, **concepts: Iterable[str]) -> dict[str, list[tuple[int, int]]]:
    """By concept, from which word to before which it stands in ``message``."""
    items: Mapping[str, Iterable[str]] = concepts
    lexicon = compile_lexicon(items, Items(FILLERS, SAME), quoted)
    reading = read(message, Unchanged(), Fillers(FILLERS, frozenset({"my"})), SAME)
    found = lexicon.find(reading)
    named = {lexicon.names[concept]: [(o.start, o.end) for o in places] for concept, places in found.items()}
    return {name: places for name, places in named.items() if name in concepts or name in set(quoted)}


@pytest.mark.parametrize(
    ("item", "message", "is_met"),
    [
        ("numb", "toes numb", True),
        ("tingle", "it tingled", True),
        ("carry", "she carries it", True),
        ("slip", "slipping away", True),
        ("=bits", "my bits", True),
        ("=bits", "a bit", False),
        ("give/gave", "it gave way", True),
        ("10/10", "pain 10/10", True),
        ("10/10", "pain 10", False),
        ("#38-42", "temp 39.5", True),
        ("#38-42", "temp forty", True),
        ("#38-42", "temp 37", False),
        ("between my legs", "between the legs", True),
        ("between my legs", "between two legs", False),
        ("leg … numb", "leg is quite very numb", True),
        ("leg … numb", "leg", False),
        ("leg … numb", "leg one two three four numb", False),
        ("leg … numb", "leg. numb", False),
        ("im shaking", "i am shaking", True),
        ("isn't", "it isnt", True),
        ("walk .", "i cant walk", True),
        ("walk .", "i cant walk, help", True),
        ("walk .", "i cant walk. help", True),
        ("walk .", "i cant walk to yours", False),
    ],
)
def test_an_item_meets_what_people_say(item: str, message: str, is_met: bool) -> None:
    assert bool(met(message, sign=[item])) is is_met


def test_an_item_of_another_concept_stands_in_angle_brackets() -> None:
    found = met("i cant feel my legs", cannot=["cant", "unable to"], sign=["<cannot> feel"])
    assert found == {"cannot": [(1, 2)], "sign": [(1, 3)]}


def test_references_lead_through_several_concepts() -> None:
    assert met("cant feel leg", cannot=["cant"], unfelt=["<cannot> feel"], sign=["<unfelt> leg"])["sign"] == [(0, 3)]


def test_a_quoted_word_is_an_item_of_its_own() -> None:
    assert met("numb leg", ['"leg"'], sign=["numb"]) == {"sign": [(0, 1)], '"leg"': [(1, 2)]}


@pytest.mark.parametrize(
    ("concepts", "what"),
    [
        ({"sign": ["my the"]}, "holds no word that counts"),
        ({"sign": ["<nothing> here"]}, "is no concept"),
        ({"sign": ["walk . home"]}, "may only end an item"),
        ({"one": ["<other> a"], "other": ["<one> b"]}, "refer to each other in a circle"),
    ],
)
def test_an_item_that_can_not_be_read_is_refused(concepts: dict[str, list[str]], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        compile_lexicon(concepts, Items(FILLERS, SAME))


def test_repetition_is_kept_within_bounds() -> None:
    assert len(met("numb " * 59, sign=["numb"])["sign"]) <= 16
