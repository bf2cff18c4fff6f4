"""What a denial, a question, a supposition, news, the past, an animal and an excuse reach: grammar alone, in a few words.

``a`` … ``z`` stand for words that mean nothing to any rule. Everything is compiled in each test, so that a mutant of the
grammar is met wherever it sits (`make mutants`).
"""

from collections.abc import Collection

import pytest

from bot.content.red_flags import ALL_HEEDS, RedFlags, Rule, Scope, When
from bot.safety import Screener

SCOPE = Scope(
    fillers="the",
    owners="my, his, their, me",
    people="i, he, they, wife, girl",
    anyone="people, someone",
    subjects="i, he, it, they",
    joining="and, because",
    contrasts="but",
    denials="=no, =not, never, dont have",
    whole_denials="isnt that, not saying",
    not_denials="not only, not sure, no cushion, no more ice",
    listed="fever, rash",
    settled="none, ruled out",
    openers="is, can, what, isnt dead",
    before_question="hi",
    modals="can",
    supposed="what if, if i lose, might, leg might",
    told="read about, heard",
    fiction="in film",
    lasting="stays",
    answers_no="no, nope",
    examined="asked about, asked if",
    cleared="all negative, said no to all",
    unclear="yes, told, but",
    past="years ago, had numb, previously",
    over="fine now, healed, gone numb",
    now="now, today, until morning",
    animals="dog",
    idioms="sick dog",
)
CONCEPTS = {
    "sign": [
        "numb",
        "lose feeling",
        "no feeling",
        "is dead",
        "heard voices",
        "might die",
        "previously dead",
        "healed wrong",
        "cold skin i",
    ],
    "part": ["leg", "none leg"],
    "excuse": ["ice", "cushion", "no cushion", "is warm"],
}


def why(message: str, combination: str = "sign", heeds: Collection[str] = ALL_HEEDS, unless: str = "excuse") -> str:
    """Why the first match of ``combination`` in ``message`` does not count; empty where one does."""
    rule = Rule(
        id="rule", level="soon", what="A sign.", source="1", line="See somebody.", when=When(message=(combination,)),
        unless=(unless,), heeds=tuple(heeds),
    )  # fmt: skip
    screening = Screener(RedFlags(concepts=CONCEPTS, scope=SCOPE, rules=(rule,))).find_red_flag(message)
    assert not screening.is_degraded
    if screening.findings:
        return ""
    return screening.blocked[0].rpartition("(")[2].rstrip(")") if screening.blocked else "not met"


def words(count: int) -> str:
    """``count`` words that mean nothing."""
    return " ".join("abcdefghijklmnopqrstuvwxyz"[:count].replace("i", "7"))


@pytest.mark.parametrize(
    ("message", "heed", "reason"),
    [
        ("no numb", "denied", "denied"),
        ("dog numb", "animal", "an animal"),
        ("read about numb", "told", "told of others"),
        ("might numb", "supposed", "supposed"),
        ("is numb", "asked", "asked in general"),
        ("years ago numb", "past", "past and over"),
    ],
)
def test_a_rule_heeds_what_it_says_and_nothing_else(message: str, heed: str, reason: str) -> None:
    assert why(message) == reason
    assert why(message, heeds=[heed]) == reason
    assert why(message, heeds=[other for other in ALL_HEEDS if other != heed]) == ""


@pytest.mark.parametrize("message", ["numb", "my leg numb", "leg. numb!", "hi, numb"])
def test_a_sign_that_is_said_counts(message: str) -> None:
    assert why(message) == ""


@pytest.mark.parametrize(
    "message",
    [
        "no numb",
        "no a numb",
        "no it numb",
        "hi no a numb",
        "hi, no numb",
        "no numb he",
        "no numb and",
        f"no {words(9)} numb",
        # lists
        "no fever, rash numb",
        "no fever, numb or weak",
        "no fever, numb a b or weak",
        "no fever, numb nor weak",
        "no fever, numb or",
        "no fever, or numb",
        "no fever, nor numb",
        "no fever and rash numb",
        "no fever, and rash numb",
        "no a, and rash numb",
        "no fever and numb or weak",
        # whose thought it is
        "isnt that i numb",
        "isnt that a i numb",
        "not saying i he numb",
        "dont have it numb",
        # a denial of something else before it
        "not only a no numb",
    ],
)
def test_a_denial_reaches_to_the_end_of_its_thought(message: str) -> None:
    assert why(message) == "denied"


