"""Learns the second listener from the content's own lines. Slow (seconds), deterministic, apart from serving."""

import hashlib
import io
import os
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bot.content import Content
from bot.content.red_flags import HARMLESS
from bot.safety.listener import NARROW, WIDTH, Floats, Indices, Listener
from bot.safety.screening import Screener

STEPS = 120
PENALTY = 0.002
FOLDS = 4
# Shares of harmless lines that the listener may ask about, and raise wrongly, when judged on lines it has not seen.
ASK_SHARE = 0.06
RAISE_SHARE = 0.01
NONE = "none"


def listening(content: Content, cache_dir: Path | None = None) -> Screener:
    """The screener of ``content`` with its second listener, or without it where that can't be had."""
    screener = Screener(content.red_flags)
    try:
        listener = learned(content, screener, cache_dir)
    except Exception:  # a broken listener must not take the rules with it
        return screener
    return screener.with_listener(listener) if listener else screener


def learned(content: Content, screener: Screener, cache_dir: Path | None = None) -> Listener | None:
    """The listener for ``content``, from ``cache_dir`` if kept there; None if there are no lines to learn from."""
    lines = lines_of(content)
    levels = {rule.id: rule.level for rule in content.red_flags.rules}
    rules = tuple(rule for rule, level in levels.items() if level != "soon")
    if sum(rule in rules for _, rule in lines) < FOLDS or all(rule in rules for _, rule in lines):
        return None
    path = cache_dir / f"listener-{_fingerprint(content, lines)}.npz" if cache_dir else None
    if path and (kept := _load(path, rules)):
        return kept
    examples = [(screener.features(text), rule) for text, rule in lines if rule == NONE or rule in rules]
    listener = learn([(row, rule) for row, rule in examples if len(row)], rules)
    if path:
        _save(path, listener)
    return listener


def lines_of(content: Content) -> list[tuple[str, str]]:
    """(text, rule or "none") of every line that the listener learns from."""
    lines = [(text, rule.id) for rule in content.red_flags.rules for text in rule.must_fire]
    lines += [(text, NONE) for rule in content.red_flags.rules for text in rule.must_not_fire]
    lines += [(text, NONE) for entry in content.entries.values() for text in entry.phrasings]
    for overheard in content.overheard.values():
        for rule, texts in overheard.root.items():
            lines += [(text, NONE if rule == HARMLESS else rule) for text in texts]
    return list(dict.fromkeys(lines))


def learn(examples: Sequence[tuple[Indices, str]], rules: tuple[str, ...]) -> Listener:
    """A listener from (features, rule) pairs; "none" as rule says harmless."""
    rows = [row for row, _ in examples]
    target = np.array([rule != NONE for _, rule in examples], np.float64)
    fold = np.arange(len(rows)) % FOLDS
    unseen = np.zeros(len(rows))
    for held_out in range(FOLDS):
        inside = np.flatnonzero(fold != held_out)
        weights = _fit([rows[i] for i in inside], target[inside])
        for i in np.flatnonzero(fold == held_out):
            unseen[i] = _logit(weights, rows[i])
    harmless = np.sort(unseen[target == 0])
    weights = _fit(rows, target)
    return Listener(
        weights.astype(np.float32),
        _by_rule(examples, rules),
        rules,
        _certainty(_quantile(harmless, 1 - ASK_SHARE)),
        _certainty(_quantile(harmless, 1 - RAISE_SHARE)),
    )


def _fit(rows: Sequence[Indices], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logistic regression over binary features, each row scaled to length 1; full-batch AdaGrad."""
    lengths = np.array([len(row) for row in rows])
    flat = np.concatenate(rows)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    scale = 1 / np.sqrt(lengths)
    weights = np.zeros(WIDTH + 1)
    squares = np.full(WIDTH + 1, 1e-8)
    for _ in range(STEPS):
        logits = np.add.reduceat(weights[flat], starts) * scale + weights[WIDTH]
        error = (1 / (1 + np.exp(-np.clip(logits, -30, 30))) - target) / len(rows)
        slope = np.empty(WIDTH + 1)
        slope[:WIDTH] = (
            np.bincount(flat, np.repeat(error * scale, lengths), WIDTH) + PENALTY / len(rows) * weights[:WIDTH]
        )
        slope[WIDTH] = error.sum()
        squares += slope**2
        weights -= 0.5 * slope / np.sqrt(squares)
    return weights


def _logit(weights: NDArray[np.float64], row: Indices) -> float:
    return float(weights[row].sum() / max(len(row), 1) ** 0.5 + weights[WIDTH])


def _by_rule(examples: Sequence[tuple[Indices, str]], rules: tuple[str, ...]) -> Floats:
    """How much more often a feature stands in lines of a rule than in lines of all rules, as logarithm."""
    counts = np.full((NARROW, len(rules)), 0.1)
    number = {rule: i for i, rule in enumerate(rules)}
    for row, rule in examples:
        if rule in number:
            np.add.at(counts, (row & (NARROW - 1), number[rule]), 1)
    shares = counts / counts.sum(axis=0)
    result: Floats = np.log(shares / shares.mean(axis=1, keepdims=True)).astype(np.float32)
    return result


def _quantile(ordered: NDArray[np.float64], share: float) -> float:
    return float(ordered[min(int(share * len(ordered)), len(ordered) - 1)])


def _certainty(logit: float) -> float:
    return float(1 / (1 + np.exp(-logit)))


def _fingerprint(content: Content, lines: Sequence[tuple[str, str]]) -> str:
    digest = hashlib.sha256(content.red_flags.model_dump_json().encode())
    digest.update("\n".join(f"{rule} {text}" for text, rule in lines).encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _save(path: Path, listener: Listener) -> None:
    arrays: Mapping[str, NDArray[np.float32]] = {
        "weights": listener.weights,
        "by_rule": listener.by_rule,
        "at": np.array([listener.ask_at, listener.raise_at], np.float32),
    }
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(buffer.getbuffer())
        part.replace(path)
    except OSError:
        return  # a cache only: next time it is learned again


def _load(path: Path, rules: tuple[str, ...]) -> Listener | None:
    try:
        with np.load(path, allow_pickle=False) as kept:
            weights, by_rule, at = kept["weights"], kept["by_rule"], kept["at"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    if weights.shape != (WIDTH + 1,) or by_rule.shape != (NARROW, len(rules)) or at.shape != (2,):
        return None
    return Listener(weights, by_rule, rules, float(at[0]), float(at[1]))
