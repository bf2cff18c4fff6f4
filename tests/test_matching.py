"""The matcher finds the entry, knows when it does not, and answers what staff wrote."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from bot.content import Content, Entry, RedFlags, SmallTalk
from bot.matching import Confidence, Matcher
from bot.matching.bayes import NaiveBayes
from bot.matching.scoring import PairWeights, find_likeness, fit_head, stack_signals
from bot.understanding import Encoder, Understanding, known_words
from bot.understanding.vectors import VectorStore
from training.matching import DECAY, fit_weights, score_left_out

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
ENCODER = Encoder()


class Asked:
    """A matcher that is asked in plain text."""

    def __init__(self, content: Content, encoder: Encoder | None = ENCODER, cache_dir=None):
        self._understanding = Understanding(known_words(content), encoder)
        self._matcher = Matcher.of(content, self._understanding, cache_dir)

    def rank(self, utterance: str):
        return self._matcher.rank(self._understanding.parse(utterance))


def content_of(phrasings=PHRASINGS, out_of_scope=OUT_OF_SCOPE, small_talk=SMALL_TALK):
    entries = {
        name: Entry(id=name, question=f"About {name}", phrasings=lines, answer="Yes.")
        for name, lines in phrasings.items()
    }
    return Content(
        entries=entries, red_flags=RedFlags(()), phrases=None, clinic=None, out_of_scope=out_of_scope,
        small_talk=small_talk,
    )  # fmt: skip


@pytest.fixture(scope="module")
def matcher():
    return Asked(content_of())


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


@pytest.mark.parametrize("encoder", [ENCODER, None], ids=["with the model", "without"])
@pytest.mark.parametrize(
    ("utterance", "entry"),
    [("Heating pad all night?", "heat"), ("is there a car prak", "parking"), ("lunch do you shut for", "hours"), ("about ice", "ice")],
)  # fmt: skip
def test_what_staff_wrote_is_answered_with_a_slip_or_in_another_order(encoder, utterance, entry):
    ranking = Asked(content_of(), encoder).rank(utterance)
    assert (ranking.confidence, ranking.candidates[0].entry) == (Confidence.HIGH, entry)


def test_words_that_two_entries_claim_are_not_answered_for_that():
    both = PHRASINGS | {"heat": [*PHRASINGS["heat"], "cold pack how long"]}
    alone = Asked(content_of()).rank("cold pack how long")
    claimed = Asked(content_of(both)).rank("cold pack how long")
    assert alone.confidence is Confidence.HIGH
    assert claimed.candidates[0].score < 0.95


def test_scores_are_probabilities_and_fall(matcher):
    ranking = matcher.rank("is ice better than a warm bath")
    scores = [candidate.score for candidate in ranking.candidates]
    assert scores == sorted(scores, reverse=True)
    assert 0 < sum(scores) + ranking.none <= 1 + 1e-4
    assert ranking.margin == pytest.approx(scores[0] - scores[1])


HOSTILE = [
    "",
    "   ",
    "\x00\ufeff",
    "😀😀",
    "背中が痛い",
    "a" * 4096,
    "ice " * 999,
    "<b>&lt;",
    "\ud800",
    "x\n" * 9,
    "??? ??",
]


@pytest.mark.parametrize("encoder", [ENCODER, None], ids=["with the model", "without"])
@pytest.mark.parametrize("utterance", HOSTILE)
def test_any_text_gets_a_ranking(encoder, utterance):
    ranking = Asked(content_of(), encoder).rank(utterance)
    assert 0 <= ranking.none <= 1
    assert len(ranking.candidates) <= 5


def test_what_is_out_of_scope_is_not_answered(matcher):
    ranking = matcher.rank("tell me a poem about the capital of peru")
    assert ranking.confidence is not Confidence.HIGH
    assert ranking.none > max((one.score for one in ranking.candidates), default=0.0)


def test_small_talk_is_told_from_questions(matcher):
    assert matcher.rank("hello!").small_talk == "greeting"
    assert matcher.rank("thank you").small_talk == "thanks"
    assert matcher.rank("hello, when do you close on saturday").small_talk is None


def test_suggestions_stand_only_where_it_asks_back(matcher):
    for utterance in ("frozen peas on my back ok", "bottle", "tell me a joke about gas prices"):
        ranking = matcher.rank(utterance)
        assert bool(ranking.suggested) == (ranking.confidence is Confidence.MEDIUM)
        assert ranking.suggested == ranking.candidates[: len(ranking.suggested)]
        assert len(ranking.suggested) <= 3


def test_a_second_question_is_offered(matcher):
    ranking = matcher.rank("frozen peas on my back ok? where can i park?")
    assert ranking.confidence is Confidence.HIGH
    assert {ranking.candidates[0].entry, ranking.also.entry} == {"ice", "parking"}
    assert matcher.rank("frozen peas on my back ok").also is None


def test_the_question_in_a_long_story_counts(matcher):
    story = "I was at my sister's on Saturday and we carried the piano up two floors with her neighbours and the dog in the way. "
    assert matcher.rank(story + "When do you close on Saturday?").candidates[0].entry == "hours"


def test_why_names_the_nearest_lines(matcher):
    assert any("frozen peas" in reason for reason in matcher.rank("frozen peas").why)


def test_vectors_of_a_clinics_own_lines_are_kept_and_those_of_others_are_not(tmp_path):
    Asked(content_of(), cache_dir=tmp_path)
    (file,) = tmp_path.glob("vectors-*.npz")
    before = len(np.load(file)["keys"])
    Asked(content_of(PHRASINGS | {"ice": [*PHRASINGS["ice"], "an ice lolly for my back"]}), cache_dir=tmp_path)
    assert len(np.load(file)["keys"]) == before + 1
    Asked(content_of(), cache_dir=tmp_path)
    assert len(np.load(file)["keys"]) == before


@pytest.mark.parametrize("rubbish", [b"", b"PK\x03\x04 broken", b"not an npz at all"])
def test_a_broken_cache_costs_only_time(tmp_path, rubbish):
    (tmp_path / f"vectors-{ENCODER.version}.npz").write_bytes(rubbish)
    assert Asked(content_of(), cache_dir=tmp_path).rank("frozen peas").candidates[0].entry == "ice"


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    assert Asked(content_of(), cache_dir=blocked).rank("frozen peas").candidates[0].entry == "ice"


def test_a_vector_survives_being_kept(tmp_path):
    store = VectorStore(ENCODER, tmp_path)
    first = store.find(["an ice lolly for my back"])
    store.keep(["an ice lolly for my back"])
    assert np.allclose(VectorStore(ENCODER, tmp_path).find(["an ice lolly for my back"]), first)
    assert float((first @ ENCODER.encode(["an ice lolly for my back"])[0].meaning[0]).item()) > 0.998


def test_content_without_out_of_scope_and_small_talk_answers():
    """Another clinic, or another trade: nothing beyond entries is needed, and one entry is enough."""
    bare = Asked(content_of(out_of_scope=(), small_talk={}))
    assert bare.rank("where do i park").candidates[0].entry == "parking"
    single = Asked(content_of({"ice": PHRASINGS["ice"]}, out_of_scope=(), small_talk={}))
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


def test_rankings_are_values(matcher):
    ranking = matcher.rank("frozen peas")
    assert replace(ranking) == ranking
    assert hash(ranking) == hash(replace(ranking))


# The signals


def test_leaving_one_out_in_closed_form_is_leaving_it_out():
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(30, 8)).astype(np.float32)
    labels = rng.integers(0, 3, 30)
    left_out = score_left_out(vectors, labels, fit_head(vectors, labels, 3))
    for at in (0, 7, 29):
        others = np.arange(30) != at
        weights = fit_head(vectors[others], labels[others], 3)
        assert np.append(vectors[at], 1.0) @ weights == pytest.approx(left_out[at], abs=1e-3)


def test_words_speak_for_the_label_whose_lines_hold_them():
    lines = [("ice", "pack"), ("cold", "pack"), ("hot", "bath"), ("warm", "bath"), ("warm", "bath", "long")]
    bayes = NaiveBayes(lines, [0, 0, 1, 1, 1], 2)
    assert bayes.score(("ice", "pack")).argmax() == 0
    assert bayes.score(("warm", "bath")).argmax() == 1
    assert not bayes.score(("unheard", "of")).any()


def test_bayes_without_a_line_is_bayes_that_has_not_counted_it():
    lines = [("ice", "pack"), ("cold", "pack", "ice"), ("hot", "bath"), ("pack", "bath"), ("bath", "ice", "pack")]
    labels = [0, 0, 1, 1, 1]
    others = NaiveBayes([*lines[1:], lines[0]], [*labels[1:], 0], 2)
    whole = NaiveBayes(lines, labels, 2)
    assert whole.score(lines[0]) == pytest.approx(others.score(lines[0]), abs=1e-4)
    found, mine = whole.score_without(lines[0], 0), whole.score(lines[0])
    assert found[0] < mine[0]
    assert found[1] == pytest.approx(mine[1])


def test_likeness_goes_by_the_nearest_lines_of_each_label():
    near = np.array([[0.9, 0.1, 0.5, 0.5]], np.float32)
    likeness = find_likeness(near, np.array([0, 2]))
    assert likeness[0, 0] > likeness[0, 1]
    assert pytest.approx(likeness[0, 1]) == 0.5


def test_a_signal_is_also_told_by_how_far_it_is_ahead():
    features = stack_signals(np.array([[0.9, 0.4, 0.1]], np.float32))
    assert features[0, :, 1] == pytest.approx([0.5, -0.5, -0.8])


def test_weights_that_are_learned_leave_no_slope_and_may_leave_features_out():
    rng = np.random.default_rng(2)
    features = rng.normal(size=(400, 5, 8)).astype(np.float32)
    scores = features @ np.array([2, 0, -1, 0, 0, 1, 0, 0], np.float32)
    owners = (scores + rng.gumbel(size=scores.shape)).argmax(1)

    def loss(weights):
        chances = np.log(PairWeights(**weights, answer_from=0.5, suggest_from=0.1).find_chances(features))
        penalty = DECAY * (weights["entry"] ** 2).sum() + DECAY * (weights["none"] ** 2).sum()
        return penalty - chances[np.arange(400), owners].mean()

    learned = fit_weights(features, owners)
    for name in ("entry", "none", "bias"):
        for step in (0.05, -0.05):
            assert loss(learned | {name: learned[name] + np.float32(step)}) > loss(learned)
    used = np.array([True] * 5 + [False] * 3)
    without = fit_weights(features, owners, used)
    assert not without["entry"][~used].any()
    assert without["entry"][0] > 1.0
    assert loss(without) > loss(learned)