@pytest.mark.parametrize(
    "message",
    [
        "numb no",
        "numb never",
        "no fever. numb",
        "no fever! numb",
        "no fever? numb",
        "no fever but numb",
        "no but numb",
        f"no {words(10)} numb",
        "no fever, numb",
        "no fever, rash, numb",
        "no fever, i numb or weak",
        "no fever, numb or i cry",
        "no fever, numb a or i cry",
        "no fever, numb a b c or weak",
        "no fever, or i numb",
        "no fever, nor my leg numb",
        "no fever, numb or my leg",
        "no fever and numb",
        "no fever and i numb",
        "no fever and",
        "no fever i numb",
        "no a b it numb",
        "isnt that i a he numb",
        "dont have it a i numb",
        "not saying i a b they numb",
        # the denial is part of the sign, or no denial
        "no feeling",
        "not only numb",
        "not only a not sure b numb",
    ],
)
def test_a_denial_reaches_no_further(message: str) -> None:
    assert why(f"{message} numb" if message.endswith("and") else message) == ""


@pytest.mark.parametrize(
    ("message", "combination", "is_settled"),
    [
        ("numb none", "sign", True),
        ("numb, none", "sign", True),
        ("numb: none", "sign", True),
        ("numb ruled out", "sign", True),
        ("a numb none", "sign", True),
        ("numb a b c none", "sign", True),
        ("numb a b c d none", "sign", False),
        ("none numb", "sign", False),
        ("numb. none", "sign", False),
        ("numb, a none", "sign", False),
        ("numb a, b none", "sign", False),
        ("numb and i none", "sign", True),
        ("numb a and i none", "sign", False),
        ("numb but none", "sign", True),
        ("numb a but none", "sign", False),
        ("numb leg none", "sign + part", True),
        ("numb leg, none", "sign + part", True),
        ("numb leg a b c none", "sign + part", True),
        ("numb leg a b c d none", "sign + part", False),
        ("numb, leg. none", "sign + part", False),
        ("numb none leg", "sign + part", False),
        ("a. numb none. b", "sign", True),
        # of something else, or asked
        ("numb, none a", "sign", False),
        ("numb none a", "sign", False),
        ("numb none but a", "sign", False),
        ("numb none?", "sign", False),
        ("numb none? a", "sign", False),
        ("numb none, a?", "sign", True),
        ("numb none; a?", "sign", True),
        ("a? numb none", "sign", True),
    ],
)
def test_what_is_settled_is_the_sign_itself(message: str, combination: str, is_settled: bool) -> None:
    assert why(message, combination, ["denied"]) == ("denied" if is_settled else "")


@pytest.mark.parametrize(
    ("message", "is_cleared"),
    [
        ("the nurse asked if my leg was numb, fever, bladder, all negative", True),
        ("the nurse asked about numb feet and fever. all negative", True),
        ("the nurse asked about numb feet and fever", False),
        ("the nurse asked about fever, i told her my leg is numb, all negative", False),
        ("the nurse asked about numb feet, yes a bit, rest all negative", False),
        ("numb leg. the nurse asked about fever, all negative", False),
        ("the nurse asked about fever, all negative but my leg is numb", False),
        ("the nurse asked about numb feet. we talked. all negative", False),
        ("the nurse asked about fever, i have a numb leg, all negative", False),
        ("the nurse asked if i have a numb leg, all negative", True),
        ("i asked about fever, leg is numb, all negative", False),
        ("the nurse asked about numb feet, all negative people", False),
    ],
)
def test_what_was_asked_for_and_is_not_there_is_no_sign(message: str, is_cleared: bool) -> None:
    assert why(message) == ("denied" if is_cleared else "")


@pytest.mark.parametrize(
    ("message", "is_answered"),
    [
        ("numb? no", True),
        ("numb? nope. a", True),
        ("numb? no, a", True),
        ("a. numb? no", True),
        ("a b c d numb? no", True),
        ("a b c d e numb? no", False),
        ("numb? no a", False),
        ("numb? a no", False),
        ("numb. no", False),
        ("a? numb. no", False),
        ("numb?", False),
    ],
)
def test_a_short_question_may_be_answered_no(message: str, is_answered: bool) -> None:
    assert why(message, heeds=["denied"]) == ("denied" if is_answered else "")


