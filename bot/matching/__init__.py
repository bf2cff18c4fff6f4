"""Finds the entry that an utterance asks for.

The path of one utterance: words, slips corrected (``features.Reader``) → stems and the lexicon's concepts → weighted
features (``features.Space``) → scores by learned weights (``learning``) → probabilities and confidence
(``confidence``) → a ``Ranking``. What is learned comes from the content alone; nothing here knows about backs.
"""

from bot.matching.matcher import Matcher
from bot.matching.model import Model, build, weights
from bot.matching.ranking import Candidate, Confidence, Ranking

__all__ = ["Candidate", "Confidence", "Matcher", "Model", "Ranking", "build", "weights"]
