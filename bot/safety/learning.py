"""Learns the second listener from the content's own lines. Slow (seconds), deterministic, apart from serving."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bot import text, vocabulary
from bot.content import Content, RedFlags
from bot.content.red_flags import HARMLESS
from bot.learning import logistic
from bot.learning.storing import keep_newest, load_arrays, save_arrays
from bot.safety.listener import Floats, Halves, Listener, found_in, weighed
from bot.safety.screening import Screener
from bot.safety.traits import BLOCKS, WIDTH, Places, Traits

# Weight of half the squared norm against the summed loss of lines of weight 1; steps of the solver. More of either
# gained nothing (cross-validation over writers).
PENALTY = 0.1
STEPS = 20
# Overheard speech teaches more than the orderly phrasings of the FAQ, of which there are many.
OVERHEARD_WEIGHT, FAQ_WEIGHT, OTHER_WEIGHT = 2.0, 1.0, 0.3
# Below this many lines of either kind there is nothing to learn: the rules stand alone.
FEWEST_LINES = 100
SMOOTHING = 0.1
_AT_A_TIME = 1_000  # lines
KEPT = 4

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Line:
    """A message to learn from: its rule or ``harmless``, its weight, and who wrote it (for cross-validation)."""

    text: str
    rule: str
    weight: float = 1.0
    writer: str = ""


def listening(content: Content, cache_dir: Path | None = None) -> Screener:
    """The screener of ``content`` with its second listener, or without it (and degraded) where that fails."""
    screener = _compiled(content.red_flags)
    try:
        listener = learned(content, screener, cache_dir)
    except Exception:  # a broken listener must not take the rules with it
        return screener.without_listener()
    return screener.with_listener(listener) if listener else screener


class Reads(Protocol):
    """Gives the traits of a line: a screener, or what remembers what one said."""

    def traits(self, text: str) -> Traits: ...


_last: tuple[RedFlags, Screener] | None = None


def _compiled(red_flags: RedFlags) -> Screener:
    """The rules compiled; those compiled last are kept, since an edit of anything else leaves the very same rules."""
    global _last
    if _last is None or _last[0] is not red_flags:
        _last = red_flags, Screener(red_flags)
    return _last[1]


def learned(content: Content, screener: Reads, cache_dir: Path | None = None) -> Listener | None:
    """The listener for ``content``, from ``cache_dir`` if kept there; None if there are too few lines."""
    lines = lines_of(content)
    rules = tuple(rule.id for rule in content.red_flags.rules if rule.level != "soon")
    alarming = sum(line.rule != HARMLESS for line in lines)
    if min(alarming, len(lines) - alarming) < FEWEST_LINES:
        return None
    emergencies = np.array([rule.level == "emergency" for rule in content.red_flags.rules if rule.level != "soon"])
    path = cache_dir / f"listener-{fingerprint(content, lines)}.npz" if cache_dir else None
    if path and (kept := load(path, rules, emergencies)):
        return kept
    listener = learn([screener.traits(line.text) for line in lines], lines, rules, emergencies)
    if path and cache_dir:
        save(path, listener)
        keep_newest(cache_dir, "listener-*.npz", KEPT)
    return listener


def lines_of(content: Content, *, with_soon: bool = False) -> list[Line]:
    """Every line that the listener learns from, each text once. Those of `soon` rules say neither alarm nor harmless and
    are left out, unless asked for ``with_soon``."""
    soon = set() if with_soon else {rule.id for rule in content.red_flags.rules if rule.level == "soon"}
    lines = [
        Line(message, rule, OVERHEARD_WEIGHT, name.rsplit("/", 1)[-1].removesuffix(".yaml"))
        for name, overheard in content.overheard.items()
        for rule, messages in overheard.root.items()
        for message in messages
    ]
    for rule in content.red_flags.rules:
        lines += [Line(message, rule.id, 1, "rules") for message in rule.must_fire]
        lines += [Line(message, HARMLESS, OVERHEARD_WEIGHT, "rules") for message in rule.must_not_fire]
    for entry in content.entries.values():
        lines += [Line(message, HARMLESS, FAQ_WEIGHT, f"faq-{entry.id}") for message in entry.phrasings]
    for tests in content.utterances:
        lines += [Line(message, HARMLESS, FAQ_WEIGHT, f"faq-{tests.entry}") for message in tests.utterances]
    for talk in content.small_talk.values():
        lines += [Line(message, HARMLESS, OTHER_WEIGHT, "other") for message in talk.phrasings]
    lines += [Line(message, HARMLESS, OTHER_WEIGHT, "other") for message in content.out_of_scope]
    unique = {line.text: line for line in reversed(lines) if line.rule not in soon}
    return list(reversed(unique.values()))


def learn(
    heard: Sequence[Traits], lines: Sequence[Line], rules: tuple[str, ...], emergencies: NDArray[np.bool_]
) -> Listener:
    """A listener from the traits of ``lines``. ``emergencies`` says by rule whether it is one."""
    places, rarity = _rarity(heard)
    known = _known(heard, places, rarity)
    levels = dict(zip(rules, emergencies.tolist(), strict=True))
    is_alarm = np.array([line.rule in levels for line in lines])
    weight = np.array([line.weight for line in lines])
    alarm, constant = _fit(known, len(places), is_alarm, weight)
    alarming = np.flatnonzero(is_alarm).tolist()
    is_emergency = np.array([levels[lines[at].rule] for at in alarming])
    chosen = [heard[at] for at in alarming]
    if is_emergency.all() or not is_emergency.any():
        emergency, second = np.zeros(len(places)), 30.0 if is_emergency.all() else -30.0
    else:
        alarms = [some.of(lines) for some, lines in zip(known, _by_piece(is_alarm, known), strict=True)]
        emergency, second = _fit(alarms, len(places), is_emergency, weight[alarming])
    slots, by_rule = _by_rule(chosen, [lines[at].rule for at in alarming], rules, places)
    return Listener(
        places, rarity, alarm.astype(np.float16), emergency.astype(np.float16), (constant, second), slots, by_rule, rules,
        emergencies,
    )  # fmt: skip


def _rarity(heard: Sequence[Traits]) -> tuple[Places, Halves]:
    """The places that stand in lines enough to count, ascending, and their inverse document frequency."""
    rarity = np.zeros(WIDTH, np.float16)
    for block, (_, fewest) in enumerate(BLOCKS.values()):
        seen = np.bincount(np.concatenate([one.blocks[block] for one in heard]), minlength=WIDTH)
        counts = seen >= fewest
        rarity[counts] = np.log((1 + len(heard)) / (1 + seen[counts])) + 1
    places = np.flatnonzero(rarity)
    return places.astype(np.int32), rarity[places]


@dataclass(frozen=True, slots=True)
class _Known:
    """The traits that count of some lines, one line after the other: ``counts`` of each, at which place, how strong."""

    counts: NDArray[np.intp]
    at: NDArray[np.intp]
    values: Floats

    def of(self, lines: NDArray[np.bool_]) -> "_Known":
        """Those of some of its ``lines``."""
        chosen = np.repeat(lines, self.counts)
        return _Known(self.counts[lines], self.at[chosen], self.values[chosen])

    def times(self, weights: Floats) -> Floats:
        """The sum of each line's traits, ``weights`` by place."""
        sums = np.zeros(len(self.counts), np.float32)
        filled = np.flatnonzero(self.counts)
        if len(filled):
            starts = np.cumsum(self.counts)[filled] - self.counts[filled]
            sums[filled] = np.add.reduceat(self.values * weights[self.at], starts)
        return sums

    def back(self, signal: Floats, size: int) -> Doubles:
        """The sum of each of ``size`` places over lines that have so much ``signal``."""
        sums: Doubles = np.bincount(self.at, self.values * np.repeat(signal, self.counts), size).astype(
            np.float64, copy=False
        )
        return sums


