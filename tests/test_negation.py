"""Negation scope by ConText: what is denied, what is only asked about, and what is a sign though it says "no"."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.safety.negation import Scopes
from bot.understanding import read_plainly


def denied(said: str) -> str:
    """The words of ``said`` that a trigger other than themselves denies."""
    parsed = read_plainly(said)
    scopes = Scopes(parsed.stems, parsed.breaks)
    return " ".join(word for at, word in enumerate(parsed.words) if scopes.is_denied((at,)))


def is_denied(said: str, phrase: str) -> bool:
    """Whether ``phrase``, whose words stand together in ``said``, is denied there."""
    parsed, words = read_plainly(said), read_plainly(phrase).words
    at = next(at for at in range(len(parsed.words)) if parsed.words[at : at + len(words)] == words)
    return Scopes(parsed.stems, parsed.breaks).is_denied(range(at, at + len(words)))


def supposed(said: str) -> str:
    parsed = read_plainly(said)
    scopes = Scopes(parsed.stems, parsed.breaks)
    return " ".join(word for at, word in enumerate(parsed.words) if scopes.is_supposed((at,)))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        # a trigger reaches to the end of its clause
        ("no numbness", "numbness"),
        ("never lost control of it", "lost control of it"),
        ("my foot is not numb. It drags", "numb"),
        ("without fever; numb foot", "fever"),
        ("they ruled out a fracture", "a fracture"),
        ("I haven't any numbness", "any numbness"),
        ("he hadn't a fever", "a fever"),
        ("nothing like a stroke", "a stroke"),
        # a contrast or a reason ends it
        ("no fever but my foot drags", "fever"),
        ("not slept because my leg is numb", "slept"),
        ("no pain now numb", "pain"),
        ("don't understand why I can't pee", "understand"),
        ("no fever - my foot drags", "fever"),
        ("no fever, my foot drags", "fever"),
        ("no fever, can't pee", "fever"),
        # a list is denied as a whole
        ("no numbness, weakness or fever", "numbness weakness or fever"),
        ("no hot, red, wet, odd, raw, sore, dead, cold, weak or numb", "hot red wet odd raw sore dead cold weak or numb"),
        ("I don't have numbness, weakness or fever", "numbness weakness or fever"),
        ("not numb, weak or hot", "numb weak or hot"),
        # … but "not" before a comma and something else is no list
        ("not sleeping, numb foot", "sleeping"),
        # a second denial begins a scope of its own
        ("no fever, no feeling in my foot", "fever feeling in my foot"),
        # pseudo-triggers
        ("not only sore, numb too", ""),
        ("no idea what it is, numb foot", ""),
        ("not sure if numb", ""),
        ("no doubt numb", ""),
        ("no change in the numb foot", ""),
        # an answer denies nothing behind it
        ("no, numb between the legs", ""),
        ("no I can't pee", ""),
        ("no my foot is numb", ""),
        # backward
        ("fracture was ruled out", "fracture was"),
        ("fever: ruled out", "fever"),
        ("stroke ruled out, numb foot", "stroke"),
        ("my foot is numb and they ruled out a fracture", "a fracture"),
        ("a stroke is unlikely", "a stroke is"),
        ("bladder is fine", "bladder"),
        ("fever? no. Sore back", "fever"),
        ("numbness: none", "numbness"),
        ("I can't pee. Normal otherwise", ""),
        ("can't walk normally", ""),
        ("I can't pee. Was normal before", ""),
        ("can't pee but legs are fine", "legs"),
    ],
)  # fmt: skip
def test_what_is_denied(said: str, words: str) -> None:
    assert denied(said) == words


@pytest.mark.parametrize(
    ("said", "phrase", "is_so"),
    [
        ("no feeling down there", "no feeling", False),  # the trigger is a word of the sign
        ("not a drop of wee", "not a drop", False),
        ("no fever, no feeling in my foot", "no feeling", False),
        ("can't pee", "can't pee", False),
        ("it's not that I can't pee", "can't pee", True),
        ("no, no feeling there", "no feeling", False),
    ],
)
def test_a_sign_that_says_no_is_no_denial(said: str, phrase: str, is_so: bool) -> None:
    assert is_denied(said, phrase) is is_so


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("what if I can't pee", "i cant pee"),
        ("is it a sign of a stroke? My foot is numb", "of a stroke"),
        ("can a slipped disc make you incontinent", "slipped disc make you incontinent"),
        ("what are the warning signs, numbness or fever?", "the warning signs numbness or fever"),
        ("Hi, is numbness dangerous? My foot is numb", "numbness dangerous"),
        ("does sitting make your legs numb", "sitting make your legs numb"),
        ("is it dangerous that I can't feel my foot", ""),  # a person, so a report
        ("numb foot, is it dangerous", "it dangerous"),
        ("why are both legs numb", ""),  # takes it for given
        ("I'm worried about numbness but my foot drags", "numbness"),
        ("if it's ok to ask, I can't pee", "it is ok to ask"),
        ("my foot is numb if I sit", "i sit"),
        ("feels as if my foot is dead", ""),
        ("my foot is numb", ""),
    ],
)
def test_what_is_only_asked_about_or_supposed(said: str, words: str) -> None:
    assert supposed(said) == words


@given(
    st.lists(
        st.sampled_from("no not numb , . ? : or but if what is fine ruled out i leg never none can a".split()),
        max_size=60,
    )
)
def test_any_words_in_any_order_have_a_scope(words: list[str]) -> None:
    parsed = read_plainly(" ".join(words))
    scopes = Scopes(parsed.stems, parsed.breaks)
    for at in range(len(parsed.words)):
        scopes.is_denied((at,))
        scopes.is_supposed((at,))
