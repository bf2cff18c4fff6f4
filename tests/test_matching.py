"""The matcher finds the entry, knows when it does not, and can be rebuilt to the same numbers."""

import threading
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

from bot.content import Content, Entry, Lexicon, SmallTalk
from bot.matching import Confidence, Matcher, build, weights
from bot.matching.concepts import ConceptFinder, stemmed, stems_of
from bot.matching.confidence import (
    FALSE_ANSWERS,
    MOST_SURE,
    SUGGEST_FROM,
    WITHOUT_EXAMPLES,
    answer_from,
    confidence,
)  # fmt: skip
from bot.matching.features import Space, features
from bot.matching.model import fingerprint, load, save

PHRASINGS = {
    "ice": [
        "should i put ice on it", "frozen peas on my back ok", "cold pack how long", "is cold good for the swelling",
        "gel pack from the freezer", "ice bath after lifting", "can cold burn my skin", "ice cubes in a bag",
    ],
    "heat": [
        "hot water bottle on my back", "is a warm bath good", "heating pad all night", "sauna for stiff muscles",
        "wheat bag from the microwave", "hot shower or not", "warm patch from the pharmacy", "does heat loosen it",
    ],
    "hours": [
        "opening hours", "when do you close", "are you there on sunday", "do you shut for lunch", "open today",
        "saturday mornings", "what time in the evening", "till when tonight",
    ],
    "parking": [
        "where can i park", "is there a car park", "parking spaces near you", "do i pay for parking",
        "disabled bay outside", "can i leave the car there", "garage nearby", "street parking allowed",
    ],
}  # fmt: skip
OUT_OF_SCOPE = (
    "my knee clicks", "what does it cost", "ice cream flavours", "tell me a joke", "who won the match", "refund please",
    "my tooth aches", "write a poem", "cheap flights", "translate this", "is my rash contagious", "gas prices",
    "do you sell shoes", "sick note for work", "what is the capital of peru",
)  # fmt: skip
SMALL_TALK = {
    "greeting": SmallTalk(phrasings=("hi", "hello", "good morning", "hey there"), reply="Hello."),
    "thanks": SmallTalk(phrasings=("thanks", "thank you", "cheers", "much appreciated"), reply="Welcome."),
}


def content_of(
    phrasings=PHRASINGS, lexicon=None, not_for=MappingProxyType({}), out_of_scope=OUT_OF_SCOPE, small_talk=SMALL_TALK
):
    entries = {
        name: Entry(id=name, question=name, phrasings=lines, not_for=not_for.get(name, ()), answer="Yes.")
        for name, lines in phrasings.items()
    }
    return Content(
        entries=entries, red_flags=None, phrases=None, clinic=None,
        lexicon=Lexicon(concepts=lexicon or {}), out_of_scope=out_of_scope, small_talk=small_talk,
    )  # fmt: skip


@pytest.fixture(scope="module")
def matcher():
    return Matcher.of(content_of(), second_stage=False)


@pytest.mark.parametrize(
    ("utterance", "entry"),
    [
        ("frozen peas", "ice"),
        ("can i use a hot watter botle", "heat"),
        ("do you open on sundays", "hours"),
        ("parkng??", "parking"),
    ],
)
def test_the_entry_that_is_asked_for_comes_first(matcher, utterance, entry):
    assert matcher.rank(utterance).candidates[0].entry == entry


def test_scores_are_probabilities_and_fall(matcher):
    ranking = matcher.rank("is ice better than a warm bath")
    scores = [candidate.score for candidate in ranking.candidates]
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) + ranking.none == pytest.approx(1, abs=1e-4)
    assert ranking.margin == pytest.approx(scores[0] - scores[1])


HOSTILE = ["", "   ", "\x00\ufeff", "😀😀", "背中が痛い", "a" * 4096, "ice " * 999, "<b>&lt;", "\ud800", "x\n" * 9]


@pytest.mark.parametrize("utterance", HOSTILE)
def test_any_text_gets_a_ranking(matcher, utterance):
    ranking = matcher.rank(utterance)
    assert 0 <= ranking.none <= 1
    assert len(ranking.candidates) <= 5