def _known(heard: Sequence[Traits], places: Places, rarity: Halves) -> list[_Known]:
    """The traits of all lines, so many lines at a time as a processor keeps near itself (1 MB)."""
    number = np.full(WIDTH, -1, np.int32)
    number[places] = np.arange(len(places))
    found = []
    for low in range(0, len(heard), _AT_A_TIME):
        lines = heard[low : low + _AT_A_TIME]
        at = number[np.concatenate([block for one in lines for block in one.blocks])]
        sizes = [len(block) for one in lines for block in one.blocks]
        is_known = at >= 0
        at, block = at[is_known].astype(np.intp), np.repeat(np.arange(len(sizes)), sizes)[is_known]
        counts = np.bincount(block // len(BLOCKS), minlength=len(lines))
        found.append(_Known(counts, at, weighed(at, block, len(lines), rarity)))
    return found


def _by_piece(values: NDArray[Any], known: Sequence[_Known]) -> list[NDArray[Any]]:
    """``values`` of all lines, cut as ``known`` is."""
    return np.split(values, np.cumsum([len(some.counts) for some in known])[:-1])


def _fit(known: Sequence[_Known], size: int, is_so: NDArray[np.bool_], weight: Doubles) -> tuple[Doubles, float]:
    """Logistic regression on lines of ``size`` places, both kinds weighing the same in all; weights by place and the
    constant."""
    share = weight * np.where(is_so, 0.5 / weight[is_so].sum(), 0.5 / weight[~is_so].sum()) * len(is_so)
    sign = np.where(is_so, 1.0, -1.0)

    def loss(point: Doubles) -> tuple[float, Doubles]:
        weights = point[:size].astype(np.float32)
        margin = sign * (np.concatenate([some.times(weights) for some in known]) + point[size])
        signal = -sign * share / (1 + np.exp(np.clip(margin, -50, 50)))
        slope = PENALTY * point
        for some, its_signal in zip(known, _by_piece(signal.astype(np.float32), known), strict=True):
            slope[:size] += some.back(its_signal, size)
        slope[size] = signal.sum()
        value = float(share @ np.logaddexp(0, -margin)) + 0.5 * PENALTY * float(point[:size] @ point[:size])
        return value, slope

    point = logistic.minimize(loss, np.zeros(size + 1), STEPS)
    return point[:size], float(point[size])


def _by_rule(
    heard: Sequence[Traits], own: Sequence[str], rules: tuple[str, ...], places: Places
) -> tuple[Places, NDArray[np.int8]]:
    """By word and concept, how much more often it stands in lines of a rule than in lines of all rules: the natural
    logarithm in steps of 1/16, at most 8 either way."""
    number = {rule: at for at, rule in enumerate(rules)}
    known = [np.concatenate((one.blocks[0], one.blocks[2])) for one in heard]
    flat = np.concatenate(known)
    rule = np.repeat([number[name] for name in own], [len(one) for one in known])
    _, counts = found_in(places, flat)
    slots, at = np.unique(flat[counts], return_inverse=True)
    seen = np.bincount(at * len(rules) + rule[counts], minlength=len(slots) * len(rules)).reshape(-1, len(rules))
    shares = (seen + SMOOTHING) / (seen.sum(axis=0) + SMOOTHING * len(slots))
    telling = np.log(shares / shares.mean(axis=1, keepdims=True)) * 16
    return slots.astype(np.int32), np.clip(np.round(telling), -127, 127).astype(np.int8)


def fingerprint(content: Content, lines: Sequence[Line]) -> str:
    """16 hex digits that change with anything that is learned from, and with the code that learns."""
    digest = hashlib.sha256(content.red_flags.model_dump_json().encode())
    digest.update("\n".join(f"{line.rule} {line.weight} {line.text}" for line in lines).encode())
    shared = (Path(str(module.__file__)) for module in (text, vocabulary, logistic))
    for path in sorted([*Path(__file__).parent.glob("*.py"), *shared]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


TABLES = ("places", "rarity", "alarm", "emergency", "slots", "by_rule")


def save(path: Path, listener: Listener) -> bool:
    """Keeps ``listener`` in ``path``; False if that can't be written."""
    tables = {name: getattr(listener, name) for name in TABLES}
    return save_arrays(path, {**tables, "constants": np.array(listener.constants)})


def load(path: Path, rules: tuple[str, ...], emergencies: NDArray[np.bool_]) -> Listener | None:
    """The listener kept in ``path``, or None if there is none that can be read and fits ``rules``."""
    kept = load_arrays(path)
    try:
        if kept is None or not _fits(kept, len(rules)):
            return None
        tables = {name: kept[name] for name in TABLES}
        first, second = kept["constants"].tolist()
    except (KeyError, ValueError):
        return None
    return Listener(**tables, constants=(first, second), rules=rules, emergencies=emergencies)


def _fits(kept: Mapping[str, NDArray[Any]], rules: int) -> bool:
    """Whether kept tables are weights, one for each place, of so many rules."""
    size = len(kept["places"])
    one_each = [kept[name] for name in ("rarity", "alarm", "emergency")]
    return (
        size > 0
        and all(table.shape == (size,) and table.dtype == np.float16 for table in one_each)
        and all(np.isfinite(table).all() for table in one_each)
        and kept["by_rule"].shape == (len(kept["slots"]), rules)
        and kept["by_rule"].dtype == np.int8
    )