@pytest.mark.parametrize(
    ("message", "is_met"),
    [
        ("numb leg", True),
        # denied
        ("no leg. numb", False),
        ("numb. no leg", False),
        ("no leg, numb", False),
        ("no leg but numb", True),
        ("numb no leg", True),
        ("no feeling leg", True),
        ("numb a but no leg", True),
        # what it is not
        ("numb, not leg", False),
        ("numb, not from leg", False),
        ("numb not leg", True),
        ("numb, not a leg", True),
        ("numb, a not from leg", True),
        ("numb, from leg", True),
        # fine
        ("leg none, numb", False),
        ("leg a none, numb", False),
        ("numb, leg none", False),
        ("leg a b none, numb", True),
        ("leg, none, numb", True),
        ("leg none numb", True),
    ],
)
def test_a_company_that_is_denied_or_fine_completes_no_sign(message: str, is_met: bool) -> None:
    assert why(message, "sign + part", ()) == ("" if is_met else "not met")


@pytest.mark.parametrize(
    "message",
    [
        "dog numb",
        "dog numb like",
        "my dog numb",
        "a b c d dog numb",
        "dog his leg numb",
        "dog he numb",
        "wife. dog numb",
        "wife, dog numb",
        "dog numb wife",
        f"dog {words(11)} numb",
        "numb skin, dog, a numb",
        "a a. dog numb",
        "a b c, dog numb",
        "dog cold skin, i",
        "dog numb a",
    ],
)
def test_an_animal_that_opens_its_clause_has_the_sign(message: str) -> None:
    assert why(message.replace("numb skin", "cold skin"), heeds=["animal"]) == "an animal"


@pytest.mark.parametrize(
    "message",
    [
        "numb dog",
        "a b c d e dog numb",
        "wife a dog numb",
        "wife dog numb",
        "sick dog numb",
        "sick dog numb, sick dog",
        "like dog numb",
        "a like dog numb",
        "a on dog numb",
        "dog cold skin i",
        "dog numb me a",
        "dog. numb",
        "dog i numb",
        "dog wife numb",
        "dog my leg numb",
        "dog my numb",
        f"dog {words(12)} numb",
        f"dog, {words(11)} numb",
    ],
)
def test_a_person_near_an_animal_is_heard(message: str) -> None:
    assert why(message, heeds=["animal"]) == ""


@pytest.mark.parametrize(
    ("message", "is_told"),
    [
        ("read about numb", True),
        ("i read about numb", True),
        ("read about a b numb", True),
        ("read about numb i", True),
        ("a, read about numb", True),
        ("numb read about", True),
        ("numb a read about", False),
        ("numb. read about", False),
        ("numb, read about", False),
        ("numb but read about", False),
        ("read about a, numb", False),
        ("read about a but numb", False),
        ("read about i numb", False),
        ("read about a wife numb", False),
        ("read about my leg numb", False),
        ("read about my numb", False),
        ("heard voices", False),
        ("heard a voices numb", True),
    ],
)
def test_news_of_others_is_told(message: str, is_told: bool) -> None:
    assert why(message, heeds=["told"]) == ("told of others" if is_told else "")


@pytest.mark.parametrize(
    ("message", "is_told"),
    [
        ("in film he numb", True),
        ("in film girl numb", True),
        ("in film wife numb", False),
        ("in film i numb", False),
        ("in film my numb", False),
        ("read about he numb", False),
        # a stranger in it
        ("in film, guy numb", True),
        ("in film, guy he numb", True),
        ("read about, guy numb", True),
        ("guy in film, numb", True),
        ("guy a b in film, numb", True),
        ("guy a b c in film, numb", False),
        ("a b in film, numb guy", False),
        ("in film, a numb", False),
        ("in film, my guy numb", False),
        ("in film, guy wife numb", False),
        ("in film. guy numb", False),
        ("guy numb in film, a", True),
        ("guy numb a in film", False),
    ],
)
def test_people_of_a_story_are_not_the_writers(message: str, is_told: bool) -> None:
    assert why(message, heeds=["told"]) == ("told of others" if is_told else "")


def test_a_person_of_the_writer_between_the_words_of_a_sign_is_heard() -> None:
    assert why("read about numb i leg", "sign + part", ["told"]) == ""