def test_another_script_is_never_guessed_at(matcher):
    assert matcher.rank("у меня болит спина").confidence is Confidence.LOW
    assert matcher.rank("у меня болит спина").candidates == ()


def test_what_is_out_of_scope_is_not_answered(matcher):
    ranking = matcher.rank("tell me a poem about the capital of peru")
    assert ranking.confidence is not Confidence.HIGH
    assert ranking.none > 0.5


def test_small_talk_is_told_from_questions(matcher):
    assert matcher.rank("hello!").small_talk == "greeting"
    assert matcher.rank("thank you").small_talk == "thanks"
    assert matcher.rank("hello, when do you close on saturday").small_talk is None


def test_confidence_has_three_levels():
    assert confidence(0.7, answer_from=0.7) is Confidence.HIGH
    assert confidence(0.699, answer_from=0.7) is Confidence.MEDIUM
    assert confidence(SUGGEST_FROM - 1e-6, answer_from=0.7) is Confidence.LOW


def test_answers_begin_where_few_of_what_is_out_of_scope_would_be_answered():
    best = np.linspace(0, 0.72, 201)
    held_out = np.stack([best, 1 - best], axis=1).astype(np.float32)
    least = answer_from(held_out, np.ones(201, np.int64), entries=1)
    assert (best >= least).mean() == pytest.approx(FALSE_ANSWERS, abs=0.01)
    assert answer_from(held_out, np.zeros(201, np.int64), entries=1) == WITHOUT_EXAMPLES
    assert answer_from(np.eye(2, dtype=np.float32)[[0] * 9], np.ones(9, np.int64), entries=1) == MOST_SURE


def test_what_a_word_asks_for_by_itself_is_learned():
    """Entries that the content does not have are passed over."""
    lexicon = Lexicon(alone={"parking": ("velodrome",), "no-such-entry": ("velodrome",)})
    taught = Matcher.of(replace(content_of(), lexicon=lexicon), second_stage=False)
    assert taught.rank("velodrome").candidates[0].entry == "parking"


def test_suggestions_stand_only_where_it_asks_back(matcher):
    for utterance in ("frozen peas on my back ok", "bottle", "tell me a joke about gas prices"):
        ranking = matcher.rank(utterance)
        assert bool(ranking.suggested) == (ranking.confidence is Confidence.MEDIUM)
        assert ranking.suggested == ranking.candidates[: len(ranking.suggested)]
        assert len(ranking.suggested) <= 3


def test_a_second_question_is_offered(matcher):
    """Two clear questions leave each about half the probability; the first is answered all the same."""
    ranking = matcher.rank("frozen peas on my back ok? where can i park")
    assert ranking.confidence is Confidence.HIGH
    assert {ranking.candidates[0].entry, ranking.also.entry} == {"ice", "parking"}
    assert matcher.rank("frozen peas on my back ok").also is None


def test_why_names_the_words_that_counted(matcher):
    assert any("pea" in reason for reason in matcher.rank("frozen peas").why)


def test_the_lexicon_carries_words_that_no_phrasing_has():
    lexicon = {"cold": ("ice", "frozen", "cold", "from the ... locker"), "hot": ("heat", "warm", "hot", "onsen")}
    taught = Matcher.of(content_of(lexicon=lexicon), second_stage=False)
    plain = Matcher.of(content_of(), second_stage=False)
    assert taught.rank("onsen").candidates[0].entry == "heat"
    assert taught.rank("onsen").candidates[0].score > 2 * plain.rank("onsen").candidates[0].score


def test_a_concept_may_leave_a_gap():
    finder = ConceptFinder([("spasm", stemmed("threw ... out")), ("back", stemmed("back"))])
    assert finder.find(stems_of("i threw my whole back out")) == ("spasm", "back")
    assert finder.find(stems_of("i threw it and then went all the way out")) == ()


def test_the_longest_word_group_wins():
    finder = ConceptFinder(
        [
            (concept, stemmed(group))
            for concept, group in (("water", "water"), ("hot", "hot water bottle"), ("bottle", "bottle"))
        ]
    )
    assert finder.find(stems_of("a hot water bottle")) == ("hot",)


