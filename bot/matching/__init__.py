"""Finds the entry that a message asks for, on the vectors that the message already has. Nothing here knows about backs."""

from bot.matching.matcher import Matcher
from bot.matching.ranking import Candidate, Confidence, Ranking

__all__ = ["Candidate", "Confidence", "Matcher", "Ranking"]