@pytest.mark.parametrize(
    ("message", "is_supposed"),
    [
        ("what if numb", True),
        ("a what if numb", True),
        ("what if i lose feeling", True),
        ("if i lose feeling", True),
        ("if i lose a numb", True),
        (f"what if {words(9)} numb", True),
        (f"what if {words(10)} numb", False),
        ("what if a, numb", False),
        ("what if, numb", False),
        ("what if. numb", False),
        ("what if a but numb", False),
        ("what if but numb", False),
        ("what, if numb", True),
        ("numb what if", False),
        ("numb a what if", False),
        ("numb might", False),
        ("numb, might", False),
        ("might die", False),
        ("might might die", True),
        ("what if a, might numb", True),
        (f"what if {words(11)} might numb", True),
        ("might numb but a", True),
    ],
)
def test_a_supposition_reaches_the_sign_after_it(message: str, is_supposed: bool) -> None:
    assert why(message, heeds=["supposed"]) == ("supposed" if is_supposed else "")


def test_what_begins_within_a_supposition_is_supposed() -> None:
    assert why("leg might numb", "sign + part", ["supposed"]) == "supposed"


@pytest.mark.parametrize(
    ("message", "is_asked"),
    [
        ("is numb", True),
        ("is a b numb", True),
        ("hi is numb", True),
        ("hi hi hi hi is numb", True),
        ("hi hi hi hi hi is numb", False),
        ("and is numb", True),
        ("but is numb", True),
        ("a but is numb", True),
        ("a, is numb", True),
        ("a is numb", False),
        ("hi a is numb", False),
        ("numb is", False),
        ("is dead", False),
        # a person in it speaks of now
        ("is i numb", False),
        ("is my leg numb", False),
        ("is my numb", False),
        ("is a wife numb", False),
        ("is numb wife", True),
        ("wife, is numb", True),
        # what may happen to the one who asks
        ("can i numb", True),
        ("can i a numb", True),
        ("can i wife numb", True),
        ("can i a wife numb", False),
        ("can i a b numb", True),
        ("can my leg numb", True),
        ("what i numb", False),
        ("can a i numb", False),
        # anyone
        ("can people numb", True),
        ("can people their leg numb", True),
        ("can people they numb", True),
        ("can people my leg numb", False),
        ("can people i numb", False),
        ("can a their leg people numb", False),
        ("is their leg numb", False),
        ("is their people numb", False),
        ("people, can a they numb", False),
        ("is a they numb", False),
        ("people numb", True),
        ("people a b numb", True),
        ("someone numb", True),
        ("a someone numb", True),
        ("someone else numb", False),
        ("someone elses leg numb", False),
        ("someone a else numb", True),
        ("people i numb", False),
        ("wife people numb", False),
        ("people my numb", False),
        ("wife, people numb", True),
        ("people, numb", False),
        ("numb people", False),
        ("people numb wife", True),
    ],
)
def test_a_question_about_the_sign_has_nobody_in_it(message: str, is_asked: bool) -> None:
    assert why(message, heeds=["asked"]) == ("asked in general" if is_asked else "")


def far(count: int) -> str:
    return f"years ago numb, now {words(count)} healed"


@pytest.mark.parametrize(
    ("message", "is_past"),
    [
        ("years ago numb", True),
        ("numb years ago", True),
        ("numb, years ago", True),
        ("years ago. numb", False),
        ("numb. years ago", False),
        ("had numb", True),
        ("previously dead", False),
        ("previously a dead is dead", True),
        # now
        ("years ago numb now", False),
        ("now numb, years ago", False),
        ("now years ago numb", False),
        ("numb today years ago", False),
        ("years ago a, now numb", False),
        ("years ago numb, now a", False),
        ("years ago numb, a until morning, healed", False),
        ("years ago numb. now a", True),
        ("now. years ago numb", True),
        # over
        ("years ago numb fine now", True),
        ("years ago numb, fine now", True),
        ("years ago numb, healed a now", True),
        ("years ago numb fine now, healed", True),
        ("years ago numb, now healed", True),
        ("years ago numb, now a. healed", True),
        ("healed. years ago numb, now a", True),
        ("years ago numb, fine, now a", False),
        ("years ago numb healed today", False),
        ("years ago, now a healed wrong", False),
        ("healed a numb now", False),
        (far(26), True),
        (far(26) + " a", True),
        (far(26).replace("now", "now a"), False),
        (far(9) + f", {words(12)}", True),
        # two of a kind
        ("years ago numb, fine now, healed", True),
        ("years ago. years ago numb", True),
    ],
)
def test_what_is_past_and_over_is_not_now(message: str, is_past: bool) -> None:
    assert why(message, heeds=["past"]) == ("past and over" if is_past else "")


