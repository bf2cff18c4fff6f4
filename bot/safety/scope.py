"""Whether a sign that was met counts: denied, asked in general, supposed, told of others, past and over.

Everything is decided clause by clause. The cues themselves are words of the content (``scope:`` in red-flags.yaml);
here is only the grammar.
"""

from collections.abc import Collection
from dataclasses import dataclass

from bot.content.red_flags import Scope
from bot.safety.concepts import Found, Lexicon, Occurrence
from bot.safety.reading import COMMA, QUESTION, STOP, Reading

LONGEST_DENIAL = 10  # words
LONGEST_SUPPOSITION = 10
SETTLED_WITHIN = 3  # words after a sign
OPENS_WITHIN = 4  # words from the start of a clause: "can …", "so does …", "just wondering if …"
CLEARED_WITHIN = 24  # words from a sign that was asked for to "all no"
NEAR_EXCUSE = 12  # places between a sign and what explains it away
FAR_FROM_ANIMAL = 12  # places
PAST_AND_OVER = 30  # places between a sign and the word that it is over
REFUSED_WITHIN = 2  # words from a denial to the excuse it takes away
STRANGER_BEFORE = 3  # words before a story: "the bloke on Casualty"
SHORT_QUESTION = 5  # words: "short of breath? no"
_ASKING = frozenset({"if", "whether", "or", "nor"})
_WRITERS = frozenset({"i", "we"})
_CAUSED_BY = frozenset({"because", "by", "from", "with", "in", "on"})
_NO_SUBJECT_AFTER = frozenset({"like", "on", "in", "off", "from", "with", "at", "under", "by", "into", "onto"})
_PLURAL = frozenset({"they", "them", "themselves", "their"})
_ANYBODY_IN_A_STORY = frozenset({"girl", "boy", "lad", "lass", "kid", "child", "baby"})
_STRANGERS = frozenset(
    {"guy", "bloke", "chap", "woman", "man", "character", "actor", "hero", "fella", "girl", "boy", "lad", "kid"}
)
_THIRD_PERSON = frozenset(
    {"he", "she", "it", "they", "him", "them", "his", "her", "its", "their", "himself", "herself", "itself"}
)
CUES = (
    "denials", "whole_denials", "not_denials", "settled", "openers", "supposed", "told", "fiction", "lasting", "past",
    "over", "now", "animals", "idioms", "people", "examined", "cleared",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Match:
    """Concepts of a combination where they stand together; ``sign`` is the first of them."""

    sign: Occurrence
    mask: int
    start: int
    end: int


class ScopeWords:
    """The cue words, compiled once."""

    def __init__(self, scope: Scope, lexicon: Lexicon) -> None:
        self.cue = {name: lexicon.number("scope " + name) for name in CUES}
        self.subjects = frozenset(scope.subjects)
        self.joining = frozenset(scope.joining)
        self.contrasts = frozenset(scope.contrasts)
        self.listed = frozenset(scope.listed)
        self.before_question = frozenset(scope.before_question)
        self.modals = frozenset(scope.modals)
        self.anyone = frozenset(scope.anyone)
        self.answers_no = frozenset(scope.answers_no)
        self.unclear = frozenset(scope.unclear)


class MessageScope:
    """What the cues of one message reach."""

    def __init__(self, words: ScopeWords, reading: Reading, found: Found) -> None:
        self._is, self._reading, self._found = words, reading, found
        self._clauses = self._clause_starts()
        self._denials = self._denial_spans()
        self._named = {occurrence.start for occurrence in self._at("people")}
        self._people = sorted(self._named | {index for index, owner in enumerate(reading.owned) if owner})
        self.idiom_mask = 0
        for occurrence in self._at("idioms"):
            self.idiom_mask |= occurrence.mask

    def why_blocked(self, match: Match, heeds: Collection[str], excuses: Collection[tuple[int, ...]]) -> str:
        """Why ``match`` does not count, in words for people; empty where it does."""
        said = self._where_said(match)
        if "denied" in heeds and self._is_denied(match):
            return "denied"
        if "animal" in heeds and self._is_animal(match):
            return "an animal"
        if "told" in heeds and self._is_told(said):
            return "told of others"
        if "supposed" in heeds and self._is_supposed(said):
            return "supposed"
        if "asked" in heeds and self._is_asked_in_general(said):
            return "asked in general"
        if "past" in heeds and self._is_past(match if self._is_end(match.sign) else said):
            return "past and over"
        if self._is_excused(match, excuses):
            return "explained by something harmless"
        return ""

    def _where_said(self, match: Match) -> Match:
        """``match`` as far as it stands in the sentence of its sign: a question before it may only name the back."""
        sentences, sentence = self._reading.sentences, self._reading.sentences[match.sign.start]
        start = next(index for index in range(match.start, match.sign.end) if sentences[index] == sentence)
        end = next((index for index in range(match.sign.end, match.end) if sentences[index] != sentence), match.end)
        return Match(match.sign, match.mask, start, end)

    def _is_end(self, sign: Occurrence) -> bool:
        """Whether ``sign`` only says that something ended: "as a kid both legs were numb. It went away"."""
        return any(over.mask & sign.mask == sign.mask for over in self._at("over"))

    def _at(self, cue: str) -> list[Occurrence]:
        return self._found.get(self._is.cue[cue], [])

    def _clause_starts(self) -> list[int]:
        """For each word the index at which its clause begins."""
        reading = self._reading
        starts: list[int] = []
        start = 0
        for index, word in enumerate(reading.words):
            if reading.breaks[index] != 0 or (
                word in self._is.contrasts or (word in self._is.joining and self._begins_thought(index + 1))
            ):
                start = index
            starts.append(start)
        return starts

    def _begins_thought(self, index: int) -> bool:
        reading = self._reading
        return index < len(reading.words) and (bool(reading.owned[index]) or reading.words[index] in self._is.subjects)

    def _denial_spans(self) -> list[tuple[int, int, int]]:
        """Reach of each denial: (mask of the cue, first word, word after the last)."""
        spared = 0
        for occurrence in self._at("not_denials"):
            spared |= occurrence.mask
        spans = []
        for name in ("denials", "whole_denials"):
            for cue in self._at(name):
                if not cue.mask & spared:
                    spans.append((cue.mask, cue.end, self._denial_end(cue, is_whole=name == "whole_denials")))
        return spans

    def _denial_end(self, cue: Occurrence, *, is_whole: bool) -> int:
        reading = self._reading
        is_named = not is_whole  # whose trouble is denied: "it's not that I …"
        for index in range(cue.end, len(reading.words)):
            word, gap = reading.words[index], reading.breaks[index]
            if gap >= STOP or word in self._is.contrasts or index - cue.end >= LONGEST_DENIAL:
                return index
            if gap == COMMA and not self._list_goes_on(index):
                return index
            if word in self._is.joining and not self._list_goes_on(index + 1):
                return index
            if word in self._is.subjects and reading.words[index - 1] not in self._is.subjects:
                if is_named and index > cue.end:
                    return index
                is_named = True
        return len(reading.words)

    def _list_goes_on(self, index: int) -> bool:
        """Whether the words from ``index`` on read like one more item of a denied list."""
        words = self._reading.words
        if index >= len(words):
            return False
        if words[index] in {"or", "nor"}:
            return not self._begins_thought(index + 1)
        if words[index] in self._is.joining:
            return self._list_goes_on(index + 1)
        if words[index] in self._is.listed:
            return True
        later = words[index + 1 : index + 4]
        return not self._begins_thought(index) and any(
            word in {"or", "nor"} and not self._begins_thought(index + 2 + offset) for offset, word in enumerate(later)
        )

    def _is_denied(self, match: Match) -> bool:
        sign = match.sign
        for cue_mask, start, end in self._denials:
            if not cue_mask & match.mask and start <= sign.start < end:
                return True
        if self._is_answered_no(match) or self._is_cleared(match):
            return True
        return any(self._settles(settled, match) for settled in self._at("settled") if not settled.mask & match.mask)

    def is_absent(self, company: Occurrence, sign: Occurrence) -> bool:
        """Whether ``company`` is denied or fine where it stands, and so can't complete ``sign``, which stands elsewhere.

        "He denies chest pain. The ache is from the cabinets." is no aching chest, nor are "chest is fine, ribs sore" and
        "no chest pain, just a tight back".
        """
        reading = self._reading
        if any(
            start <= company.start < end
            and (reading.sentences[company.start] != reading.sentences[sign.start] or self._is_closed(end, sign))
            and not cue_mask & sign.mask
            for cue_mask, start, end in self._denials
        ):
            return True
        if self._is_contrasted(company):
            return True
        if self._clauses[company.start] == self._clauses[sign.start]:
            return False
        return any(
            company.end <= settled.start <= company.end + 1 and not any(reading.breaks[company.end : settled.start + 1])
            for settled in self._at("settled")
        )

    def _is_closed(self, end: int, sign: Occurrence) -> bool:
        """Whether a denial that reaches up to ``end`` was over at a comma before ``sign``."""
        return end <= sign.start and self._reading.breaks[end] != 0

    def _is_contrasted(self, thing: Occurrence) -> bool:
        """Whether ``thing`` is what it is not: "woken by the baby, not the back", "not because of my back"."""
        words, start = self._reading.words, thing.start
        if start and words[start - 1] in _CAUSED_BY:
            start -= 1
        return start > 1 and words[start - 1] == "not" and self._reading.breaks[start - 1] == COMMA

    def _is_answered_no(self, match: Match) -> bool:
        """Whether the writer asks and answers: "short of breath? no."."""
        reading, sign = self._reading, match.sign
        sentence = reading.sentences[sign.start]
        if reading.asks[sentence : sentence + 1] != [True]:
            return False
        length = reading.sentences.count(sentence)
        answer = next((i for i in range(sign.end, len(reading.words)) if reading.sentences[i] != sentence), None)
        if answer is None or length > SHORT_QUESTION or reading.words[answer] not in self._is.answers_no:
            return False
        return answer + 1 == len(reading.words) or reading.breaks[answer + 1] >= COMMA

    def _is_cleared(self, match: Match) -> bool:
        """Whether somebody asked for the sign and all was well: "the nurse asked about numbness, bladder, fever, all no"."""
        words, sentences, sign = self._reading.words, self._reading.sentences, match.sign
        sentence = sentences[sign.start]
        return any(
            asked.end <= sign.start
            and sentences[asked.start] == sentence
            and sign.end <= cleared.start
            and sentences[cleared.start] - sentence in (0, 1)
            and cleared.start - sign.end <= CLEARED_WITHIN
            and self._is_stated(cleared)
            and self._is.unclear.isdisjoint(words[asked.end : cleared.start])
            and not self._is_own_question(asked)
            and not any(self._begins_statement(index) for index in range(asked.end, sign.start))
            for asked in self._at("examined")
            for cleared in self._at("cleared")
        )

    def _is_own_question(self, asked: Occurrence) -> bool:
        """Whether the writer is who asked: "I asked about ice, my groin is numb"."""
        start = asked.start
        return self._reading.words[start].startswith("ask") and not _WRITERS.isdisjoint(
            self._reading.words[max(0, start - 2) : start]
        )

    def _begins_statement(self, index: int) -> bool:
        """Whether somebody says something here: "asked about my back, I have …", but not "asked if I have …"."""
        words = self._reading.words
        return words[index] in self._is.subjects and words[index - 1] not in _ASKING

    def _settles(self, settled: Occurrence, match: Match) -> bool:
        """Whether the sign itself is fine ("numbness: none"), and not another one ("numb foot, strength is fine")."""
        reading = self._reading
        if not match.sign.end <= settled.start <= match.end + SETTLED_WITHIN:
            return False
        between = range(match.sign.end, settled.start + 1)
        commas = [index for index in between if reading.breaks[index] >= COMMA]
        return (
            reading.sentences[settled.start] == reading.sentences[match.end - 1]
            and self._clauses[settled.start] <= match.end
            and all(index == settled.start for index in commas)
            and self._is_stated(settled)
        )

    def _is_stated(self, settled: Occurrence) -> bool:
        """Whether a thought ends with ``settled``, and not in a question; else it is of something else ("no problem with …")."""
        reading, end = self._reading, settled.end
        if end == len(reading.words):
            return not reading.asks[reading.sentences[end - 1]]
        return COMMA <= reading.breaks[end] < QUESTION

    def _is_animal(self, match: Match) -> bool:
        """Whether an animal or a thing that comes before the sign is the one that has it."""
        reading, sign = self._reading, match.sign
        return not self._befell_me(sign) and any(
            animal.end <= sign.start
            and self._is_subject(animal)
            and reading.sentences[animal.start] == reading.sentences[sign.start]
            and reading.places[sign.start] - reading.places[animal.end - 1] <= FAR_FROM_ANIMAL
            and not any(self._is_somebody(index) for index in range(animal.end, self._end_of_thought(sign)))
            for animal in self._at("animals")
        )

    def _befell_me(self, sign: Occurrence) -> bool:
        """Whether it happened to the writer: "the shelf collapsed on me"."""
        return self._reading.owned[sign.end : sign.end + 1] == ["me"]

    def _end_of_thought(self, sign: Occurrence) -> int:
        """Where ``sign`` ends, without a last word behind a comma: "the mare can't stand, I …"."""
        return sign.end - 1 if self._reading.breaks[sign.end - 1] and sign.end - 1 > sign.start else sign.end

    def _is_subject(self, thing: Occurrence) -> bool:
        """Whether ``thing`` begins its clause, nobody being named before it, and nothing is compared with it."""
        start = self._clauses[thing.start]
        if thing.mask & self.idiom_mask or (thing.start and self._reading.words[thing.start - 1] in _NO_SUBJECT_AFTER):
            return False
        return thing.start - start <= OPENS_WITHIN and self._named.isdisjoint(range(start, thing.start))

    def _is_somebody(self, index: int) -> bool:
        """Whether a person speaks or is named here; "she" and "her" may be the cow."""
        if self._reading.owned[index]:
            return self._reading.owned[index] not in _THIRD_PERSON
        return index in self._named and self._reading.words[index] not in _THIRD_PERSON

    def _is_told(self, match: Match) -> bool:
        """Whether the sign is news of others ("read about …", "a film in which …"), nobody of the writer's in it."""
        start = self._clauses[match.start]
        return self._is_of_a_story(match) or any(
            start <= told.start <= match.end
            and self._clauses[told.start] < match.end
            and not told.mask & match.mask
            and not any(told.end <= person < match.end and counts(person) for person in self._people)
            for cue, counts in (("told", lambda _: True), ("fiction", self._is_real))
            for told in self._at(cue)
        )

    def _is_of_a_story(self, match: Match) -> bool:
        """Whether a stranger in a story named earlier in the sentence has it: "watching a film, the guy can't …"."""
        reading = self._reading
        return any(
            reading.sentences[story.start] == reading.sentences[match.end - 1]
            and any(
                reading.words[index] in _STRANGERS and not reading.owned[index]
                for index in range(max(0, story.start - STRANGER_BEFORE), match.end)
            )
            and not any(story.end <= person < match.end and self._is_real(person) for person in self._people)
            for cue in ("fiction", "told")
            for story in self._at(cue)
            if story.end <= match.start and not story.mask & match.mask
        )

    def _is_real(self, index: int) -> bool:
        """Whether a person named in a story is one of the writer's own: "he" and "the girl" are people of the story."""
        return self._is_somebody(index) and self._reading.words[index] not in _ANYBODY_IN_A_STORY

    def _is_supposed(self, match: Match) -> bool:
        reading = self._reading
        for cue in self._at("supposed"):
            is_reached = cue.start <= match.start < cue.end + LONGEST_SUPPOSITION
            if not is_reached or self._is_torn(cue) or cue.mask & match.sign.mask == cue.mask:
                continue
            between = range(cue.end, match.start + 1)
            if any(reading.breaks[i] >= COMMA or reading.words[i] in self._is.contrasts for i in between):
                continue
            return True
        return False

    def _is_torn(self, cue: Occurrence) -> bool:
        """Whether a new thought begins at the last word of ``cue``: "not like before, I …" is no "before I"."""
        last = cue.end - 1
        return last > cue.start and self._reading.breaks[last] != 0 and self._reading.words[last] in self._is.subjects

    def _is_asked_in_general(self, match: Match) -> bool:
        start, words = self._clauses[match.start], self._reading.words
        openers = [
            o
            for o in self._at("openers")
            if self._opens(start, o) and o.start <= match.start and not o.mask & match.mask
        ]
        if not openers:
            return self._speaks_of_anyone(match, start)
        for opener in openers:
            asked_person = opener.end if words[opener.end - 1] in self._is.modals else -1
            if asked_person in self._people and match.start - asked_person <= 2:
                return True
            anyone = next((i for i in range(opener.end, match.start) if words[i] in self._is.anyone), len(words))
            if any(
                opener.end <= person < match.end
                and person != asked_person
                and not (person > anyone and (words[person] in _PLURAL or self._reading.owned[person] in _PLURAL))
                for person in self._people
            ):
                return False
        return True

    def _opens(self, start: int, opener: Occurrence) -> bool:
        """Whether ``opener`` begins the clause at ``start``: "is pain …", "hi, so is pain …", but not "pain is …"."""
        return start <= opener.start <= start + OPENS_WITHIN and all(
            word in self._is.before_question or word in self._is.joining or word in self._is.contrasts
            for word in self._reading.words[start : opener.start]
        )

    def _speaks_of_anyone(self, match: Match, start: int) -> bool:
        words = self._reading.words
        has_anyone = any(
            words[index] in self._is.anyone and not words[index + 1].startswith("else")
            for index in range(start, match.start)
        )
        return has_anyone and not any(start <= person < match.end for person in self._people)

    def _is_past(self, match: Match) -> bool:
        reading, clauses = self._reading, self._clauses
        sentence, clause = reading.sentences[match.start], clauses[match.start]
        past = [
            o
            for o in self._at("past")
            if reading.sentences[o.start] == sentence and (not o.mask & match.mask or o.start < match.start)
        ]
        if not past:
            return False
        overs = [
            o for o in self._at("over") if not o.mask & match.mask and not any(reading.breaks[o.start + 1 : o.end])
        ]
        settled = 0
        for occurrence in overs:
            settled |= occurrence.mask
        after = match.sign.end
        until = next((i for i in range(after, len(clauses)) if clauses[i] >= after), len(clauses))
        current = [o for o in self._at("now") if not o.mask & (match.mask | settled)]
        is_over = any(abs(reading.places[o.start] - reading.places[match.start]) < PAST_AND_OVER for o in overs)
        is_now = any(clause <= o.start < until or reading.words[o.start] == "until" for o in current)
        return not is_now and (is_over or not any(reading.sentences[o.start] == sentence for o in current))

    def _is_excused(self, match: Match, excuses: Collection[tuple[int, ...]]) -> bool:
        """Whether one of ``excuses`` is met near by; one of several concepts (a cause, and that it passed) needs all."""
        excused = any(all(self._explains(concept, match) for concept in excuse) for excuse in excuses)
        return excused and not self._is_lasting(match)

    def _is_lasting(self, match: Match) -> bool:
        """Whether the sign stayed when its cause was over: "numb after kneeling, and it never came back"."""
        places = self._reading.places
        return any(abs(places[o.start] - places[match.end - 1]) <= NEAR_EXCUSE for o in self._at("lasting"))

    def _explains(self, concept: int, match: Match) -> bool:
        places = self._reading.places
        return any(
            excuse.mask & match.mask == excuse.mask
            or min(abs(places[excuse.start] - places[match.end - 1]), abs(places[match.start] - places[excuse.end - 1]))
            <= NEAR_EXCUSE
            for excuse in self._found.get(concept, ())
            if not self._is_refused(excuse) and not self._is_asked_for(excuse, match)
        )

    def _is_asked_for(self, excuse: Occurrence, match: Match) -> bool:
        """Whether the excuse stands in another question: "my foot is numb, does ice help?", "does ice help? foot numb"."""
        sentence = self._reading.sentences[excuse.start]
        if self._reading.asks[sentence] and sentence != self._reading.sentences[match.sign.start]:
            return True
        return any(
            match.end <= opener.start <= excuse.start and self._opens(self._clauses[opener.start], opener)
            for opener in self._at("openers")
        )

    def _is_refused(self, excuse: Occurrence) -> bool:
        """Whether the excuse itself is denied: "trousers fall down, not dieting"."""
        if any(cue.start < excuse.start < cue.end for cue in self._at("not_denials")):
            return True
        return any(
            start <= excuse.start < min(end, start + REFUSED_WITHIN) and not cue_mask & excuse.mask
            for cue_mask, start, end in self._denials
        )