def test_a_look_alike_is_pushed_away_from_its_entry():
    line = "how long is the ice age"
    with_line = Matcher.of(content_of(not_for={"ice": (line,)}), second_stage=False).rank(line)
    without = Matcher.of(content_of(), second_stage=False).rank(line)

    def score(ranking):
        return next((one.score for one in ranking.candidates if one.entry == "ice"), 0.0)

    assert score(with_line) < score(without) / 2


def test_the_same_content_gives_the_same_model():
    first, second = (build(content_of(), second_stage=False) for _ in range(2))
    assert first.features == second.features
    assert np.array_equal(first.weights, second.weights)
    assert first.sharpness == second.sharpness


def test_kept_weights_are_used_again_and_renewed_by_an_edit(tmp_path):
    built = weights(content_of(), tmp_path, second_stage=False)
    (file,) = tmp_path.glob("matcher-*.npz")
    kept = load(file)
    assert kept is not None
    assert np.array_equal(kept.weights, built.weights)
    assert (kept.labels, kept.vocabulary, kept.wordings) == (built.labels, built.vocabulary, built.wordings)
    edited = PHRASINGS | {"ice": [*PHRASINGS["ice"], "an ice lolly for my back"]}
    assert fingerprint(content_of(edited)) != fingerprint(content_of())
    for utterance in ("frozen peas", "thank you", "nonsense words"):
        assert Matcher(kept).rank(utterance) == Matcher(built).rank(utterance)


@pytest.mark.parametrize("rubbish", [b"", b"PK\x03\x04 broken", b"not an npz at all"])
def test_a_broken_cache_costs_only_time(tmp_path, rubbish):
    weights(content_of(), tmp_path, second_stage=False)
    (file,) = tmp_path.glob("matcher-*.npz")
    file.write_bytes(rubbish)
    assert load(file) is None
    assert weights(content_of(), tmp_path, second_stage=False).entries == 4
    assert load(file) is not None


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    model = build(content_of(), second_stage=False)
    assert save(model, blocked / "matcher.npz") is False
    assert weights(content_of(), blocked, second_stage=False).entries == 4


def test_content_without_lexicon_out_of_scope_and_small_talk_answers():
    """Another clinic, or another trade: nothing beyond entries is needed, and one entry is enough."""
    bare = Matcher.of(content_of(out_of_scope=(), small_talk={}), second_stage=False)
    assert bare.rank("where do i park").candidates[0].entry == "parking"
    single = Matcher.of(content_of({"ice": PHRASINGS["ice"]}, out_of_scope=(), small_talk={}), second_stage=False)
    assert [candidate.entry for candidate in single.rank("frozen peas").candidates] == ["ice"]


def test_threads_share_a_matcher(matcher):
    lines = ["frozen peas", "hot shower", "do you shut for lunch", "parking", "thank you", "masage"] * 20
    expected = [matcher.rank(line) for line in lines]
    found: dict[int, list] = {}

    def run(number):
        found[number] = [matcher.rank(line) for line in lines]

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(ranked == expected for ranked in found.values())


def test_rankings_are_values():
    ranking = Matcher.of(content_of(), second_stage=False).rank("frozen peas")
    assert replace(ranking) == ranking
    assert hash(ranking) == hash(replace(ranking))


def test_an_utterance_is_read_as_its_features_are_learned():
    """Ranking looks pieces of words up by word; that must be the very vector that learning counts."""
    model = build(content_of(), second_stage=False)
    space = Space(model.features, model.idf)
    for utterance in ("frozen peas on my back", "does ice ice help", "", "qwertz"):
        reading = model.reader().read(utterance)
        read, learned = space.read(reading), space.vector(features(reading))
        assert read.at.tolist() == learned.at.tolist()
        assert np.array_equal(read.value, learned.value)


def test_a_feature_is_known_by_block_and_name():
    model = build(content_of(), second_stage=False)
    space = Space(model.features, model.idf)
    names = [(block, name) for block, of in model.features.items() for name in of]
    assert [space.name(at) for at in range(len(space))] == names
    with pytest.raises(IndexError):
        space.name(len(space))