@pytest.mark.parametrize(
    ("message", "is_excused"),
    [
        ("ice numb", True),
        ("numb ice", True),
        ("numb. ice", True),
        (f"numb {words(11)} ice", True),
        (f"numb {words(12)} ice", False),
        (f"ice {words(11)} numb", True),
        (f"ice {words(12)} numb", False),
        # denied
        ("numb not ice", False),
        ("numb not a ice", False),
        ("numb not a b ice", True),
        ("numb not, ice", True),
        ("numb not only ice", True),
        ("numb no more ice", False),
        ("numb no cushion", True),
        ("numb never cushion", False),
        ("numb not ice, a ice", True),
        # asked after the sign
        ("numb, is ice", False),
        ("numb, hi is ice", False),
        ("numb. can ice", False),
        ("numb, is warm", False),
        ("numb, ice is", True),
        ("numb a is ice", True),
        ("is ice numb", True),
        ("a ice? numb", False),
        ("is ice? a. numb", False),
        ("numb. a ice?", False),
        ("numb ice?", True),
        ("a? numb ice", True),
    ],
)
def test_an_excuse_stands_near_and_is_neither_denied_nor_asked_for(message: str, is_excused: bool) -> None:
    assert why(message, heeds=()) == ("explained by something harmless" if is_excused else "")


@pytest.mark.parametrize(
    ("message", "heed", "reason"),
    [
        ("is leg? numb", "asked", ""),
        ("leg. is numb", "asked", "asked in general"),
        ("is numb? leg", "asked", "asked in general"),
        ("is numb a? b leg", "asked", "asked in general"),
        ("read about leg. numb", "told", ""),
        ("numb a. read about leg", "told", ""),
        ("read about numb. wife leg", "told", "told of others"),
        ("years ago leg. numb", "past", ""),
        ("leg. years ago numb", "past", "past and over"),
        ("years ago leg. gone numb", "past", "past and over"),
        ("years ago leg. gone a numb", "past", ""),
        ("might leg. numb", "supposed", ""),
        ("leg. might numb", "supposed", "supposed"),
    ],
)
def test_a_sign_is_asked_told_supposed_or_past_where_it_stands(message: str, heed: str, reason: str) -> None:
    assert why(message, "sign + part", [heed]) == reason


def test_an_excuse_is_as_near_as_its_nearer_end() -> None:
    for message in (f"ice numb {words(14)} leg", f"numb {words(14)} leg ice"):
        assert why(message, "sign + part", ()) == "explained by something harmless"


def test_an_excuse_within_the_match_stands_near_whatever_the_distance() -> None:
    message = f"numb {words(14)} ice {words(14)} leg"
    assert why(message, "sign + excuse + part", ()) == "explained by something harmless"
    assert why(message, "sign + part", ()) == ""


def test_an_excuse_of_two_concepts_needs_both() -> None:
    assert why("ice numb", heeds=(), unless="excuse + part") == ""
    assert why("leg numb", heeds=(), unless="excuse + part") == ""
    assert why("ice numb leg", heeds=(), unless="excuse + part") == "explained by something harmless"


@pytest.mark.parametrize(
    ("message", "is_excused"),
    [
        ("ice numb stays", False),
        ("stays numb ice", False),
        (f"ice numb {words(11)} stays", False),
        (f"ice numb {words(12)} stays", True),
        (f"stays {words(12)} numb ice", True),
    ],
)
def test_what_stays_is_not_excused(message: str, is_excused: bool) -> None:
    assert why(message, heeds=()) == ("explained by something harmless" if is_excused else "")


def test_another_concept_excuses_nothing() -> None:
    assert why("numb leg", heeds=()) == ""


@pytest.mark.parametrize(
    ("message", "is_met"),
    [
        ("not leg, numb", False),  # a company that is denied completes no sign behind the comma
        ("not leg numb", True),
        ("numb, leg none", False),
        ("leg none. numb", False),
        ("leg, numb", True),
    ],
)
def test_a_denied_company_completes_no_sign_of_another_thought(message: str, *, is_met: bool) -> None:
    rule = Rule(
        id="rule", level="soon", what="A sign.", source="1", line="See somebody.", when=When(message=("sign + part",)),
        heeds=("told",),
    )  # fmt: skip
    screening = Screener(RedFlags(concepts=CONCEPTS, scope=SCOPE, rules=(rule,))).find_red_flag(message)
    assert bool(screening.findings) == is_met
