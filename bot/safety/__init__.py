"""Screening: medical red flags in what a patient typed. Always the first line of a reply."""

from bot.safety.levels import Finding, Heard, Level, Screening
from bot.safety.screening import Screener

__all__ = ["Finding", "Heard", "Level", "Screener", "Screening"]
