"""Decides what a message is answered with. Pure: no clock, no I/O, no async."""

from bot.assistant.assistant import Assistant, Overrides, build

__all__ = ["Assistant", "Overrides", "build"]
