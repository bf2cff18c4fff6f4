"""Finds the entry that an utterance asks for.

The path of one utterance: words, slips corrected (``features.Reader``) → stems and the lexicon's concepts → weighted
features (``features.Space``) → scores by learned weights (``learning``) → probabilities and confidence
(``confidence``) → a ``Ranking``. What is learned comes from the content alone; nothing here knows about backs.
"""

import os

# One message is too little work to share: threads of the linear algebra only wait for each other, and on a busy
# machine they wait long (measured: 8 ms a message with one, 60 ms with two). Read by numpy when it is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from bot.matching.matcher import Matcher
from bot.matching.model import Model, build, weights
from bot.matching.ranking import Candidate, Confidence, Ranking

__all__ = ["Candidate", "Confidence", "Matcher", "Model", "Ranking", "build", "weights"]
